//! Requests that wait for their answers.

use std::collections::VecDeque;

use tokio::time::Instant;

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// The owner of the socket, who knows the request by this ticket.
    Owner(u64),
    /// The keep-alive, at this moment.
    Clock(Instant),
}

struct Waiting {
    id: u64,
    asker: Asker,
    until: Instant,
}

/// Requests in the order they were asked, which is that of their ids and of their deadlines.
#[derive(Default)]
pub(super) struct Pending {
    waiting: VecDeque<Waiting>,
    last_id: u64,
}

impl Pending {
    /// Remembers a request and names it; the name is unique on this socket.
    pub(super) fn ask(&mut self, asker: Asker, until: Instant) -> u64 {
        self.last_id += 1;
        self.waiting.push_back(Waiting { id: self.last_id, asker, until });
        self.last_id
    }

    /// Forgets a request because it was answered, or never written.
    pub(super) fn take(&mut self, id: u64) -> Option<Asker> {
        let place = self.waiting.binary_search_by_key(&id, |waiting| waiting.id).ok()?;
        self.waiting.remove(place).map(|waiting| waiting.asker)
    }

    /// When the next request has waited long enough.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.waiting.front().map(|waiting| waiting.until)
    }

    /// Forgets one request that has waited until `now`.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Asker> {
        if self.deadline()? > now {
            return None;
        }
        self.waiting.pop_front().map(|waiting| waiting.asker)
    }

    /// Forgets all requests; the tickets of the owner's are returned, oldest first.
    pub(super) fn abandon(&mut self) -> impl Iterator<Item = u64> {
        std::mem::take(&mut self.waiting).into_iter().filter_map(|waiting| match waiting.asker {
            Asker::Owner(ticket) => Some(ticket),
            Asker::Clock(_) => None,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}
