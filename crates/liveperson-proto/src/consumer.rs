//! What a consumer's socket asks of the platform. Source: Messaging Window API, version 3.

use serde_json::{Value, json};

use crate::request::frame;
use crate::{AccountId, ConversationId, DialogId, Sequence, SkillId};

/// Which of its conversations a consumer is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The open ones.
    Open,
    /// The closed ones too.
    Any,
}

/// What a consumer does at the keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatState {
    /// Is there.
    Active,
    /// Writes.
    Composing,
    /// Stopped writing.
    Pause,
    /// Is not there.
    Inactive,
}

impl ChatState {
    fn wire(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Composing => "COMPOSING",
            Self::Pause => "PAUSE",
            Self::Inactive => "INACTIVE",
        }
    }
}

/// How far a message got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptStatus {
    /// It arrived.
    Accept,
    /// It was read.
    Read,
}

impl AcceptStatus {
    fn wire(self) -> &'static str {
        match self {
            Self::Accept => "ACCEPT",
            Self::Read => "READ",
        }
    }
}

/// A consumer's request, typed as far as muster needs it; everything else goes as [`ConsumerRequest::Raw`].
#[derive(Clone, Debug, PartialEq)]
pub enum ConsumerRequest {
    /// Asks the platform's time: health probe and clock offset.
    GetClock,
    /// Opens a conversation; the answer names it. A consumer has one open conversation at a time.
    OpenConversation {
        /// The account.
        account: AccountId,
        /// The skill it is routed by; none leaves that to the account.
        skill: Option<SkillId>,
    },
    /// Subscribes to the consumer's conversations.
    SubscribeConversations {
        /// Which of them.
        stage: Stage,
    },
    /// Subscribes to a dialog's events; what is there already comes as the first notification.
    SubscribeMessages {
        /// The dialog.
        dialog: DialogId,
        /// Its conversation.
        conversation: ConversationId,
        /// The first event wanted.
        from: Sequence,
    },
    /// Says something.
    Publish {
        /// The dialog.
        dialog: DialogId,
        /// Its conversation.
        conversation: ConversationId,
        /// What is said.
        text: String,
    },
    /// Shows what the consumer does.
    ShowChatState {
        /// The dialog.
        dialog: DialogId,
        /// Its conversation.
        conversation: ConversationId,
        /// What it does.
        state: ChatState,
    },
    /// Tells how far messages got.
    Acknowledge {
        /// The dialog.
        dialog: DialogId,
        /// Its conversation.
        conversation: ConversationId,
        /// How far.
        status: AcceptStatus,
        /// The messages.
        sequences: Vec<Sequence>,
    },
    /// Closes a conversation's main dialog.
    Close {
        /// The conversation.
        conversation: ConversationId,
    },
    /// Any other request.
    Raw {
        /// The wire's type name.
        kind: String,
        /// The body.
        body: Value,
    },
}

impl ConsumerRequest {
    /// The wire's type name. Source: the names without `.ams.`, which consumer sockets speak.
    pub fn kind(&self) -> &str {
        match self {
            Self::GetClock => "GetClock",
            Self::OpenConversation { .. } => "cm.ConsumerRequestConversation",
            Self::SubscribeConversations { .. } => "cqm.SubscribeExConversations",
            Self::SubscribeMessages { .. } => "ms.SubscribeMessagingEvents",
            Self::Publish { .. } | Self::ShowChatState { .. } | Self::Acknowledge { .. } => "ms.PublishEvent",
            Self::Close { .. } => "cm.UpdateConversationField",
            Self::Raw { kind, .. } => kind,
        }
    }

    /// The whole frame, with an id that is unique on its socket.
    pub fn frame(&self, id: u64) -> String {
        frame(id, self.kind(), self.body(), None)
    }

    fn body(&self) -> Value {
        match self {
            Self::GetClock => json!({}),
            Self::OpenConversation { account, skill } => {
                let skill = skill.as_ref().map_or("-1", SkillId::as_str);
                json!({"brandId": account, "skillId": skill, "channelType": "MESSAGING", "ttrDefName": "NORMAL"})
            }
            Self::SubscribeConversations { stage: Stage::Open } => json!({"stage": ["OPEN"]}),
            Self::SubscribeConversations { stage: Stage::Any } => json!({"stage": ["OPEN", "CLOSE"]}),
            Self::SubscribeMessages { dialog, conversation, from } => {
                json!({"dialogId": dialog, "conversationId": conversation, "fromSeq": from})
            }
            Self::Publish { dialog, conversation, text } => {
                let event = json!({"type": "ContentEvent", "contentType": "text/plain", "message": text});
                json!({"dialogId": dialog, "conversationId": conversation, "event": event})
            }
            Self::ShowChatState { dialog, conversation, state } => {
                let event = json!({"type": "ChatStateEvent", "chatState": state.wire()});
                json!({"dialogId": dialog, "conversationId": conversation, "event": event})
            }
            Self::Acknowledge { dialog, conversation, status, sequences } => {
                let event =
                    json!({"type": "AcceptStatusEvent", "status": status.wire(), "sequenceList": sequences});
                json!({"dialogId": dialog, "conversationId": conversation, "event": event})
            }
            Self::Close { conversation } => {
                let close = json!({"field": "ConversationStateField", "conversationState": "CLOSE"});
                json!({"conversationId": conversation, "conversationField": [close]})
            }
            Self::Raw { body, .. } => body.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_what_the_platform_reads() {
        let (dialog, conversation) = (DialogId::from("C1"), ConversationId::from("C1"));
        for (request, expected) in [
            (ConsumerRequest::GetClock, r#"{"kind":"req","id":"7","type":"GetClock","body":{}}"#),
            (
                ConsumerRequest::OpenConversation { account: "1".into(), skill: None },
                r#"{"kind":"req","id":"7","type":"cm.ConsumerRequestConversation","body":{"brandId":"1","channelType":"MESSAGING","skillId":"-1","ttrDefName":"NORMAL"}}"#,
            ),
            (
                ConsumerRequest::SubscribeConversations { stage: Stage::Open },
                r#"{"kind":"req","id":"7","type":"cqm.SubscribeExConversations","body":{"stage":["OPEN"]}}"#,
            ),
            (
                ConsumerRequest::SubscribeMessages {
                    dialog: dialog.clone(),
                    conversation: conversation.clone(),
                    from: Sequence(0),
                },
                r#"{"kind":"req","id":"7","type":"ms.SubscribeMessagingEvents","body":{"conversationId":"C1","dialogId":"C1","fromSeq":0}}"#,
            ),
            (
                ConsumerRequest::Publish {
                    dialog: dialog.clone(),
                    conversation: conversation.clone(),
                    text: "hi".into(),
                },
                r#"{"kind":"req","id":"7","type":"ms.PublishEvent","body":{"conversationId":"C1","dialogId":"C1","event":{"contentType":"text/plain","message":"hi","type":"ContentEvent"}}}"#,
            ),
            (
                ConsumerRequest::ShowChatState {
                    dialog: dialog.clone(),
                    conversation: conversation.clone(),
                    state: ChatState::Composing,
                },
                r#"{"kind":"req","id":"7","type":"ms.PublishEvent","body":{"conversationId":"C1","dialogId":"C1","event":{"chatState":"COMPOSING","type":"ChatStateEvent"}}}"#,
            ),
            (
                ConsumerRequest::Acknowledge {
                    dialog,
                    conversation: conversation.clone(),
                    status: AcceptStatus::Read,
                    sequences: vec![Sequence(3)],
                },
                r#"{"kind":"req","id":"7","type":"ms.PublishEvent","body":{"conversationId":"C1","dialogId":"C1","event":{"sequenceList":[3],"status":"READ","type":"AcceptStatusEvent"}}}"#,
            ),
            (
                ConsumerRequest::Close { conversation },
                r#"{"kind":"req","id":"7","type":"cm.UpdateConversationField","body":{"conversationField":[{"conversationState":"CLOSE","field":"ConversationStateField"}],"conversationId":"C1"}}"#,
            ),
        ] {
            assert_eq!(request.frame(7), expected);
        }
    }
}
