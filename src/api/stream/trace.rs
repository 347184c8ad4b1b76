//! `/api/v1/bots/{account}/{bot}/trace`: the frames of one bot as they go by, redacted, for a while.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::rt::time::Instant;
use actix_web::web::{Bytes, Data, Path, Query};
use futures_util::stream::unfold;
use liveperson_proto::AccountId;
use muster_core::BotId;
use serde::Deserialize;
use serde_json::json;

use super::hub::Place;
use super::streamed;
use crate::actors::trace::{Trace, TracedFrame};
use crate::api::bots::seen;
use crate::api::{Act, ApiState, May, Problem, reason};
use crate::board::rfc3339;
use crate::settings::duration;

/// How long a trace lasts at most.
const LONGEST: Duration = Duration::from_mins(10);
/// And unless told otherwise.
const USUAL: Duration = Duration::from_mins(1);

/// Which trace is asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct TraceAsked {
    /// How long it lasts, such as `30s`; a minute unless told otherwise, ten minutes at most.
    #[serde(rename = "for")]
    lasts: Option<String>,
    /// Why, for the audit.
    #[param(required = true, min_length = 1, max_length = 500)]
    reason: Option<String>,
}

/// The frames between a bot and the platform, as server-sent events.
///
/// Texts, tokens and all fields that are not known are hidden; of texts the length is shown. `frame` is a frame,
/// `missed` says how many found no room, `ended` is the last word.
#[utoipa::path(get, path = "/api/v1/bots/{account}/{bot}/trace", tag = "bots", operation_id = "trace_bot",
    params(("account" = String, Path), ("bot" = String, Path), TraceAsked),
    responses((status = 200, description = "Frames as they go by.", body = super::Streamed,
        content_type = "text/event-stream"), (status = 409, description = "It has no connection, or is traced.",
        body = crate::api::problem::ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn trace(
    caller: May<Act>,
    bot: Path<(AccountId, BotId)>,
    asked: Query<TraceAsked>,
    state: Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let (account, bot) = bot.into_inner();
    seen(&caller, &account, &bot, &state)?;
    let (why, lasts) = (reason(asked.reason.as_deref().unwrap_or_default())?, lasts(asked.lasts.as_deref())?);
    let (store, hub) = (state.store()?, state.events.as_ref().ok_or_else(Problem::store_away)?);
    let place = hub.place().ok_or_else(|| Problem::busy("as many follow the fleet as can be"))?;
    let act = caller.act((account.as_str(), bot.as_str()), "trace the frames", why);
    store.audit(&act).await.map_err(|error| Problem::of_store(&error))?;
    let trace = state.traces.begin(&account, &bot);
    let trace = trace.ok_or_else(|| {
        Problem::conflict("the bot had no connection yet, or somebody else traces it at the moment")
    })?;
    let (until, told) = (Instant::now() + lasts, 0);
    let tracing = Tracing { trace, until, told, begun: false, _place: place };
    Ok(streamed(unfold(Some(tracing), async |tracing| tracing?.next().await)))
}

fn lasts(text: Option<&str>) -> Result<Duration, Problem> {
    let Some(text) = text else { return Ok(USUAL) };
    let lasts = duration(text).filter(|lasts| (Duration::from_secs(1)..=LONGEST).contains(lasts));
    lasts.ok_or_else(|| Problem::bad_request("for is a time from 1s to 10m"))
}

struct Tracing {
    trace: Trace,
    until: Instant,
    /// Of so many frames it was told that they found no room.
    told: u64,
    begun: bool,
    _place: Place,
}

impl Tracing {
    async fn next(mut self) -> Option<(Bytes, Option<Self>)> {
        if !self.begun {
            self.begun = true;
            return Some((Bytes::from_static(b": the trace begins\n\n"), Some(self)));
        }
        let Ok(frames) = tokio::time::timeout_at(self.until, self.trace.next()).await else {
            return Some((Bytes::from_static(b"event: ended\ndata: {}\n\n"), None));
        };
        let missed = self.trace.dropped();
        let gap = (missed > self.told).then(|| {
            let data = json!({"frames": missed - self.told});
            format!("event: missed\ndata: {data}\n\n")
        });
        self.told = missed;
        let said: String = gap.into_iter().chain(frames.iter().map(block)).collect();
        Some((said.into(), Some(self)))
    }
}

fn block(frame: &TracedFrame) -> String {
    let TracedFrame { at, is_sent, bytes, shown } = frame;
    let direction = if *is_sent { "sent" } else { "heard" };
    let (at, direction) = (json!(rfc3339(*at)), json!(direction));
    format!(
        "event: frame\ndata: {{\"at\":{at},\"direction\":{direction},\"bytes\":{bytes},\"frame\":{shown}}}\n\n"
    )
}
