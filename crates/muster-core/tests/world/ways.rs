//! What brings a conversation or a bot to a state, and what makes an event: how an aimed run is driven.

use super::aim::Aim;
use super::pace::Slow;
use super::swarm::Fault;
use muster_core::duty::Intake;

/// What is slow and what comes often, so that a state is reached and lasts.
fn to_state(state: &str) -> (&'static [Slow], &'static [Fault]) {
    match state {
        "Claiming" => (&[Slow::Claims], &[]),
        "Joining" => (&[Slow::Joins], &[]),
        "Away" => (&[Slow::Errands], &[Fault::LoseChanges, Fault::ApplyLate, Fault::LoseAnswer]),
        "Reading" => (&[Slow::Pages], &[]),
        "BesideHuman" => (&[], &[Fault::Humans]),
        "HandingBack" => (&[Slow::HandBacks], &[]),
        "Closing" => (&[Slow::Pages, Slow::Commits], &[]),
        "Ending" => (&[Slow::Commits], &[Fault::StoreAway]),
        "Thinking" => (&[Slow::Logic], &[]),
        "Resting" => (&[], &[Fault::LogicFails]),
        "Committing" => (&[Slow::Commits], &[]),
        "StoreAway" => (&[], &[Fault::StoreAway, Fault::StoreFences]),
        "ToSend" => (&[], &[Fault::Fence, Fault::Refuse]),
        "Sending" => (&[Slow::Publishes], &[]),
        "InDoubt" => (&[], &[Fault::LoseAnswer, Fault::Refuse, Fault::DropSocket]),
        "Parked" => (&[Slow::Store, Slow::Errands], &[]),
        "Draining" => (&[Slow::HandBacks, Slow::Errands], &[Fault::Drain]),
        "Fenced" => (&[Slow::Errands], &[Fault::Fence]),
        "Quarantined" => (&[Slow::Errands, Slow::Logic], &[Fault::Quarantine]),
        "Connecting" | "LoggingIn" | "Resolving" | "Subscribing" | "Waiting" => {
            (&[Slow::Errands], &[Fault::DropSocket, Fault::Connecting])
        }
        _ => (&[], &[]),
    }
}

/// Faults without which an event does not come up.
fn to_event(event: &str) -> &'static [Fault] {
    match event {
        "already committed" | "store away" => &[Fault::StoreAway],
        "change done" => &[Fault::LogicActs],
        "change refused" => &[Fault::LogicActs, Fault::Refuse],
        "change unknown" => &[Fault::LogicActs, Fault::LoseAnswer, Fault::Refuse],
        "claim fenced" => &[Fault::StoreFences],
        "commit rejected" => &[Fault::Poison],
        "find answered" => &[Fault::DropSocket, Fault::Requeue, Fault::Refuse],
        "find failed" => &[Fault::DropSocket, Fault::Requeue, Fault::Refuse, Fault::LoseAnswer],
        "join refused" | "page failed" | "publish 429" | "publish refused" => &[Fault::Refuse],
        "hand-back failed" | "join unknown" | "publish unknown" => &[Fault::Refuse, Fault::LoseAnswer],
        "logic failed" => &[Fault::LogicFails],
        "human wrote" => &[Fault::Humans, Fault::LoseChanges],
        "logged in"
        | "login failed"
        | "login refused"
        | "refresh failed"
        | "refresh unauthorized"
        | "resolve failed"
        | "resolved"
        | "refreshed" => &[Fault::Connecting],
        "closed" | "closed, token dead" | "closed, token doubted" | "socket closed" => &[Fault::DropSocket],
        "claim lost" => &[Fault::ClaimMoves],
        "shown ours" | "shown beside human" => &[Fault::ReorderNews],
        _ => &[],
    }
}

impl Aim {
    /// Where only one kind of pool meets the pair.
    pub(crate) fn intake(&self) -> Option<Intake> {
        let joins =
            self.event.starts_with("join") || ["Joining", "BesideHuman"].contains(&self.state.as_str());
        let watches = ["human wrote", "placed", "shown beside human", "watch", "watched"]
            .contains(&self.event.as_str());
        if joins || watches {
            Some(Intake::All)
        } else if self.event == "rings" {
            Some(Intake::Rings)
        } else {
            None
        }
    }

    pub(crate) fn slow(&self) -> &'static [Slow] {
        to_state(&self.state).0
    }

    /// Whether it is an answer or a message that meets most states only late.
    pub(crate) fn comes_late(&self) -> bool {
        let of_logic = ["decided", "logic failed"].contains(&self.event.as_str());
        let is_early = ["Joining", "Claiming"].contains(&self.state.as_str());
        self.slow_event().is_some() || (of_logic && !is_early)
    }

    /// Whether a closed conversation is to be shown as it was before.
    pub(super) fn is_of_a_late_picture(&self) -> bool {
        self.state == "Closing" && ["shown ours", "shown beside human"].contains(&self.event.as_str())
    }

    /// What is slow where the event itself is to come late, and not only a copy of it.
    pub(crate) fn slow_event(&self) -> Option<Slow> {
        Some(match self.event.split(' ').next()? {
            "publish" => Slow::Publishes,
            "change" => Slow::Changes,
            "join" => Slow::Joins,
            "hand-back" => Slow::HandBacks,
            "find" => Slow::Finds,
            "page" => Slow::Pages,
            "own" | "receipt" | "said" | "human" => Slow::Messages,
            _ => return None,
        })
    }

    pub(crate) fn often(&self) -> impl Iterator<Item = Fault> {
        to_state(&self.state).1.iter().chain(to_event(&self.event)).copied()
    }
}
