//! `/api/v1/bots/{account}/{bot}/events`: a bot's time line, the latest first.

use actix_web::web::{Data, Json, Path, Query};
use liveperson_proto::AccountId;
use muster_core::BotId;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{ApiState, Problem};
use crate::board::rfc3339;
use crate::store::{BotEvent, EVENT_PAGE};
use crate::telemetry::Chain;

/// Events of a page unless asked for otherwise.
const PAGE: u32 = 100;

/// Which part of a time line is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    /// Go on before this event: the `next` of the page before.
    before: Option<i64>,
    /// How many at most.
    limit: Option<u32>,
}

/// A page of a time line.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    items: Vec<Event>,
    /// Where the next page goes on; none if there is no more.
    next: Option<i64>,
}

/// One event as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

pub(super) async fn list(
    bot: Path<(AccountId, BotId)>,
    part: Query<Part>,
    state: Data<ApiState>,
) -> Result<Json<Page>, Problem> {
    let (account, bot) = bot.into_inner();
    let limit = part.limit.unwrap_or(PAGE);
    if !(1..=EVENT_PAGE).contains(&limit) {
        return Err(Problem::bad_request(format!("limit goes from 1 to {EVENT_PAGE}")));
    }
    let Some(store) = &state.store else { return Err(Problem::store_away()) };
    let events = store.events(&account, &bot, part.before, limit + 1).await.map_err(|error| {
        warn!(error = %Chain(&error), "a time line could not be read");
        Problem::store_away()
    })?;
    // A bot that was taken out of the fleet still has a past.
    if events.is_empty() && state.board.get(&account, &bot).is_none() {
        return Err(Problem::unknown_bot());
    }
    let more = events.len() > limit as usize;
    let items: Vec<Event> = events.into_iter().take(limit as usize).map(Event::from).collect();
    let next = items.last().filter(|_| more).map(|event| event.seq);
    Ok(Json(Page { items, next }))
}
