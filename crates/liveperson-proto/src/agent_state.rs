//! What the platform takes agents' states for.

use serde::{Deserialize, Deserializer};

use crate::AgentId;
use crate::request::Availability;

/// The state of an agent, as the platform has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentState {
    /// Whose.
    pub agent: AgentId,
    /// The state.
    pub availability: Availability,
}

#[derive(Deserialize)]
struct RawChange {
    result: RawState,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawState {
    agent_user_id: AgentId,
    availability: String,
}

impl<'de> Deserialize<'de> for AgentState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let RawState { agent_user_id: agent, availability } = RawChange::deserialize(deserializer)?.result;
        let availability = Availability::of_wire(&availability)
            .ok_or_else(|| serde::de::Error::custom("a state that nobody here knows"))?;
        Ok(Self { agent, availability })
    }
}
