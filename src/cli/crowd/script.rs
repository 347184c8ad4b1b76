//! What a consumer of the crowd says next. It only decides: the connection carries out.

use liveperson_proto::consumer::{ConsumerRequest, Stage};
use liveperson_proto::conversation::{ChangeKind, ConversationChange};
use liveperson_proto::message::{EventBody, MessageEvent, Role};
use liveperson_proto::{AccountId, ConversationId, Sequence};

/// Messages in one conversation.
const MESSAGES: usize = 5;

/// Where a consumer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Connected, and not told of its conversations yet.
    Arriving,
    /// Has asked for a conversation.
    Opening,
    /// Has asked for what was said in its conversation.
    Reading,
    /// Has said something that is not answered yet.
    Waiting,
    /// Thinks of what to do next.
    Thinking,
    /// Has asked to close its conversation.
    Leaving,
}

/// What follows from what a consumer heard.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Nothing yet.
    Listen,
    /// Ask this.
    Ask(ConsumerRequest),
    /// Think, then ask [`Script::goes_on`].
    Think,
}

/// One consumer's part: it says a line, waits until that is answered, thinks, and after a few lines leaves.
pub(super) struct Script {
    account: AccountId,
    phase: Phase,
    conversation: Option<ConversationId>,
    said: usize,
    /// What was said last, as long as it is not answered.
    owed: Option<String>,
}

impl Script {
    pub(super) fn new(account: AccountId) -> Self {
        Self { account, phase: Phase::Arriving, conversation: None, said: 0, owed: None }
    }

    /// A new connection knows nothing: everything is looked up again.
    pub(super) fn connected(&mut self) -> ConsumerRequest {
        self.phase = Phase::Arriving;
        ConsumerRequest::SubscribeConversations { stage: Stage::Open }
    }

    /// The consumer has thought.
    pub(super) fn goes_on(&mut self) -> Next {
        match (self.phase, &self.conversation) {
            (Phase::Thinking, None) => self.opens(),
            (Phase::Thinking, Some(id)) if self.said >= MESSAGES => {
                self.phase = Phase::Leaving;
                Next::Ask(ConsumerRequest::Close { conversation: id.clone() })
            }
            (Phase::Thinking, Some(_)) => self.says(),
            _ => Next::Listen,
        }
    }

    /// The platform did what was asked.
    pub(super) fn done(&mut self, opened: Option<ConversationId>) -> Next {
        match (self.phase, opened) {
            (Phase::Opening, Some(id)) => self.reads(id),
            _ => Next::Listen,
        }
    }

    /// The platform shows the consumer's conversations, or changes of them.
    pub(super) fn shown(&mut self, changes: &[ConversationChange]) -> Next {
        if self.phase == Phase::Arriving {
            let open = |change: &&ConversationChange| is_open(change);
            return match changes.iter().find(open) {
                Some(change) => self.reads(change.conversation.id.clone()),
                None => self.opens(),
            };
        }
        let ours = |change: &&ConversationChange| Some(&change.conversation.id) == self.conversation.as_ref();
        match changes.iter().rfind(ours) {
            Some(change) if !is_open(change) => self.is_over(),
            _ => Next::Listen,
        }
    }

    /// Something was said; the first time after a subscription it is all that was said so far.
    pub(super) fn told(&mut self, events: &[MessageEvent]) -> Next {
        let dialog = self.conversation.as_ref().map(ConversationId::main_dialog);
        if events.iter().any(|event| Some(&event.dialog) != dialog.as_ref()) {
            return Next::Listen;
        }
        if self.phase == Phase::Reading {
            return self.catches_up(events);
        }
        let answers = |token: &String| events.iter().any(|event| answers(event, token));
        if self.phase == Phase::Waiting && self.owed.as_ref().is_some_and(answers) {
            self.owed = None;
            self.phase = Phase::Thinking;
            return Next::Think;
        }
        Next::Listen
    }

    /// The conversation is over, whoever ended it.
    pub(super) fn is_over(&mut self) -> Next {
        (self.conversation, self.owed, self.said) = (None, None, 0);
        self.phase = Phase::Thinking;
        Next::Think
    }

    /// The history says which message is the last and whether it is answered. What was sent into a
    /// connection that broke is not there if the platform never got it, and is said again.
    fn catches_up(&mut self, history: &[MessageEvent]) -> Next {
        let own = history.iter().filter(|event| event.role == Role::Consumer && event.body.is_content());
        self.said = own.clone().count();
        let last = own.clone().next_back().and_then(|event| text(event).split_whitespace().last());
        self.owed = last.map(str::to_owned);
        let Some(token) = &self.owed else { return self.says() };
        if history.iter().any(|event| answers(event, token)) {
            self.owed = None;
            self.phase = Phase::Thinking;
            return Next::Think;
        }
        self.phase = Phase::Waiting;
        Next::Listen
    }

    fn opens(&mut self) -> Next {
        (self.conversation, self.owed, self.said) = (None, None, 0);
        self.phase = Phase::Opening;
        Next::Ask(ConsumerRequest::OpenConversation { account: self.account.clone(), skill: None })
    }

    fn reads(&mut self, id: ConversationId) -> Next {
        self.phase = Phase::Reading;
        let (dialog, from) = (id.main_dialog(), Sequence(0));
        self.conversation = Some(id.clone());
        Next::Ask(ConsumerRequest::SubscribeMessages { dialog, conversation: id, from })
    }

    fn says(&mut self) -> Next {
        let Some(id) = self.conversation.clone() else { return Next::Listen };
        self.said += 1;
        // The word by which the platform's ledger knows a message again.
        let short: String = id.as_str().chars().take(8).collect();
        let token = format!("m-{short}-{}", self.said);
        let text = format!("hello {token}");
        self.owed = Some(token);
        self.phase = Phase::Waiting;
        Next::Ask(ConsumerRequest::Publish { dialog: id.main_dialog(), conversation: id, text })
    }
}

fn is_open(change: &ConversationChange) -> bool {
    change.kind == ChangeKind::Upsert && change.conversation.main_open
}

/// Whether the brand said something with this very word in it.
fn answers(event: &MessageEvent, token: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut words = text(event).split(|c| !is_part(c));
    event.role != Role::Consumer && words.any(|word| word == token)
}

fn text(event: &MessageEvent) -> &str {
    match &event.body {
        EventBody::Content { text, .. } => text,
        EventBody::Rich { content } => content,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(json: &str) -> ConversationChange {
        serde_json::from_str(json).unwrap()
    }

    fn open() -> ConversationChange {
        change(r#"{"type":"UPSERT","result":{"convId":"C1","conversationDetails":{"state":"OPEN"}}}"#)
    }

    fn event(role: &str, text: &str) -> MessageEvent {
        let json = serde_json::json!({
            "sequence": 1, "dialogId": "C1", "originatorMetadata": {"role": role},
            "event": {"type": "ContentEvent", "message": text},
        });
        MessageEvent::parse(&json.to_string()).unwrap()
    }

    fn said(next: &Next) -> &str {
        let Next::Ask(ConsumerRequest::Publish { text, .. }) = next else { panic!("{next:?}") };
        text
    }

    fn in_conversation() -> Script {
        let mut script = Script::new("1".into());
        script.connected();
        assert!(matches!(script.shown(&[]), Next::Ask(ConsumerRequest::OpenConversation { .. })));
        let opened = script.done(Some("C1".into()));
        assert!(matches!(opened, Next::Ask(ConsumerRequest::SubscribeMessages { .. })));
        assert_eq!(said(&script.told(&[])), "hello m-C1-1");
        script
    }

    #[test]
    fn five_lines_are_said_one_by_one_and_then_the_consumer_leaves() {
        let mut script = in_conversation();
        for line in 1..=5 {
            assert_eq!(script.told(&[event("ASSIGNED_AGENT", "how can I help?")]), Next::Listen);
            assert_eq!(script.told(&[event("CONSUMER", &format!("hello m-C1-{line}"))]), Next::Listen);
            assert_eq!(
                script.told(&[event("ASSIGNED_AGENT", &format!("you said m-C1-{line}0"))]),
                Next::Listen
            );
            assert_eq!(script.told(&[event("AGENT", &format!("(m-C1-{line})"))]), Next::Think);
            let next = script.goes_on();
            if line < 5 {
                assert_eq!(said(&next), format!("hello m-C1-{}", line + 1));
            } else {
                assert_eq!(next, Next::Ask(ConsumerRequest::Close { conversation: "C1".into() }));
            }
        }
        let closed = r#"{"type":"DELETE","result":{"convId":"C1","conversationDetails":{"state":"CLOSE"}}}"#;
        assert_eq!(script.shown(&[change(closed)]), Next::Think);
        assert!(matches!(script.goes_on(), Next::Ask(ConsumerRequest::OpenConversation { .. })));
    }

    #[test]
    fn after_a_lost_connection_only_what_never_arrived_is_said_again() {
        let (own, answer) = (event("CONSUMER", "hello m-C1-1"), event("AGENT", "m-C1-1"));
        for (history, expected) in [
            (vec![], Some("hello m-C1-1")),
            (vec![own.clone()], None),
            (vec![own.clone(), answer.clone()], Some("hello m-C1-2")),
        ] {
            let mut script = in_conversation();
            script.connected();
            assert!(matches!(script.shown(&[open()]), Next::Ask(ConsumerRequest::SubscribeMessages { .. })));
            let next = match script.told(&history) {
                Next::Think => script.goes_on(),
                next => next,
            };
            match expected {
                Some(text) => assert_eq!(said(&next), text),
                None => assert_eq!(
                    (next, script.told(std::slice::from_ref(&answer))),
                    (Next::Listen, Next::Think)
                ),
            }
        }
    }

    #[test]
    fn a_conversation_that_was_closed_meanwhile_is_followed_by_another() {
        let mut script = in_conversation();
        script.connected();
        assert!(matches!(script.shown(&[]), Next::Ask(ConsumerRequest::OpenConversation { .. })));
        script.done(Some("C2".into()));
        assert_eq!(said(&script.told(&[])), "hello m-C2-1");
    }
}
