//! The reference model: a plain account of what was said, committed, sent and seen, kept beside the
//! bots and never shown to them. Each rule of the promise is one check with its own words.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use liveperson_proto::{ConversationId, Sequence};
use muster_core::TurnId;
use muster_core::dialog::{CommitTurn, OutboxKey};
use muster_core::time::Moment;
use muster_core::turn::{Deed, Turn, TurnEvent};

use super::platform::dialog::answered_by;
use super::store::Row;

/// What became of a committed action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Owed,
    Done,
    Dead,
    Dropped,
}

#[derive(Clone, Debug)]
pub(crate) struct Action {
    turn: TurnId,
    n: usize,
    /// Committed as the so-manieth of its conversation.
    place: usize,
    published: bool,
    /// A person wished it.
    by_person: bool,
    pub(crate) fate: Fate,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    /// Committed turns and the messages they answer, in order.
    turns: Vec<(TurnId, Option<Sequence>)>,
    pub(crate) actions: BTreeMap<String, Action>,
    variables: Option<String>,
    count: i64,
}

/// What is sent and may be sent again only after `settle`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sending {
    Tag(ConversationId, String),
    Change(ConversationId),
    Join(ConversationId, usize),
}

#[derive(Clone, Default)]
pub(crate) struct Reference {
    accounts: BTreeMap<ConversationId, Account>,
    /// What each turn answers that logic was ever asked for.
    triggers: BTreeMap<TurnId, Option<Sequence>>,
    /// When each was sent last without a certain answer since; a backup does not undo it.
    sent: BTreeMap<Sending, Moment>,
    /// What the consumer saw, by tag and by words; a backup does not undo it.
    seen: BTreeMap<(ConversationId, String), usize>,
    /// Messages of which the consumer saw an answer.
    answered: BTreeMap<ConversationId, BTreeSet<Sequence>>,
    /// The place of the last action seen, among those of its conversation: bots' own, or people's wishes.
    last_seen: BTreeMap<(ConversationId, bool), usize>,
    /// Actions that the platform itself refused.
    refused: BTreeSet<(ConversationId, String)>,
    settle: Duration,
    went_back: bool,
}

/// A broken promise, in words.
pub(crate) type Check = Result<(), String>;

impl Reference {
    pub(crate) fn new(settle: Duration) -> Self {
        Self { settle, ..Self::default() }
    }

    pub(crate) fn account(&self, id: &ConversationId) -> Option<&Account> {
        self.accounts.get(id)
    }

    /// Logic is asked.
    pub(crate) fn thinks(&mut self, turn: &Turn, holds: bool) -> Check {
        let answers = match turn.event {
            TurnEvent::Message { sequence, .. } => Some(sequence),
            TurnEvent::Opened | TurnEvent::Closed { .. } => None,
        };
        self.triggers.insert(turn.id.clone(), answers);
        let Some(account) = self.accounts.get(&turn.conversation) else { return Ok(()) };
        if !holds {
            // Somebody else of the pool is at work; the store will tell.
            return Ok(());
        }
        // A closed turn whose commit nobody heard of is asked for again: a step has no message that tells.
        let closed = matches!(turn.event, TurnEvent::Closed { .. });
        if !closed && account.turns.iter().any(|(id, _)| *id == turn.id) {
            return Err(format!(
                "{}: logic is asked for a committed turn: {:?}",
                turn.conversation, turn.event
            ));
        }
        // In a closed conversation nothing can be confirmed any more.
        let is_owed = |(_, action): &(&String, &Action)| action.fate == Fate::Owed && !action.by_person;
        let unconfirmed = account.actions.iter().find(is_owed);
        if let Some((tag, _)) = unconfirmed.filter(|_| !closed) {
            return Err(format!("{}: a turn begins beside the unconfirmed action {tag}", turn.conversation));
        }
        let given = serde_json::to_string(&turn.variables).map_err(|error| error.to_string())?;
        let remembered = account.variables.as_deref().unwrap_or("{}");
        if given != remembered {
            return Err(format!(
                "{}: logic is given the variables {given} instead of {remembered}",
                turn.conversation
            ));
        }
        match turn.event {
            TurnEvent::Message { sequence, .. } => self.is_in_order(&turn.conversation, sequence),
            TurnEvent::Opened | TurnEvent::Closed { .. } => Ok(()),
        }
    }

    fn is_in_order(&self, id: &ConversationId, sequence: Sequence) -> Check {
        let last =
            self.accounts.get(id).and_then(|account| account.turns.iter().filter_map(|(_, s)| *s).max());
        match last.filter(|last| *last >= sequence) {
            Some(last) => {
                Err(format!("{id}: a turn for message {} after the one for {}", sequence.0, last.0))
            }
            None => Ok(()),
        }
    }

    /// A commit became durable. `owed` are the messages before it that nobody answered.
    pub(crate) fn committed(&mut self, commit: &CommitTurn, holds: bool, owed: &[Sequence]) -> Check {
        let id = &commit.conversation;
        if !holds {
            return Err(format!("{id}: a bot that does not hold the claim committed a turn"));
        }
        let Some(answered) = self.triggers.get(&commit.turn).copied() else {
            return Err(format!("{id}: logic was never asked for the committed turn {}", commit.turn));
        };
        let account = self.accounts.entry(id.clone()).or_default();
        if account.turns.iter().any(|(turn, _)| *turn == commit.turn) {
            return Err(format!("{id}: the turn {} is committed twice", commit.turn));
        }
        if let Some(sequence) = answered {
            let last = account.turns.iter().filter_map(|(_, s)| *s).max();
            if let Some(last) = last.filter(|last| *last >= sequence) {
                return Err(format!("{id}: message {} is committed after message {}", sequence.0, last.0));
            }
            let has_turn = |s: &Sequence| account.turns.iter().any(|(_, of)| *of == Some(*s));
            if let Some(passed) = owed.iter().find(|s| **s < sequence && !has_turn(s)) {
                return Err(format!("{id}: message {} is passed over by message {}", passed.0, sequence.0));
            }
        }
        account.counts(&commit.variables).map_err(|words| format!("{id}: {words}"))?;
        account.turns.push((commit.turn.clone(), answered));
        for action in &commit.actions {
            let deed: Deed = serde_json::from_str(&action.body).map_err(|error| error.to_string())?;
            let place = account.actions.len();
            let entry = Action {
                turn: commit.turn.clone(),
                n: action.n,
                place,
                published: deed.is_published(),
                by_person: false,
                fate: Fate::Owed,
            };
            if account.actions.insert(action.tag.clone(), entry).is_some() {
                return Err(format!("{id}: two actions with the tag {}", action.tag));
            }
        }
        Ok(())
    }

    /// A person wishes something; it may go before what a bot has to say.
    pub(crate) fn wished(&mut self, id: &ConversationId, row: &Row, published: bool) {
        let account = self.accounts.entry(id.clone()).or_default();
        let (turn, n, place, fate) = (row.turn.clone(), row.n, account.actions.len(), Fate::Owed);
        account.actions.insert(row.tag.clone(), Action { turn, n, place, published, by_person: true, fate });
    }

    pub(crate) fn is_wish(&self, id: &ConversationId, tag: &str) -> bool {
        let action = self.accounts.get(id).and_then(|account| account.actions.get(tag));
        action.is_some_and(|action| action.by_person)
    }

    pub(crate) fn is_done(&self, id: &ConversationId, tag: &str) -> bool {
        let action = self.accounts.get(id).and_then(|account| account.actions.get(tag));
        action.is_some_and(|action| action.fate == Fate::Done)
    }

    /// A tagged action is sent.
    pub(crate) fn publishes(&mut self, id: &ConversationId, tag: &str, now: Moment) -> Check {
        let Some(account) = self.accounts.get(id) else {
            return Err(format!("{id}: {tag} is sent before its commit"));
        };
        let Some(action) = account.actions.get(tag) else {
            return Err(format!("{id}: {tag} is sent before its commit"));
        };
        if action.fate != Fate::Owed {
            return Err(format!("{id}: {tag} is sent although it is {:?}", action.fate));
        }
        let earlier = |other: &&Action| {
            other.place < action.place && other.fate == Fate::Owed && other.by_person == action.by_person
        };
        if let Some(earlier) = account.actions.values().find(earlier) {
            return Err(format!("{id}: {tag} is sent before {}.{}", earlier.turn, earlier.n));
        }
        self.sends(&Sending::Tag(id.clone(), tag.to_owned()), now)
    }

    /// Something is sent that must not be repeated before `settle`.
    pub(crate) fn sends(&mut self, what: &Sending, now: Moment) -> Check {
        if let Some(last) = self.sent.insert(what.clone(), now)
            && now.since(last) < self.settle
        {
            let after = now.since(last);
            return Err(format!("{what:?} is sent again {after:?} after the last time, within settle"));
        }
        Ok(())
    }

    /// The bot hears for certain what became of it, or it was certainly not done.
    pub(crate) fn is_certain(&mut self, what: &Sending) {
        self.sent.remove(what);
    }

    pub(crate) fn refused(&mut self, id: &ConversationId, tag: &str) {
        self.refused.insert((id.clone(), tag.to_owned()));
    }

    /// The consumer sees an action.
    pub(crate) fn shows(&mut self, id: &ConversationId, tag: &str, words: &str, held: bool) -> Check {
        if !held {
            return Err(format!("{id}: {words} was sent by a bot without the claim, and took effect"));
        }
        if let Some(message) = answered_by(words) {
            self.answered.entry(id.clone()).or_default().insert(Sequence(message));
        }
        // By the words without the call's number: whatever the tag says, this was answered.
        let message = words.split(" #").next().unwrap_or(words);
        for key in [tag, message].into_iter().filter(|key| key.contains('.') || *key == "hello") {
            let times = self.seen.entry((id.clone(), key.to_owned())).or_default();
            *times += 1;
            if *times > 1 {
                return Err(format!("{id}: the consumer saw {key} twice"));
            }
        }
        let place = self.accounts.get(id).and_then(|a| a.actions.get(tag)).map_or(0, |action| action.place);
        // A dead letter of which the store never heard is sent after its turn when the next life finds it.
        if self.refused.contains(&(id.clone(), tag.to_owned())) {
            return Ok(());
        }
        let wished = self.is_wish(id, tag);
        let last = self.last_seen.insert((id.clone(), wished), place);
        if last.is_some_and(|last| last >= place) {
            return Err(format!("{id}: the consumer saw {tag} out of order"));
        }
        Ok(())
    }

    pub(crate) fn was_seen(&self, id: &ConversationId, tag: &str) -> bool {
        self.seen.contains_key(&(id.clone(), tag.to_owned()))
    }

    /// Whether the consumer saw an answer to a message, or to a later one: messages are answered in order,
    /// and a database that went back may have forgotten a turn that said nothing.
    pub(crate) fn was_answered(&self, id: &ConversationId, message: Sequence) -> bool {
        let later =
            |key: &str| answered_by(key).is_some_and(|s| s == message.0 || s > message.0 && self.went_back);
        self.seen.keys().any(|(of, key)| of == id && later(key))
    }

    /// A bot says that an action is done.
    pub(crate) fn done(&mut self, key: &OutboxKey) -> Check {
        let id = key.conversation.clone();
        let Some((tag, action)) = self.action(key) else { return Ok(()) };
        let (tag, published) = (tag.clone(), action.published);
        action.fate = Fate::Done;
        if published && !self.was_seen(&id, &tag) {
            return Err(format!("{id}: {tag} counts as done, and the consumer never saw it"));
        }
        Ok(())
    }

    /// A bot gives an action up. A person who answered first is a reason, a platform that did not refuse is not.
    pub(crate) fn dead(&mut self, key: &OutboxKey, words: &str) -> Check {
        let id = key.conversation.clone();
        let Some((tag, action)) = self.action(key) else { return Ok(()) };
        let tag = tag.clone();
        action.fate = Fate::Dead;
        if words == "a human answered first" || self.refused.contains(&(id.clone(), tag.clone())) {
            return Ok(());
        }
        Err(format!("{id}: {tag} is a dead letter ({words}), and nobody refused it"))
    }

    pub(crate) fn dropped(&mut self, id: &ConversationId, tag: &str) {
        if let Some(action) = self.accounts.get_mut(id).and_then(|a| a.actions.get_mut(tag))
            && action.fate == Fate::Owed
        {
            action.fate = Fate::Dropped;
        }
    }

    fn action(&mut self, key: &OutboxKey) -> Option<(&String, &mut Action)> {
        let account = self.accounts.get_mut(&key.conversation)?;
        account.actions.iter_mut().find(|(_, action)| (&action.turn, action.n) == (&key.turn, key.n))
    }

    /// A bot died: what the store still holds is owed, whatever the bot knew of it.
    pub(crate) fn owes_again(&mut self, id: &ConversationId, tags: &[&str]) {
        let Some(account) = self.accounts.get_mut(id) else { return };
        for (tag, action) in &mut account.actions {
            if tags.contains(&tag.as_str()) {
                action.fate = Fate::Owed;
            }
        }
    }

    /// What is durable is an older copy of itself; what was sent and seen stays so.
    pub(crate) fn goes_back_to(&mut self, older: &Self) {
        self.accounts.clone_from(&older.accounts);
        self.last_seen.clear();
        self.went_back = true;
    }
}

impl Account {
    pub(crate) fn has_turn_for(&self, message: Sequence) -> bool {
        self.turns.iter().any(|(_, of)| *of == Some(message))
    }

    /// The tags of committed changes, which no history proves.
    pub(crate) fn unpublished(&self) -> Vec<String> {
        let changes = self.actions.iter().filter(|(_, action)| !action.published);
        changes.map(|(tag, _)| tag.clone()).collect()
    }

    /// The logic counts its turns: none is lost, none counts twice.
    fn counts(&mut self, variables: &str) -> Check {
        let read: serde_json::Value = serde_json::from_str(variables).map_err(|error| error.to_string())?;
        let count = read["count"].as_i64().unwrap_or(0);
        if count != self.count && count != self.count + 1 {
            return Err(format!("the variables go from {} to {count} turns", self.count));
        }
        (self.count, self.variables) = (count, Some(variables.to_owned()));
        Ok(())
    }
}
