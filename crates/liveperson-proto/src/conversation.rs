//! Conversations as change notifications carry them.

use std::collections::HashMap;

use serde::Deserialize;

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

#[derive(Deserialize)]
struct RawChange {
    #[serde(rename = "type")]
    kind: String,
    result: RawResult,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawResult {
    conv_id: ConversationId,
    conversation_details: RawDetails,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDetails {
    #[serde(default)]
    skill_id: Option<SkillId>,
    #[serde(default, deserialize_with = "null_as_default")]
    participants: RawParticipants,
    #[serde(default, deserialize_with = "null_as_default")]
    dialogs: Vec<RawDialog>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    stage: Option<String>,
}

/// Brands are shown a map of roles, consumers a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum RawParticipants {
    Roles(HashMap<String, Option<Vec<String>>>),
    List(Vec<RawParticipant>),
}

impl Default for RawParticipants {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

#[derive(Deserialize)]
struct RawParticipant {
    id: String,
    #[serde(default)]
    role: Option<String>,
}

impl RawParticipants {
    fn into_pairs(self) -> Vec<(String, Role)> {
        let of_role = |(role, ids): (String, Option<Vec<String>>)| {
            let role = Role::from_wire(&role);
            ids.unwrap_or_default().into_iter().map(move |id| (id, role))
        };
        match self {
            Self::Roles(roles) => roles.into_iter().flat_map(of_role).collect(),
            Self::List(list) => {
                let role = |one: &RawParticipant| one.role.as_deref().map_or(Role::Other, Role::from_wire);
                list.into_iter().map(|one| (role(&one), one.id)).map(|(role, id)| (id, role)).collect()
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDialog {
    dialog_id: DialogId,
    #[serde(default)]
    dialog_type: Option<String>,
}

impl<'de> Deserialize<'de> for ConversationChange {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawChange::deserialize(deserializer)?;
        let kind = if raw.kind == "DELETE" { ChangeKind::Delete } else { ChangeKind::Upsert };
        Ok(Self { kind, conversation: raw.result.into() })
    }
}

impl From<RawResult> for Conversation {
    fn from(raw: RawResult) -> Self {
        let details = raw.conversation_details;
        let main_dialog = details
            .dialogs
            .iter()
            .find(|d| d.dialog_type.as_deref() == Some("MAIN"))
            .map_or_else(|| raw.conv_id.main_dialog(), |d| d.dialog_id.clone());
        let main_open = details.state.as_deref() != Some("CLOSE");
        let mut participants = details.participants.into_pairs();
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
