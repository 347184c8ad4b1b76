//! An event as it is shown, to machines and to people alike.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::board::rfc3339;
use crate::store::StreamEvent;

/// An event of the fleet as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FleetEvent {
    /// Its place in the stream, which only grows; gaps mean nothing.
    pub id: i64,
    /// When, in milliseconds since 1970; shown as RFC 3339.
    #[serde(rename = "at", serialize_with = "as_time")]
    #[schema(value_type = String, format = DateTime)]
    pub at_ms: i64,
    /// The account; none for the fleet.
    pub account: Option<String>,
    /// The bot; none for the account.
    pub bot: Option<String>,
    /// What kind of thing.
    pub kind: String,
    /// The bot's state from then on, where that changed.
    pub state: Option<String>,
    /// Why, in words.
    pub cause: Option<String>,
    /// Who did it, where it was a person.
    pub who: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn as_time<S: Serializer>(ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*ms))
}

impl From<StreamEvent> for FleetEvent {
    fn from(event: StreamEvent) -> Self {
        let StreamEvent { id, account, bot, at, kind, state, cause, who } = event;
        let unless_empty = |name: String| Some(name).filter(|name| !name.is_empty());
        let (account, bot) = (unless_empty(account), unless_empty(bot));
        Self { id, at_ms: at, account, bot, kind, state, cause, who }
    }
}
