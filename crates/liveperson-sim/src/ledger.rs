//! The ledger: was each consumer message answered once, never, twice, late, or out of order?
//!
//! It judges only by what a consumer saw: a message is answered by every brand event, for the eyes of the
//! consumer, that contains the message's token. Tags, metadata and receipts count for nothing.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use liveperson_proto::ConversationId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::latencies::{Latencies, LatencyBook};

/// The most faults told in detail.
const DETAILS: usize = 50;

/// The judgement over all messages so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Messages with a token that consumers sent.
    pub sent: usize,
    /// Those answered exactly once, be it late or out of order.
    pub once: usize,
    /// Those not answered, though the time is up or the conversation is closed.
    pub never: usize,
    /// Those answered more than once.
    pub more_than_once: usize,
    /// Those answered later than the limit.
    pub late: usize,
    /// Those first answered before an earlier message of their conversation was.
    pub out_of_order: usize,
    /// Those not answered yet, whose time is not up.
    pub waiting: usize,
    /// Those whose answer the platform refused for good on somebody's order, and that nobody answered since:
    /// dead letters. No fault of a client, so whoever orders refusals has to expect their number here.
    #[serde(default)]
    pub refused: usize,
    /// Those not answered when their conversation was closed on somebody's order; no fault of a client.
    #[serde(default)]
    pub cut_off: usize,
    /// The first faults, at most fifty.
    pub details: Vec<Fault>,
}

/// One message with which something is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Where it was said.
    pub conversation: String,
    /// Its token.
    pub token: String,
    /// What is wrong.
    pub what: String,
}

impl Ledger {
    /// Whether nothing is wrong so far; messages still waiting are no fault yet.
    pub fn is_clean(&self) -> bool {
        self.never + self.more_than_once + self.late + self.out_of_order == 0
    }

    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.once += other.once;
        self.never += other.never;
        self.more_than_once += other.more_than_once;
        self.late += other.late;
        self.out_of_order += other.out_of_order;
        self.waiting += other.waiting;
        self.refused += other.refused;
        self.cut_off += other.cut_off;
        let room = DETAILS.saturating_sub(self.details.len());
        self.details.extend(other.details.iter().take(room).cloned());
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("messages sent", self.sent),
            ("answered once", self.once),
            ("never answered", self.never),
            ("answered more than once", self.more_than_once),
            ("answered late", self.late),
            ("answered out of order", self.out_of_order),
            ("still waiting", self.waiting),
        ];
        let by_order = [("answer refused for good", self.refused), ("cut off", self.cut_off)];
        for (name, count) in rows.into_iter().chain(by_order.into_iter().filter(|(_, count)| *count > 0)) {
            writeln!(f, "{name:<24}{count:>8}")?;
        }
        for fault in &self.details {
            writeln!(f, "  {} in {}: {}", fault.token, fault.conversation, fault.what)?;
        }
        let verdict = match (self.is_clean(), self.waiting) {
            (false, _) => "NOT CLEAN",
            (true, 0) => "clean",
            (true, _) => "clean so far",
        };
        write!(f, "verdict: {verdict}")
    }
}

/// What the world writes down.
pub(crate) struct LedgerBook {
    limit: Duration,
    open: HashMap<ConversationId, Page>,
    /// Conversations that are over: nothing can be said in them any more.
    settled: Ledger,
    latencies: LatencyBook,
}

#[derive(Default)]
struct Page {
    sent: Vec<Sent>,
    places: HashMap<String, usize>,
    answers: u64,
    unanswered: usize,
}

struct Sent {
    token: String,
    at: Instant,
    answers: usize,
    /// Why nobody has to answer it, if that is so.
    excused: Option<Excuse>,
    /// The answering event's place among all of the conversation, and how long it took.
    first: Option<(u64, Duration)>,
}

/// Why a message may stay unanswered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Excuse {
    Refused,
    CutOff,
}

impl Sent {
    fn is_owed(&self) -> bool {
        self.first.is_none() && self.excused.is_none()
    }
}

impl LedgerBook {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, open: HashMap::new(), settled: Ledger::default(), latencies: LatencyBook::default() }
    }

    /// A consumer said something; texts without a token are not judged.
    pub(crate) fn said(&mut self, conversation: &ConversationId, text: &str) {
        for token in tokens(text) {
            let page = self.open.entry(conversation.clone()).or_default();
            if page.places.contains_key(token) {
                continue;
            }
            page.places.insert(token.to_owned(), page.sent.len());
            page.unanswered += 1;
            let (token, at) = (token.to_owned(), Instant::now());
            page.sent.push(Sent { token, at, answers: 0, excused: None, first: None });
        }
    }

    /// A brand's content reached the consumer.
    pub(crate) fn heard(&mut self, conversation: &ConversationId, event: &Value) {
        let Some(page) = self.open.get_mut(conversation) else { return };
        page.answers += 1;
        for place in page.places_in(event) {
            let sent = &mut page.sent[place];
            sent.answers += 1;
            if sent.first.is_none() {
                page.unanswered -= usize::from(sent.is_owed());
                let took = sent.at.elapsed();
                sent.first = Some((page.answers, took));
                self.latencies.waited(took);
            }
        }
    }

    /// The answer in this event was refused for good: nobody has to give it again.
    pub(crate) fn refused(&mut self, conversation: &ConversationId, event: &Value) {
        let Some(page) = self.open.get_mut(conversation) else { return };
        for place in page.places_in(event) {
            page.excuse(place, Excuse::Refused);
        }
    }

    /// The conversation is about to be closed by nobody's fault: what is owed in it cannot be answered.
    pub(crate) fn cut_off(&mut self, conversation: &ConversationId) {
        let Some(page) = self.open.get_mut(conversation) else { return };
        for place in 0..page.sent.len() {
            page.excuse(place, Excuse::CutOff);
        }
    }

    /// A conversation is over: what it did not answer it never will.
    pub(crate) fn closed(&mut self, conversation: &ConversationId) {
        if let Some(page) = self.open.remove(conversation) {
            self.settled.add(&page.judge(conversation, self.limit, Waiting::IsOver));
        }
    }

    /// Whether messages of the conversation are not answered yet.
    pub(crate) fn owes(&self, conversation: &ConversationId) -> bool {
        self.open.get(conversation).is_some_and(|page| page.unanswered > 0)
    }

    /// All messages not answered yet, of open conversations.
    pub(crate) fn owed(&self) -> usize {
        self.open.values().map(|page| page.unanswered).sum()
    }

    /// The tokens of some messages not answered yet.
    pub(crate) fn owed_tokens(&self) -> Vec<String> {
        let sent = self.open.values().flat_map(|page| &page.sent);
        sent.filter(|sent| sent.is_owed()).take(10).map(|sent| sent.token.clone()).collect()
    }

    /// The tokens of one conversation's messages not answered yet, in the order they were said.
    pub(crate) fn owed_in(&self, conversation: &ConversationId) -> Vec<String> {
        let sent = self.open.get(conversation).map_or(&[][..], |page| &page.sent);
        sent.iter().filter(|sent| sent.is_owed()).map(|sent| sent.token.clone()).collect()
    }

    /// How long first answers took so far.
    pub(crate) fn latencies(&self) -> Latencies {
        self.latencies.count()
    }

    /// The judgement as of now.
    pub(crate) fn judge(&self) -> Ledger {
        let mut ledger = self.settled.clone();
        for (conversation, page) in &self.open {
            ledger.add(&page.judge(conversation, self.limit, Waiting::MayGoOn));
        }
        ledger
    }
}

/// Whether a message may still be answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    MayGoOn,
    IsOver,
}

impl Page {
    /// The messages whose tokens the event contains.
    fn places_in(&self, event: &Value) -> Vec<usize> {
        let mut places = Vec::new();
        each_text(event, &mut |text| {
            places.extend(tokens(text).filter_map(|token| self.places.get(token).copied()));
        });
        places.sort_unstable();
        places.dedup();
        places
    }

    fn excuse(&mut self, place: usize, why: Excuse) {
        let sent = &mut self.sent[place];
        if sent.is_owed() {
            sent.excused = Some(why);
            self.unanswered -= 1;
        }
    }

    fn judge(&self, conversation: &ConversationId, limit: Duration, waiting: Waiting) -> Ledger {
        let mut ledger = Ledger { sent: self.sent.len(), ..Ledger::default() };
        let mut latest = 0;
        for sent in &self.sent {
            for what in sent.judge(limit, waiting, &mut latest, &mut ledger) {
                if ledger.details.len() < DETAILS {
                    let (conversation, token) = (conversation.to_string(), sent.token.clone());
                    ledger.details.push(Fault { conversation, token, what });
                }
            }
        }
        ledger
    }
}

impl Sent {
    /// Counts this message; `latest` is the place of the latest first answer to those said before.
    fn judge(&self, limit: Duration, waiting: Waiting, latest: &mut u64, ledger: &mut Ledger) -> Vec<String> {
        let Some((place, took)) = self.first else {
            match self.excused {
                Some(Excuse::Refused) => ledger.refused += 1,
                Some(Excuse::CutOff) => ledger.cut_off += 1,
                None => {}
            }
            if self.excused.is_some() {
                return Vec::new();
            }
            if waiting == Waiting::MayGoOn && self.at.elapsed() <= limit {
                ledger.waiting += 1;
                return Vec::new();
            }
            ledger.never += 1;
            return vec!["never answered".to_owned()];
        };
        let mut faults = Vec::new();
        if self.answers == 1 {
            ledger.once += 1;
        } else {
            ledger.more_than_once += 1;
            faults.push(format!("answered {} times", self.answers));
        }
        if took > limit {
            ledger.late += 1;
            faults.push(format!("answered after {} ms", took.as_millis()));
        }
        if place < *latest {
            ledger.out_of_order += 1;
            faults.push("answered before an earlier message was".to_owned());
        }
        *latest = place.max(*latest);
        faults
    }
}

/// The words of a text that name a message.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    words.filter(|word| word.len() > 2 && word.starts_with("m-"))
}

/// Shows every text inside a JSON value.
fn each_text(value: &Value, look: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => look(text),
        Value::Array(list) => list.iter().for_each(|one| each_text(one, look)),
        Value::Object(map) => map.values().for_each(|one| each_text(one, look)),
        _ => {}
    }
}
