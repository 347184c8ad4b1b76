//! What happens to frames on their way out.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

use super::super::World;
use super::super::frames::Outgoing;
use super::super::sockets::{Fate, SocketId};
use super::super::timers::Timer;
use crate::faults::book::Occasion;
use crate::faults::{Fault, Swap};

/// How long a notification waits for another to change places with.
const SWAP_PATIENCE: Duration = Duration::from_secs(1);
const NO_JSON: &str = "}{ this is no JSON \u{fffd}";
const EVENT: &str = "OnlineEventDistribution";

/// Frames that are not where they should be yet.
#[derive(Default)]
pub(crate) struct Detours {
    /// Per socket, the notification that waits for another to overtake it.
    swaps: BTreeMap<SocketId, Waiting>,
    /// Per socket, when the last delayed notification goes out: no other may overtake it.
    queued_until: BTreeMap<SocketId, Instant>,
    /// Frames that wait for their time.
    delayed: usize,
    /// Sockets that nobody believes in any more and whose TCP stays open.
    pub(super) half_open: VecDeque<watch::Sender<Fate>>,
    numbers: u64,
}

struct Waiting {
    number: u64,
    with: Swap,
    kind: String,
    dialog: Option<String>,
    text: Utf8Bytes,
}

impl Waiting {
    fn changes_places_with(&self, kind: &str, text: &str) -> bool {
        match self.with {
            Swap::OtherType => kind != self.kind,
            Swap::SameDialog => kind == self.kind && dialog_of(text) == self.dialog,
        }
    }
}

impl Detours {
    pub(crate) fn are_none(&self) -> bool {
        self.swaps.is_empty() && self.queued_until.is_empty()
    }

    /// Frames that will still go out.
    pub(crate) fn waiting(&self) -> usize {
        self.delayed + self.swaps.len()
    }

    /// A socket is gone, and what waited for it.
    pub(crate) fn forget(&mut self, id: SocketId) {
        self.swaps.remove(&id);
        self.queued_until.remove(&id);
    }
}

impl World {
    /// A frame on its way, with all that may happen to it.
    pub(in super::super) fn through_faults(&mut self, id: SocketId, frame: Outgoing) {
        let Some(occasion) = self.occasion_of(id) else { return };
        match frame {
            Outgoing::Answer(name, text) => self.answer_goes_out(id, &occasion.of(name), text),
            Outgoing::Notification(text) => {
                let kind = kind_of(&text).to_owned();
                self.notification_goes_out(id, &occasion.of(&kind), &kind, &text);
            }
        }
    }

    fn answer_goes_out(&mut self, id: SocketId, occasion: &Occasion, text: Utf8Bytes) {
        self.something_comes_before(id, occasion, &text);
        if self.meets(occasion, |fault| *fault == Fault::LoseAnswer).is_some() {
            return;
        }
        let copies = 1 + usize::from(self.meets(occasion, |fault| *fault == Fault::DoubleAnswer).is_some());
        let text = self.without_its_list(occasion, text);
        let delay = self.meets(occasion, |fault| matches!(fault, Fault::DelayAnswer { .. }));
        for _ in 0..copies {
            match delay {
                Some(Fault::DelayAnswer { by }) => {
                    self.delay(id, Message::Text(text.clone()), Instant::now() + by);
                }
                _ => self.deliver(id, Message::Text(text.clone())),
            }
        }
    }

    /// A page of history is only spoilt on purpose: for a client that reads it as empty, what was on it never was.
    fn without_its_list(&mut self, occasion: &Occasion, text: Utf8Bytes) -> Utf8Bytes {
        let Ok(mut answer) = serde_json::from_str::<Value>(&text) else { return text };
        if !answer["body"].is_array() {
            return text;
        }
        let found = self.faults.meet_named(occasion, |fault| *fault == Fault::NullList);
        if found.is_none() {
            return text;
        }
        self.faults.took_effect("null_list");
        answer["body"] = Value::Null;
        answer.to_string().into()
    }

    fn notification_goes_out(&mut self, id: SocketId, occasion: &Occasion, kind: &str, text: &Utf8Bytes) {
        self.something_comes_before(id, occasion, text);
        if self.meets(occasion, |fault| *fault == Fault::LoseNotification).is_some() {
            return;
        }
        let copies =
            1 + usize::from(self.meets(occasion, |fault| *fault == Fault::DoubleNotification).is_some());
        if let Some(by) = self.delay_of(id, occasion) {
            for _ in 0..copies {
                self.delay(id, Message::Text(text.clone()), by);
            }
            return;
        }
        for _ in 0..copies {
            self.notification_in_turn(id, occasion, kind, text.clone());
        }
    }

    /// When a notification goes out; `None` is now. None overtakes one that was delayed.
    fn delay_of(&mut self, id: SocketId, occasion: &Occasion) -> Option<Instant> {
        let now = Instant::now();
        let queue = self.detours.queued_until.get(&id).copied().filter(|until| *until > now);
        let own = match self.meets(occasion, |fault| matches!(fault, Fault::DelayNotification { .. })) {
            Some(Fault::DelayNotification { by }) => Some(now + by),
            _ => None,
        };
        let at = queue.max(own);
        match at {
            Some(at) => self.detours.queued_until.insert(id, at),
            None => self.detours.queued_until.remove(&id),
        };
        at
    }

    /// Sends a notification, unless it waits for another to change places with.
    fn notification_in_turn(&mut self, id: SocketId, occasion: &Occasion, kind: &str, text: Utf8Bytes) {
        if let Some(waiting) = self.detours.swaps.get(&id) {
            let overtaken = waiting.changes_places_with(kind, &text);
            self.deliver(id, Message::Text(text));
            if overtaken && let Some(waiting) = self.detours.swaps.remove(&id) {
                self.faults.took_effect("reorder_notification");
                self.deliver(id, Message::Text(waiting.text));
            }
            return;
        }
        let is_event = kind.ends_with(EVENT);
        let wanted = |fault: &Fault| match fault {
            Fault::ReorderNotification { with: Swap::SameDialog } => is_event,
            Fault::ReorderNotification { with: Swap::OtherType } => true,
            _ => false,
        };
        let found = self.faults.meet(occasion, wanted).map(|order| order.fault);
        let Some(Fault::ReorderNotification { with }) = found else {
            return self.deliver(id, Message::Text(text));
        };
        self.detours.numbers += 1;
        let number = self.detours.numbers;
        let dialog = dialog_of(&text);
        self.detours.swaps.insert(id, Waiting { number, with, kind: kind.to_owned(), dialog, text });
        self.timers.add(Instant::now() + SWAP_PATIENCE, Timer::SwapIsOff { socket: id, number });
    }

    /// Nothing came to change places with.
    pub(in super::super) fn swap_is_off(&mut self, id: SocketId, number: u64) {
        if self.detours.swaps.get(&id).is_some_and(|waiting| waiting.number == number)
            && let Some(waiting) = self.detours.swaps.remove(&id)
        {
            self.deliver(id, Message::Text(waiting.text));
            self.stir();
        }
    }

    fn delay(&mut self, id: SocketId, frame: Message, until: Instant) {
        self.detours.delayed += 1;
        self.timers.add(until, Timer::FrameIsDue { socket: id, frame });
    }

    pub(in super::super) fn frame_is_due(&mut self, id: SocketId, frame: Message) {
        self.detours.delayed -= 1;
        self.deliver(id, frame);
        self.stir();
    }

    /// Frames that nobody asked for, before one that somebody did.
    fn something_comes_before(&mut self, id: SocketId, occasion: &Occasion, text: &Utf8Bytes) {
        if self.meets(occasion, |fault| *fault == Fault::GarbageFrame).is_some() {
            self.deliver(id, Message::text(NO_JSON));
        }
        if self.meets(occasion, |fault| *fault == Fault::BinaryFrame).is_some() {
            self.deliver(id, Message::Binary(Bytes::from_static(b"\x00\x01 not for you \xff")));
        }
        if self.meets(occasion, |fault| *fault == Fault::TruncatedFrame).is_some() {
            self.deliver(id, Message::text(first_half(text)));
        }
        if let Some(Fault::HugeFrame { bytes }) =
            self.meets(occasion, |fault| matches!(fault, Fault::HugeFrame { .. }))
        {
            self.deliver(id, Message::text(huge(bytes)));
        }
        let Some(spoilt) = with_null_changes(text) else { return };
        if self.meets(occasion, |fault| *fault == Fault::NullList).is_some() {
            self.deliver(id, Message::text(spoilt));
        }
    }
}

/// The wire type of a notification; written first or last, but never inside the body.
fn kind_of(text: &str) -> &str {
    const FIRST: &str = r#"{"kind":"notification","type":""#;
    const NAME: &str = r#""type":""#;
    let rest = match text.strip_prefix(FIRST) {
        Some(rest) => rest,
        None => text.rsplit(NAME).next().unwrap_or_default(),
    };
    rest.split('"').next().unwrap_or_default()
}

fn dialog_of(text: &str) -> Option<String> {
    let frame: Value = serde_json::from_str(text).ok()?;
    frame["body"]["dialogId"].as_str().map(str::to_owned)
}

fn first_half(text: &str) -> &str {
    let mut end = text.len() / 2;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A frame of exactly that length, if that is enough for one at all.
fn huge(bytes: usize) -> String {
    const HEAD: &str = r#"{"kind":"notification","type":".ams.Padding","body":{"padding":""#;
    const TAIL: &str = r#""}}"#;
    let padding = bytes.saturating_sub(HEAD.len() + TAIL.len());
    format!("{HEAD}{}{TAIL}", "x".repeat(padding))
}

fn with_null_changes(text: &str) -> Option<String> {
    if !text.contains(r#""changes":["#) {
        return None;
    }
    let mut frame: Value = serde_json::from_str(text).ok()?;
    let changes = frame.get_mut("body")?.get_mut("changes").filter(|changes| changes.is_array())?;
    *changes = Value::Null;
    Some(frame.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notifications_type_is_found_wherever_it_stands() {
        for (text, kind) in [
            (r#"{"kind":"notification","type":".a.B","body":{"type":"C"}}"#, ".a.B"),
            (r#"{"body":{"changes":[{"type":"UPSERT"}]},"kind":"notification","type":"a.B"}"#, "a.B"),
        ] {
            assert_eq!(kind_of(text), kind);
        }
    }

    #[test]
    fn a_huge_frame_is_as_long_as_told_and_is_json() {
        let frame = huge(1000);
        assert_eq!(frame.len(), 1000);
        assert!(serde_json::from_str::<Value>(&frame).is_ok());
    }
}
