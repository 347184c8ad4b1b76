//! `/api/v1/events`: what happens in the fleet, as a list or as it happens.
//!
//! - `hub`: reads the store once for all who follow; `following`: one of them
//! - `shown`, `words`: an event as JSON, and on the wire
//! - `trace`: the frames of one bot

mod following;
mod hub;
mod shown;
pub(super) mod trace;
mod words;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_http;

use std::convert::Infallible;

use actix_web::http::Method;
use actix_web::http::header::{ACCEPT, HeaderMap};
use actix_web::web::{Bytes, Data, Json, Query};
use actix_web::{HttpRequest, HttpResponse, Responder as _};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Deserialize;

use super::paging::LARGEST;
use super::{ApiState, Look, May, Page, Problem};
use crate::store::EventFilter;
use following::Following;

pub use hub::{Hub, HubRules};
pub use shown::FleetEvent;

/// Events of a page unless asked for otherwise.
const USUAL: u32 = 100;
/// Where a client that comes back says what it has.
const LAST_ID: &str = "last-event-id";

/// Which events are asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsAsked {
    /// Go on behind this event: its id, or the `next` of the page before. The header `Last-Event-ID` counts more.
    /// A list begins with the oldest event that is kept unless told otherwise, a stream with what happens now.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// How many at most, in a list.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// Words that must all hold, such as `account=12345678 kind=quarantine,release state!=online`; the keys are
    /// `account`, `bot`, `kind` and `state`.
    #[param(max_length = 2000)]
    filter: Option<String>,
    /// `id`, or `-id` for a list with the latest first.
    sort: Option<String>,
}

/// What a stream tells of one event.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "the schema of what is written by hand")]
pub(super) struct Streamed {
    /// Its id, by which a client goes on.
    id: Option<String>,
    /// Its kind.
    event: Option<String>,
    /// JSON, on one line.
    data: Option<String>,
    /// After how many milliseconds a client that was dropped should come back.
    retry: Option<u64>,
}

/// What happened in the fleet, as a list or, for those who accept `text/event-stream`, as it happens.
///
/// A stream's events have the id, the kind, and as data what the list shows. It begins with what follows
/// `Last-Event-ID`; `gap` says that some of that is not kept any more, `dropped` that the client reads too slowly.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", operation_id = "list_events", params(EventsAsked),
    responses((status = 200, description = "Events by id.", content(
        (Page<FleetEvent> = "application/json"), (Streamed = "text/event-stream")))))]
pub(super) async fn list(
    caller: May<Look>,
    asked: Query<EventsAsked>,
    request: HttpRequest,
    state: Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let filter = EventFilter::parse(asked.filter.as_deref().unwrap_or_default());
    let filter = filter.map_err(Problem::bad_request)?;
    let filter = match caller.only() {
        Some(only) => filter.within(only.iter().map(liveperson_proto::AccountId::as_str)),
        None => filter,
    };
    if request.method() == Method::GET && wants_stream(request.headers()) {
        let after = last_id(request.headers())?.or(asked.after);
        return follow(&state, filter, check(after)?);
    }
    let page = page(&asked, &filter, &state).await?;
    Ok(Json(page).respond_to(&request).map_into_boxed_body())
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "text/event-stream"))
}

fn last_id(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(text) = headers.get(LAST_ID).filter(|text| !text.is_empty()) else { return Ok(None) };
    let id = text.to_str().ok().and_then(|text| text.parse().ok());
    id.map(Some).ok_or_else(|| Problem::bad_request("Last-Event-ID is the id of an event: a whole number"))
}

fn check(after: Option<i64>) -> Result<Option<i64>, Problem> {
    match after {
        Some(..0) => Err(Problem::bad_request("after is the id of an event: 0 or more")),
        after => Ok(after),
    }
}

fn follow(state: &ApiState, filter: EventFilter, after: Option<i64>) -> Result<HttpResponse, Problem> {
    let hub = state.events.as_ref().ok_or_else(Problem::store_away)?;
    let place = hub
        .place()
        .ok_or_else(|| Problem::busy(format!("{} clients follow the events already", hub.rules.clients)))?;
    let following = Following::new(hub.clone(), filter, after, place);
    let said = unfold(following, async |mut following| Some((following.next().await?, following)));
    Ok(streamed(said))
}

/// An answer that goes on.
fn streamed(said: impl Stream<Item = Bytes> + 'static) -> HttpResponse {
    use futures_util::StreamExt as _;
    HttpResponse::Ok()
        .content_type("text/event-stream")
        // A proxy that gathers answers would hold live ones back.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(said.map(Ok::<_, Infallible>))
}

async fn page(
    asked: &EventsAsked,
    filter: &EventFilter,
    state: &ApiState,
) -> Result<Page<FleetEvent>, Problem> {
    let (after, limit) = (check(asked.after)?, asked.limit.unwrap_or(USUAL));
    if !(1..=LARGEST).contains(&limit) {
        return Err(Problem::bad_request(format!("limit goes from 1 to {LARGEST}")));
    }
    let store = state.store()?;
    let (events, more) = match asked.sort.as_deref() {
        None | Some("id") => {
            let page = store.events_after(after.unwrap_or(0), filter, limit).await;
            page.map(|page| (page.events, page.more))
        }
        Some("-id") => {
            let events = store.latest_events(0, after, filter, limit).await;
            events.map(|events| {
                let more = events.len() == limit as usize;
                (events, more)
            })
        }
        Some(_) => return Err(Problem::bad_request("this list is sorted by id")),
    }
    .map_err(|error| Problem::of_store(&error))?;
    let next = events.last().filter(|_| more).map(|event| event.id.to_string());
    Ok(Page { items: events.into_iter().map(FleetEvent::from).collect(), next })
}
