//! Conversations as change notifications carry them.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};

use crate::lenient::null_as_default;
use crate::message::Role;
use crate::{ConversationId, DialogId, SkillId};

/// What a change means for the subscription that reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It matches: new or changed.
    Upsert,
    /// It stopped matching; that does not mean closed.
    Delete,
}

/// One changed conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct ConversationChange {
    /// What the change means for the subscription.
    pub kind: ChangeKind,
    /// The conversation, always whole.
    pub conversation: Conversation,
}

/// A conversation as the platform shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// The skill it is routed by.
    pub skill: Option<SkillId>,
    /// Whether its MAIN dialog is open.
    pub main_open: bool,
    /// Whether any of it (a survey, say) is open.
    pub stage_open: bool,
    /// Who takes part, by the id shown (old id or consumer id; to consumers
    /// the persistent id) and role.
    pub participants: Vec<(String, Role)>,
    /// Its open MAIN dialog, or the id that such a dialog has.
    pub main_dialog: DialogId,
}

impl Conversation {
    /// The first participant of a role.
    pub fn first(&self, role: Role) -> Option<&str> {
        self.participants.iter().find(|(_, r)| *r == role).map(|(id, _)| id.as_str())
    }

    /// Whether somebody takes part in a role.
    pub fn has(&self, id: &str, role: Role) -> bool {
        self.participants.iter().any(|(p, r)| *r == role && p == id)
    }
}

// A change comes with each message, so what is only compared is borrowed from the frame.

#[derive(Deserialize)]
struct RawChange<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    result: RawResult<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawResult<'a> {
    conv_id: ConversationId,
    #[serde(borrow)]
    conversation_details: RawDetails<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDetails<'a> {
    #[serde(default)]
    skill_id: Option<SkillId>,
    #[serde(default, deserialize_with = "null_as_default")]
    participants: RawParticipants,
    #[serde(borrow, default)]
    dialogs: Option<Vec<RawDialog<'a>>>,
    #[serde(borrow, default)]
    state: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    stage: Option<Cow<'a, str>>,
}

/// Who takes part: brands are shown a map of roles, consumers a list.
#[derive(Default)]
struct RawParticipants(Vec<(String, Role)>);

#[derive(Deserialize)]
struct RawParticipant<'a> {
    id: String,
    #[serde(borrow, default)]
    role: Option<Cow<'a, str>>,
}

impl<'de> Deserialize<'de> for RawParticipants {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = RawParticipants;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of roles or a list of participants")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut roles: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some((role, ids)) = roles.next_entry::<Word<'de>, Option<Vec<String>>>()? {
                    let role = Role::from_wire(&role.0);
                    pairs.extend(ids.unwrap_or_default().into_iter().map(|id| (id, role)));
                }
                Ok(RawParticipants(pairs))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(one) = list.next_element::<RawParticipant<'de>>()? {
                    pairs.push((one.id, one.role.as_deref().map_or(Role::Other, Role::from_wire)));
                }
                Ok(RawParticipants(pairs))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Word<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDialog<'a> {
    dialog_id: DialogId,
    #[serde(borrow, default)]
    dialog_type: Option<Cow<'a, str>>,
}

impl<'de> Deserialize<'de> for ConversationChange {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawChange::deserialize(deserializer)?;
        let kind = if raw.kind == "DELETE" { ChangeKind::Delete } else { ChangeKind::Upsert };
        Ok(Self { kind, conversation: raw.result.into() })
    }
}

impl From<RawResult<'_>> for Conversation {
    fn from(raw: RawResult<'_>) -> Self {
        let details = raw.conversation_details;
        let main_dialog = details
            .dialogs
            .iter()
            .flatten()
            .find(|d| d.dialog_type.as_deref() == Some("MAIN"))
            .map_or_else(|| raw.conv_id.main_dialog(), |d| d.dialog_id.clone());
        let main_open = details.state.as_deref() != Some("CLOSE");
        let mut participants = details.participants.0;
        participants.sort_by(|a, b| (a.1.wire(), &a.0).cmp(&(b.1.wire(), &b.0)));
        Self {
            id: raw.conv_id,
            skill: details.skill_id.filter(|skill| skill.as_str() != "-1"),
            main_open,
            stage_open: details.stage.map_or(main_open, |stage| stage != "CLOSE"),
            participants,
            main_dialog,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_read_leniently() {
        let json = r#"{"type":"UPSERT","result":{"convId":"C1","conversationDetails":{"skillId":"-1","participants":
            {"CONSUMER":["cons-1"],"ASSIGNED_AGENT":["1.2"],"MANAGER":null,"NEW_ROLE":["x"]},
            "dialogs":[{"dialogId":"S","dialogType":"POST_SURVEY"},{"dialogId":"C1","dialogType":"MAIN"}],"state":"CLOSE","stage":"OPEN"}}}"#;
        let change: ConversationChange = serde_json::from_str(json).unwrap();
        let conversation = change.conversation;
        assert_eq!(change.kind, ChangeKind::Upsert);
        assert_eq!(conversation.skill, None);
        assert_eq!(conversation.main_dialog, DialogId::from("C1"));
        assert!(!conversation.main_open && conversation.stage_open);
        assert!(conversation.has("1.2", Role::AssignedAgent));
        assert_eq!(conversation.first(Role::Consumer), Some("cons-1"));
    }
}
