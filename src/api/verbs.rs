//! `/api/v1/bots/{account}/{bot}/{verb}`: what somebody wants of one bot, and what came of it.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Path};
use liveperson_proto::AccountId;
use muster_core::BotId;
use muster_core::wish::Verb;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Act, ApiState, Body, Caller, Look, May, Problem, reason};
use crate::steering::bots::{Order, act};
use crate::store::{BotKey, BotWishOutcome, DeclaredRow, Store};

/// Why somebody wants it, and what is said beside the verb.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Of `agent-state`: ONLINE, OCCUPIED, AWAY or `BACK_SOON`.
    #[serde(default)]
    state: String,
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// What came of a wish for one bot.
#[derive(Serialize, ToSchema)]
#[schema(as = Wish)]
pub(super) struct Answer {
    /// Which wish; null where there was nothing to wait for.
    wish: Option<String>,
    /// `done`, `failed` or `skipped`; null while nobody has answered.
    verdict: Option<&'static str>,
    /// The same in words.
    words: Option<String>,
}

impl Answer {
    fn of(wish: Option<String>, outcome: &BotWishOutcome) -> Self {
        let verdict = outcome.verdict.as_ref();
        Self {
            wish,
            verdict: verdict.map(muster_core::wish::Verdict::word),
            words: verdict.map(|verdict| verdict.words().to_owned()),
        }
    }
}

#[utoipa::path(post, path = "/api/v1/bots/{account}/{bot}/{verb}", tag = "bots", operation_id = "act_on_bot",
    params(("account" = String, Path), ("bot" = String, Path),
        ("verb" = String, Path, description = "start, stop, restart, relogin, refresh, agent-state, pause, resume, release or suspend")),
    request_body = Wanted,
    responses((status = 200, body = Answer), (status = 202, description = "asked: its address tells what comes of it", body = Answer)))]
pub(super) async fn carry_out(
    caller: May<Act>,
    at: Path<(AccountId, BotId, String)>,
    wanted: Body<Wanted>,
    state: Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let (account, bot, verb) = at.into_inner();
    let why = reason(&wanted.reason)?;
    let store = state.store()?;
    let row = declared(&caller, store, (account, bot)).await?;
    let verb = verb_of(&verb, &wanted.state)?;
    let order = Order { verb, by: caller.who(), reason: why, from: &caller.origin };
    let asked = act(store, order, std::slice::from_ref(&row)).await;
    let asked = asked.map_err(|error| Problem::of_store(&error))?;
    let Some(outcome) = asked.bots.first() else { return Err(Problem::unknown_bot()) };
    if outcome.verdict.is_some() {
        return Ok(HttpResponse::Ok().json(Answer::of(None, outcome)));
    }
    let (account, bot) = row.key();
    let place = format!("/api/v1/bots/{account}/{bot}/wishes/{}", asked.wish);
    let wish = Answer::of(Some(asked.wish), outcome);
    Ok(HttpResponse::Accepted().insert_header((LOCATION, place)).json(wish))
}

#[utoipa::path(get, path = "/api/v1/bots/{account}/{bot}/wishes/{id}", tag = "bots", operation_id = "wish",
    params(("account" = String, Path), ("bot" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = Answer)))]
pub(super) async fn wish(
    caller: May<Look>,
    at: Path<(AccountId, BotId, String)>,
    state: Data<ApiState>,
) -> Result<Json<Answer>, Problem> {
    let (account, bot, wish) = at.into_inner();
    let store = state.store()?;
    let key = declared(&caller, store, (account, bot)).await?.key();
    let told = store.wish_outcomes(&wish, &[key]).await.map_err(|error| Problem::of_store(&error))?;
    let outcome = told.first().ok_or_else(|| Problem::unknown("nobody wanted that of this bot"))?;
    Ok(Json(Answer::of(Some(wish), outcome)))
}

/// What is declared of a bot, if the caller sees it.
async fn declared(caller: &Caller, store: &Store, key: BotKey) -> Result<DeclaredRow, Problem> {
    if !caller.sees(&key.0) {
        return Err(Problem::unknown_bot());
    }
    let rows = store.declared_of(&[key]).await.map_err(|error| Problem::of_store(&error))?;
    rows.into_iter().next().ok_or_else(Problem::unknown_bot)
}

/// A verb that is none is an address that is none; what is said beside it stands in the body.
pub(super) fn verb_of(word: &str, argument: &str) -> Result<Verb, Problem> {
    if !Verb::ALL.iter().any(|verb| verb.word() == word) {
        let words = Verb::of_words(word, "").err().unwrap_or_default();
        return Err(Problem::unknown(words));
    }
    Verb::of_words(word, argument).map_err(|words| Problem::invalid("/state", words))
}
