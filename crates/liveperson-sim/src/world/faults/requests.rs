//! What happens to requests and their answers.

use std::time::Duration;

use liveperson_proto::{ConversationId, DialogId};

use super::super::World;
use super::super::requests::{Caller, Kind, Outcome, Refusal, Request};
use super::super::sockets::SocketId;
use crate::faults::book::Occasion;
use crate::faults::{Fault, is_for_good};

/// What becomes of a request before it is applied.
pub(in super::super) enum Before {
    /// It is applied.
    Applied,
    /// It is not, and nobody hears of it.
    Lost,
    /// It is not, and is answered so.
    Refused(Refusal),
}

const WORDS: &str = "Refused by a fault of the simulated platform";

impl World {
    /// How much later than its socket's death a request is applied that is in flight then; `None` when it
    /// does not travel at all.
    pub(in super::super) fn lateness_of(&mut self, id: SocketId, request: &Request) -> Option<Duration> {
        if self.faults.is_quiet() || !request.changes_state() {
            return None;
        }
        let occasion = self.occasion_of(id)?.of(request.kind.name());
        match self.faults.meet(&occasion, |fault| matches!(fault, Fault::ApplyLate { .. }))?.fault {
            Fault::ApplyLate { after } => Some(after),
            _ => None,
        }
    }

    /// What goes wrong before a request is applied.
    pub(in super::super) fn before_applying(
        &mut self,
        id: SocketId,
        caller: &Caller,
        request: &Request,
    ) -> Before {
        let Some(occasion) = self.request_occasion(id, request) else { return Before::Applied };
        self.meddle_with_conversation_of(&occasion, caller, request);
        if self.meets(&occasion, |fault| *fault == Fault::LoseRequest).is_some() {
            return Before::Lost;
        }
        let Some(Fault::Refuse { status }) =
            self.meets(&occasion, |fault| matches!(fault, Fault::Refuse { .. }))
        else {
            return Before::Applied;
        };
        if is_for_good(status) && request.kind == Kind::PublishEvent {
            self.answer_refused_for_good(caller, request);
        }
        Before::Refused((status, WORDS))
    }

    /// What a request is said to have come to, which may not be what it came to.
    pub(in super::super) fn after_applying(
        &mut self,
        id: SocketId,
        request: &Request,
        outcome: Outcome,
    ) -> Outcome {
        let Some(occasion) = self.request_occasion(id, request).filter(|_| outcome.is_ok()) else {
            return outcome;
        };
        match self.meets(&occasion, |fault| matches!(fault, Fault::RefuseAfterEffect { .. })) {
            Some(Fault::RefuseAfterEffect { status }) => Err((status, WORDS)),
            _ => outcome,
        }
    }

    /// Whether the socket ends instead of being answered.
    pub(in super::super) fn ends_instead_of_answering(&mut self, id: SocketId, request: &Request) -> bool {
        let Some(occasion) = self.request_occasion(id, request) else { return false };
        let found = self.faults.meet(&occasion, |fault| matches!(fault, Fault::DropSocket { .. }));
        let Some(Fault::DropSocket { how }) = found.map(|order| order.fault) else { return false };
        self.cut_socket(id, how);
        true
    }

    fn request_occasion(&self, id: SocketId, request: &Request) -> Option<Occasion> {
        if self.faults.is_quiet() { None } else { Some(self.occasion_of(id)?.of(request.kind.name())) }
    }

    /// A fault is met and takes effect there and then.
    pub(super) fn meets(&mut self, occasion: &Occasion, wanted: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let fault = self.faults.meet(occasion, wanted)?.fault;
        self.faults.took_effect(fault.name());
        Some(fault)
    }

    fn answer_refused_for_good(&mut self, caller: &Caller, request: &Request) {
        let Some(id) = self.conversation_named(caller, request) else { return };
        self.ledger.refused(&id, &request.body["event"]);
        if let Some(consumer) = self.conversations.get(&id).map(|one| one.facts.consumer.clone()) {
            self.script_hears(&consumer, &id);
        }
    }

    /// The conversation that a request is about.
    pub(super) fn conversation_named(&self, caller: &Caller, request: &Request) -> Option<ConversationId> {
        let body = &request.body;
        let named = body["dialogId"].as_str().or_else(|| body["conversationId"].as_str())?;
        self.conversation_of(&caller.account, &DialogId::new(named))
    }
}
