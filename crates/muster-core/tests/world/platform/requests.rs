//! What requests do.

use liveperson_proto::conversation::ChangeKind;
use liveperson_proto::message::{EventBody, MessageEvent};
use liveperson_proto::request::{Availability, FieldChange, Outgoing, Request};
use liveperson_proto::{ConversationId, DialogId, Sequence, SubscriptionId};
use muster_core::dialog::Outcome;

use super::dialog::text;
use super::{News, OWN, Platform, WATCH};

impl Platform {
    /// Applies a request of a bot; what it causes waits in `caused`.
    pub(crate) fn apply(&mut self, bot: usize, request: &Request) -> Outcome {
        match request {
            Request::SubscribeConversations { agent } => self.subscribe(bot, agent.is_none()),
            Request::FindConversation { conversation, .. } => self.find(bot, conversation),
            Request::SubscribeRings { .. } => {
                self.wires[bot].rings = true;
                Outcome::Done
            }
            Request::SetAgentState { availability, .. } => {
                self.make_available(bot, *availability);
                Outcome::Done
            }
            Request::SubscribeAgentState { .. } => {
                self.wires[bot].states = true;
                let available = self.wires[bot].available;
                let state = if available { Availability::Online } else { Availability::Offline };
                self.caused.push((bot, News::State(bot, state)));
                Outcome::Subscribed("states".into())
            }
            Request::AcceptRing { ring } => self.accept(bot, ring.as_str()),
            Request::ReadHistory { dialog, newer_than, older_than } => {
                Outcome::History(self.history(dialog, *newer_than, *older_than))
            }
            Request::Publish { conversation, content, external_ids, .. } => {
                let Some(at) = self.inside(bot, conversation) else { return not_there() };
                let Outgoing::Text { text: words } = content else { return not_there() };
                self.bot_says(at, bot, text(words), external_ids.clone());
                Outcome::Done
            }
            Request::MarkRead { conversation, .. } => {
                let Some(at) = self.inside(bot, conversation) else { return not_there() };
                self.bot_says(at, bot, EventBody::AcceptStatus, Vec::new());
                Outcome::Done
            }
            Request::UpdateConversation { conversation, changes } => self.update(bot, conversation, changes),
            _ => Outcome::Done,
        }
    }

    /// An open conversation in which the bot takes part.
    fn inside(&self, bot: usize, id: &ConversationId) -> Option<usize> {
        self.place_of(id).filter(|at| self.dialogs[*at].open && self.dialogs[*at].bots.contains(&bot))
    }

    fn subscribe(&mut self, bot: usize, watch: bool) -> Outcome {
        let role = self.role();
        let mine = self.dialogs.iter().filter(|d| d.open && (watch || d.bots.contains(&bot)));
        let changes = mine.map(|dialog| dialog.change(ChangeKind::Upsert, role)).collect();
        let subscription: SubscriptionId = if watch { WATCH } else { OWN }.into();
        self.caused.push((bot, News::Conversations { subscription: subscription.clone(), changes }));
        if watch {
            self.wires[bot].watch = true;
        } else {
            self.wires[bot].own = true;
        }
        Outcome::Subscribed(subscription)
    }

    /// A subscription to one conversation, open or closed, in which the bot takes or took part.
    fn find(&mut self, bot: usize, id: &ConversationId) -> Outcome {
        self.finds += 1;
        let subscription = SubscriptionId::from(format!("find-{}", self.finds));
        let role = self.role();
        let found = self.dialogs.iter().filter(|d| d.id == *id && d.bots.contains(&bot));
        let changes = found.map(|dialog| dialog.change(ChangeKind::Upsert, role)).collect();
        self.caused.push((bot, News::Conversations { subscription: subscription.clone(), changes }));
        Outcome::Subscribed(subscription)
    }

    fn accept(&mut self, bot: usize, ring: &str) -> Outcome {
        let is_it = |offer: &super::dialog::Offer| offer.to == bot && offer.id == ring;
        let Some(at) = self.dialogs.iter().position(|d| d.open && d.offer.as_ref().is_some_and(is_it)) else {
            return not_there();
        };
        self.dialogs[at].offer = None;
        self.dialogs[at].bots.insert(bot);
        self.show(at, &[]);
        Outcome::Done
    }

    fn update(&mut self, bot: usize, id: &ConversationId, changes: &[FieldChange]) -> Outcome {
        let Some(at) = self.place_of(id).filter(|at| self.dialogs[*at].open) else { return not_there() };
        let joins = changes.iter().any(|change| matches!(change, FieldChange::Add { .. }));
        if !joins && !self.dialogs[at].bots.contains(&bot) {
            return not_there();
        }
        let before: Vec<_> = self.dialogs[at].bots.iter().copied().collect();
        for change in changes {
            match change {
                FieldChange::Add { .. } => {
                    if !self.dialogs[at].bots.insert(bot) {
                        self.breach = Some(format!("{id}: a bot joined where it was already"));
                    }
                }
                FieldChange::Remove { .. } => drop(self.dialogs[at].bots.remove(&bot)),
                // The other skill has people.
                FieldChange::Skill(_) => self.dialogs[at].human = true,
                FieldChange::Close => {
                    self.close(at);
                    return Outcome::Done;
                }
            }
        }
        self.show(at, &before);
        Outcome::Done
    }

    fn history(&self, dialog: &DialogId, newer: Sequence, older: Option<Sequence>) -> Vec<MessageEvent> {
        let within =
            |e: &&MessageEvent| e.sequence.is_some_and(|s| s > newer && older.is_none_or(|older| s < older));
        let events: Vec<_> = self.events_of(dialog).iter().filter(within).cloned().collect();
        if self.keeps_newest {
            events[events.len().saturating_sub(self.page)..].to_vec()
        } else {
            events[..events.len().min(self.page)].to_vec()
        }
    }
}

fn not_there() -> Outcome {
    Outcome::Refused { code: 400, words: "User is not a participant".to_owned() }
}
