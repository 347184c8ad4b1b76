//! Rings: offers of the routing engine.

use serde::Deserialize;

use crate::lenient::null_as_default;
use crate::{ConversationId, RingId, SkillId};

/// One ring of a routing task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    /// Its id.
    pub id: RingId,
    /// What it offers.
    pub conversation: ConversationId,
    /// The skill it was routed by.
    pub skill: Option<SkillId>,
    /// Where it stands.
    pub state: RingState,
    /// When it lapses, by the platform's clock in milliseconds.
    pub expires_at: Option<i64>,
}

/// Where a ring stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingState {
    /// It can be accepted.
    Waiting,
    /// It was accepted, by us or automatically.
    Accepted,
    /// It is over, or unknown to this crate.
    Over,
}

/// A changed routing task: its rings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutingTask {
    /// The rings for this agent.
    pub rings: Vec<Ring>,
}

#[derive(Deserialize)]
struct RawChange {
    result: RawTask,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTask {
    conversation_id: Option<ConversationId>,
    skill_id: Option<SkillId>,
    #[serde(default, deserialize_with = "null_as_default")]
    rings_details: Vec<RawRing>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRing {
    ring_id: RingId,
    ring_state: String,
    ring_expiration_ts: Option<i64>,
    conv_id: Option<ConversationId>,
}

impl<'de> Deserialize<'de> for RoutingTask {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let task = RawChange::deserialize(deserializer)?.result;
        let skill = task.skill_id.filter(|skill| skill.as_str() != "-1");
        let rings = task
            .rings_details
            .into_iter()
            .filter_map(|ring| {
                Some(Ring {
                    conversation: ring.conv_id.or_else(|| task.conversation_id.clone())?,
                    id: ring.ring_id,
                    skill: skill.clone(),
                    state: state(&ring.ring_state),
                    expires_at: ring.ring_expiration_ts,
                })
            })
            .collect();
        Ok(Self { rings })
    }
}

fn state(word: &str) -> RingState {
    match word {
        "WAITING" => RingState::Waiting,
        "ACCEPTED" | "AUTO_ACCEPT" => RingState::Accepted,
        _ => RingState::Over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_finds_its_conversation_in_the_task() {
        let json = r#"{"type":"UPSERT","result":{"conversationId":"C1","skillId":"7","ringsDetails":[
            {"ringId":"r1","ringState":"WAITING","ringExpirationTs":9},{"ringId":"r2","ringState":"EXPIRED","convId":"C2"}]}}"#;
        let task: RoutingTask = serde_json::from_str(json).unwrap();
        assert_eq!(task.rings[0].conversation, ConversationId::from("C1"));
        assert_eq!(task.rings[0].state, RingState::Waiting);
        assert_eq!(task.rings[1].conversation, ConversationId::from("C2"));
        assert_eq!(task.rings[1].state, RingState::Over);
    }
}
