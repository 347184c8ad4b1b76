//! Taking a conversation up: first the store's claim, then a place in it, then its history.

use liveperson_proto::DialogId;
use liveperson_proto::request::{FieldChange, Request};

use super::beginning::RestoredDeed;
use super::conversation::{Conversation, Link};
use super::cursor::Cursor;
use super::desk::{Desk, Outcome, Purpose, Rules, Ticket};
use super::effect::Effect;
use super::ended::Ended;
use super::finding::Finding;
use super::note::Note;
use crate::time::Moment;
use crate::turn::Variables;

/// How far the claim is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    Wanted {
        retry_at: Option<Moment>,
    },
    /// Under this number; an answer to an earlier question says nothing about this one.
    Asked(Ticket),
    Held,
}

/// Whether the bot takes part in the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Out {
        retry_at: Option<Moment>,
    },
    Joining,
    /// The outcome of the last try is unknown since this moment.
    Doubted {
        since: Moment,
    },
    /// The platform is asked anything at all: what it had to show before its answer, it has shown by then.
    Looking,
    /// The platform took the join and has not shown yet who else takes part.
    Joined {
        since: Moment,
    },
    In,
}

impl Place {
    /// Whether the bot takes part, as far as it knows.
    pub(crate) fn is_inside(self) -> bool {
        matches!(self, Self::In | Self::Joined { .. })
    }
}

/// What the store made of a claim.
#[derive(Clone, Debug)]
pub enum ClaimOutcome {
    /// It is this bot's now.
    Held(Box<Recalled>),
    /// The pool has done with the conversation for good.
    Done,
    /// Another process owns this bot.
    Fenced,
}

/// What the pool remembers of a conversation that is claimed.
#[derive(Clone, Debug, Default)]
pub struct Recalled {
    /// The pool has had it before.
    pub again: bool,
    /// The dialog of the last committed turn, and where it stands; none before the first.
    pub cursor: Option<(DialogId, Cursor)>,
    /// As the last turn left them.
    pub variables: Variables,
    /// Deeds of a former holder, not yet confirmed, in order.
    pub outbox: Vec<RestoredDeed>,
}

impl Conversation {
    /// Takes the next step: claim, join, read.
    pub(crate) fn take_up(&mut self, desk: &mut Desk<'_>) {
        let now = desk.now.moment;
        let is_due = |at: Option<Moment>| at.is_none_or(|at| at <= now);
        match self.claim {
            Claim::Wanted { retry_at } if desk.may_think && is_due(retry_at) => {
                let number = desk.tickets.number();
                self.claim = Claim::Asked(number);
                desk.out.push(Effect::Claim { number, conversation: self.id.clone() });
            }
            Claim::Wanted { .. } | Claim::Asked(_) => {}
            Claim::Held => match self.place {
                Place::In if self.shown_here && matches!(self.link, Link::Detached) => self.attach(desk),
                Place::Out { retry_at } if is_due(retry_at) => self.join(desk),
                Place::Doubted { since } if since + desk.rules.settle <= now => self.look(desk),
                // What it was to show got lost: it is asked who else takes part before anything is said.
                Place::Joined { since } if since + desk.rules.pause <= now => {
                    self.want_to_find(desk);
                    self.find(desk);
                }
                Place::In
                | Place::Joined { .. }
                | Place::Out { .. }
                | Place::Doubted { .. }
                | Place::Joining
                | Place::Looking => {}
            },
        }
    }

    fn look(&mut self, desk: &mut Desk<'_>) {
        if desk.connected && desk.may_think {
            self.place = Place::Looking;
            desk.ask(Purpose::Look(self.id.clone()), Request::GetClock);
        }
    }

    /// The platform has shown all it had: whoever is not inside by now did not join.
    pub(crate) fn looked(&mut self, outcome: &Outcome, desk: &mut Desk<'_>) {
        if self.place != Place::Looking {
            return;
        }
        self.place = match outcome {
            Outcome::Done | Outcome::History(_) | Outcome::Subscribed(_) => Place::Out { retry_at: None },
            Outcome::Unknown | Outcome::Refused { .. } => Place::Doubted { since: desk.now.moment },
        };
        self.advance(desk);
    }

    fn join(&mut self, desk: &mut Desk<'_>) {
        let Some(agent) = desk.me.agent.clone().filter(|_| desk.connected && desk.may_think) else { return };
        self.place = Place::Joining;
        let changes = vec![FieldChange::Add { agent, role: desk.duty.join_as.role() }];
        let request = Request::UpdateConversation { conversation: self.id.clone(), changes };
        desk.ask(Purpose::Join(self.id.clone()), request);
    }

    pub(crate) fn is_held(&self) -> bool {
        self.claim == Claim::Held
    }

    /// Takes the platform's answer to a join.
    pub(crate) fn joined(&mut self, outcome: &Outcome, desk: &mut Desk<'_>) {
        // The platform may have shown us inside before it answered.
        if self.place != Place::Joining {
            return;
        }
        let now = desk.now.moment;
        match outcome {
            Outcome::Done | Outcome::History(_) | Outcome::Subscribed(_) => {
                // A human may have come between the pool's picture and the join: the fresh one decides.
                self.place = Place::Joined { since: now };
            }
            Outcome::Unknown | Outcome::Refused { code: 500.., .. } => {
                self.place = Place::Doubted { since: now };
            }
            Outcome::Refused { code: 429, .. } => {
                self.place = Place::Out { retry_at: Some(now + desk.rules.pause) };
            }
            Outcome::Refused { code, words } => {
                let words = format!("{code}: {words}");
                desk.note(Note::JoinRefused { conversation: self.id.clone(), words });
                self.ended.get_or_insert(Ended::NotLetIn);
            }
        }
        self.advance(desk);
    }

    /// Takes what the store made of the claim.
    pub(crate) fn claim_answered(&mut self, number: Ticket, outcome: ClaimOutcome, desk: &mut Desk<'_>) {
        if self.claim != Claim::Asked(number) {
            return;
        }
        match outcome {
            ClaimOutcome::Held(recalled) => self.recall(*recalled, desk.now.moment),
            ClaimOutcome::Done => {
                self.ended.get_or_insert(Ended::Done);
            }
            ClaimOutcome::Fenced => {
                self.claim = Claim::Wanted { retry_at: Some(desk.now.moment + desk.rules.pause) };
            }
        }
        self.advance(desk);
    }

    /// Remembers what the pool knows.
    fn recall(&mut self, recalled: Recalled, now: Moment) {
        self.claim = Claim::Held;
        self.again = recalled.again;
        self.variables = recalled.variables;
        self.outbox.restore(&self.id, recalled.outbox, now);
        if let Some((dialog, cursor)) = recalled.cursor
            && dialog == self.dialog
        {
            self.opened = true;
            self.cursor = self.cursor.max(cursor);
        }
    }

    /// The next moment at which taking up goes on by itself.
    pub(crate) fn taking_deadline(&self, rules: &Rules, connected: bool) -> Option<Moment> {
        match (self.claim, self.place) {
            (Claim::Wanted { retry_at }, _) => retry_at,
            (Claim::Held, Place::Out { retry_at }) => retry_at.filter(|_| connected),
            (Claim::Held, Place::Doubted { since }) => Some(since + rules.settle).filter(|_| connected),
            (Claim::Held, Place::Joined { since }) => {
                Some(since + rules.pause).filter(|_| connected && self.finding == Finding::Idle)
            }
            (Claim::Asked(_), _) | (Claim::Held, Place::Joining | Place::Looking | Place::In) => None,
        }
    }
}
