//! On the way back to the queue: what a retiring bot does with a conversation that it holds.

use liveperson_proto::AgentId;
use liveperson_proto::request::{FieldChange, Request};

use super::conversation::Conversation;
use super::desk::{Desk, Outcome, Purpose, Rules};
use super::ended::Ended;
use super::taking::Place;
use crate::time::Moment;

impl Conversation {
    /// Whether nothing of it is half done. A closed one is not handed back: its last turn ends it.
    pub(crate) fn may_be_handed_back(&self, rules: &Rules, now: Moment) -> bool {
        let due = self.hand_back_due(rules).is_none_or(|at| at <= now);
        // The platform is asked for a part in it, or whether there is one: its answer comes first.
        let asked = matches!(self.place, Place::Joining | Place::Looking);
        self.is_quiet() && !self.is_closing() && !self.handing_back && !asked && due
    }

    /// Not before this moment: a join of unknown outcome may still land, and whoever takes the conversation
    /// next, perhaps the next life of this bot, knows nothing of it.
    fn hand_back_due(&self, rules: &Rules) -> Option<Moment> {
        match self.place {
            Place::Doubted { since } => self.hand_back_at.max(Some(since + rules.settle)),
            _ => self.hand_back_at,
        }
    }

    /// When a retiring bot goes on with it by itself.
    pub(super) fn hand_back_deadline(&self, rules: &Rules) -> Option<Moment> {
        self.hand_back_due(rules).filter(|_| self.is_quiet() && !self.handing_back)
    }

    /// Leaves it, if the bot takes part.
    pub(crate) fn hand_back(&mut self, agent: AgentId, desk: &mut Desk<'_>) {
        self.hand_back_at = None;
        if matches!(self.place, Place::Out { .. }) {
            return self.end(Ended::HandedBack, desk);
        }
        self.handing_back = true;
        let changes = vec![FieldChange::Remove { agent, role: desk.duty.role() }];
        let request = Request::UpdateConversation { conversation: self.id.clone(), changes };
        desk.ask(Purpose::HandBack(self.id.clone()), request);
    }

    /// Done or refused for good, it is not ours any more; else it is tried again.
    pub(crate) fn handed_back(&mut self, outcome: &Outcome, desk: &mut Desk<'_>) {
        match outcome {
            Outcome::Unknown | Outcome::Refused { code: 429 | 500.., .. } => {
                self.handing_back = false;
                self.hand_back_at = Some(desk.now.moment + desk.rules.pause);
            }
            Outcome::Done | Outcome::History(_) | Outcome::Subscribed(_) | Outcome::Refused { .. } => {
                self.end(Ended::HandedBack, desk);
            }
        }
    }
}
