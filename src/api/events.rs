//! `/api/v1/bots/{account}/{bot}/events`: a bot's time line, the latest first.

use actix_web::web::{Data, Json, Path, Query};
use liveperson_proto::AccountId;
use muster_core::BotId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{ApiState, Asked, Look, May, Page, Problem};
use crate::board::rfc3339;
use crate::store::BotEvent;

/// One event as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Event {
    /// Its place in the time line.
    pub seq: i64,
    /// When, as RFC 3339.
    pub at: String,
    /// What kind of thing.
    pub kind: String,
    /// The bot's state from then on.
    pub state: Option<String>,
    /// Why.
    pub cause: Option<String>,
}

impl From<BotEvent> for Event {
    fn from(BotEvent { seq, at, kind, state, cause }: BotEvent) -> Self {
        Self { seq, at: rfc3339(at), kind, state, cause }
    }
}

#[utoipa::path(get, path = "/api/v1/bots/{account}/{bot}/events", tag = "bots", operation_id = "bot_events",
    params(("account" = String, Path), ("bot" = String, Path), Asked), responses((status = 200, body = Page<Event>)))]
pub(super) async fn list(
    caller: May<Look>,
    bot: Path<(AccountId, BotId)>,
    asked: Query<Asked>,
    state: Data<ApiState>,
) -> Result<Json<Page<Event>>, Problem> {
    let (account, bot) = bot.into_inner();
    let (limit, before) = (asked.limit()?, asked.after()?);
    asked.filter(&[])?;
    asked.sort(&["latest"])?;
    if !caller.sees(&account) {
        return Err(Problem::unknown_bot());
    }
    let events = state.store()?.events(&account, &bot, before, limit + 1).await;
    let events = events.map_err(|error| Problem::of_store(&error))?;
    // A bot that was taken out of the fleet still has a past.
    if events.is_empty() && state.board.get(&account, &bot).is_none() {
        return Err(Problem::unknown_bot());
    }
    Ok(Json(Page::of(events, limit, |event| event.seq).map(Event::from)))
}
