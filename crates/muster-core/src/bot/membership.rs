//! What a bot of a pool with intake `all` does for its pool: it watches, reports, and takes what it is given.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use liveperson_proto::conversation::{ChangeKind, Conversation as Shown, ConversationChange};
use liveperson_proto::request::Request;
use liveperson_proto::{ConversationId, SubscriptionId};

use super::Bot;
use super::lifecycle::Socket;
use crate::dialog::desk::Purpose;
use crate::dialog::taking::Place;
use crate::dialog::{Conversation, Effect, Outcome};
use crate::duty::Intake;
use crate::pool::{Parting, PoolNews};
use crate::time::{Moment, Now};

/// A watch that was refused is asked for again after so many pauses.
const WATCH_PAUSES: u32 = 15;

/// A bot's part in its pool.
#[derive(Debug, Default)]
pub(crate) struct Membership {
    /// The pool knows that this bot is online.
    ready: bool,
    /// The pool knows that it is held off.
    out: bool,
    /// Counts the times the bot came online.
    spell: u64,
    /// The last placement heard of.
    placement: u64,
    watch: Watch,
    /// The platform does not let this bot watch, in words, and when it asks again.
    blind: Option<(String, Moment)>,
}

/// Watching lasts as long as a socket.
#[derive(Debug, Default)]
enum Watch {
    #[default]
    Idle,
    Wanted,
    Asked {
        /// As the platform's answer names it.
        subscription: Option<SubscriptionId>,
        /// What the pool was told of each open conversation, as a hash; none before the first notification.
        told: Option<HashMap<ConversationId, u64>>,
    },
}

impl Membership {
    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.blind.as_ref().map(|(_, until)| *until)
    }

    /// What is wrong with it, in words.
    pub(crate) fn worry(&self) -> Option<String> {
        self.blind.as_ref().map(|(words, _)| words.clone())
    }

    pub(crate) fn watch(&mut self, spell: u64) {
        if self.ready && spell == self.spell && matches!(self.watch, Watch::Idle) {
            self.watch = Watch::Wanted;
        }
    }
}

impl Bot {
    /// Whether a notification is about the bot's own conversations: the first one of a socket is.
    pub(crate) fn is_own_subscription(&mut self, subscription: Option<SubscriptionId>) -> bool {
        let Some(socket) = &mut self.socket else { return false };
        match (&socket.own, subscription) {
            (Some(own), Some(subscription)) => *own == subscription,
            (None, Some(subscription)) => {
                socket.own = Some(subscription);
                true
            }
            (_, None) => true,
        }
    }

    /// Tells the pool, if it has one to tell.
    pub(crate) fn report(&self, news: PoolNews, out: &mut Vec<Effect>) {
        if self.duty.intake == Intake::All {
            out.push(Effect::Report(news));
        }
    }

    /// Tells the pool whether the bot is ready, and begins to watch when it is asked to.
    pub(crate) fn pursue_membership(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.duty.intake != Intake::All {
            return;
        }
        let online = self.socket.as_ref().is_some_and(Socket::is_online);
        let ready = online && self.drain.is_none() && self.quarantined.is_none() && self.paused.is_none();
        // A pool that takes a bot for unready asks anew, and is shown everything again.
        if !ready {
            self.membership.watch = Watch::Idle;
        }
        if self.membership.blind.take_if(|(_, until)| *until <= now.moment).is_some() {
            self.report(PoolNews::Sighted, out);
        }
        if self.quarantined.is_some() && !self.membership.out {
            self.membership.out = true;
            self.report(PoolNews::Out, out);
        }
        if ready != self.membership.ready {
            self.membership.ready = ready;
            let news = if ready { self.membership_begins() } else { PoolNews::Unready };
            self.report(news, out);
        }
        if ready && matches!(self.membership.watch, Watch::Wanted) {
            self.membership.watch = Watch::Asked { subscription: None, told: None };
            let ticket = self.tickets.take(Purpose::Watch);
            out.push(Effect::Ask(ticket, Request::SubscribeConversations { agent: None }));
        }
    }

    fn membership_begins(&mut self) -> PoolNews {
        self.membership.spell += 1;
        let Membership { spell, placement, .. } = self.membership;
        PoolNews::Ready { spell, placement, held: self.conversations.keys().cloned().collect() }
    }

    /// A bot that may not watch goes on with what it has; its pool finds another.
    pub(crate) fn watch_answered(&mut self, outcome: &Outcome, now: Now, out: &mut Vec<Effect>) {
        let words = match outcome {
            Outcome::Subscribed(named) => {
                if let Watch::Asked { subscription, .. } = &mut self.membership.watch {
                    *subscription = Some(named.clone());
                }
                return;
            }
            Outcome::Done | Outcome::History(_) => return,
            Outcome::Unknown => "the platform does not answer when asked for all conversations".to_owned(),
            Outcome::Refused { code, words } => format!(
                "the platform refuses to show all conversations ({code} {words}); give the bot user the right to see them"
            ),
        };
        self.membership.watch = Watch::Idle;
        self.membership.blind = Some((words, now.moment + self.rules.pause * WATCH_PAUSES));
        self.report(PoolNews::Blind, out);
    }

    /// Whether the platform has named the subscription by which the bot watches.
    pub(crate) fn knows_its_watch(&self) -> bool {
        matches!(self.membership.watch, Watch::Asked { subscription: Some(_), .. })
    }

    /// The watch told something: the pool hears what is new in it.
    pub(crate) fn watched(
        &mut self,
        subscription: Option<&SubscriptionId>,
        changes: Vec<ConversationChange>,
        lost: usize,
        out: &mut Vec<Effect>,
    ) {
        let Watch::Asked { subscription: known, told } = &mut self.membership.watch else { return };
        if known.as_ref().is_some_and(|known| subscription != Some(known)) {
            return;
        }
        // A notification that could not be read whole does not say what is missing.
        let whole = told.is_none() && lost == 0;
        let told = told.get_or_insert_default();
        let (mut open, mut closed) = (Vec::new(), Vec::new());
        for ConversationChange { kind, conversation } in changes {
            if kind == ChangeKind::Delete || !conversation.main_open {
                told.remove(&conversation.id);
                closed.push(conversation.id);
            } else if told.insert(conversation.id.clone(), print_of(&conversation))
                != Some(print_of(&conversation))
            {
                open.push(conversation);
            }
        }
        if whole || !open.is_empty() || !closed.is_empty() {
            self.report(PoolNews::Seen { whole, open, closed }, out);
        }
    }

    /// Takes what the pool gives; what cannot be taken goes back at once.
    pub(crate) fn placed(&mut self, placement: u64, given: Vec<Shown>, now: Now, out: &mut Vec<Effect>) {
        self.membership.placement = placement;
        for shown in given {
            let id = shown.id.clone();
            if self.drain.is_some() || self.quarantined.is_some() || self.paused.is_some() {
                self.report(PoolNews::Released { conversation: id, parting: Parting::Free }, out);
                continue;
            }
            // The bot's own subscription knows better than the watcher's picture, which is older.
            let own = self.inside.remove(&id);
            let inside = own.is_some();
            let shown = own.unwrap_or(shown);
            // Where only the watcher saw us inside, we have left meanwhile, or are yet to hear that we are in.
            let doubted = !inside && self.takes_part(&shown);
            let place =
                if doubted { Place::Doubted { since: now.moment } } else { Place::Out { retry_at: None } };
            self.parted.remove(&id);
            let new = || Conversation::new(&shown, place, self.taken_over.contains(&id));
            self.conversations.entry(id.clone()).or_insert_with(new);
            self.with(&id, now, out, |c, desk| {
                // Another bot's life may have left us inside.
                if inside && desk.connected {
                    return c.shown(&shown, desk);
                }
                c.hush(&shown, desk);
                c.advance(desk);
            });
        }
    }
}

/// What the pool decides by.
fn print_of(shown: &Shown) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut present: Vec<_> = shown.participants.iter().map(|(id, role)| (id, *role as u8)).collect();
    present.sort_unstable();
    (present, shown.skill.as_ref()).hash(&mut hasher);
    hasher.finish()
}
