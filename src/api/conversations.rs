//! `/api/v1/conversations/…`: what people do to one conversation, and a consumer's data erased.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Path};
use liveperson_proto::AccountId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Act, ApiState, Body, Caller, Govern, May, Problem, reason};
use crate::steering::talk::{
    Erasure, Why, Wish, erase as erase_all, give_back as give, take_over as take, wish,
};
use crate::store::{ClaimKey, Handed, WishOutcome};

/// Why something is done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    /// Why; kept in the audit.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Something to be said as the bot.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Said {
    /// What to say.
    #[schema(min_length = 1, max_length = 8000)]
    text: String,
    /// Why; kept in the audit, which never has the text.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Where a conversation is to go.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Transferred {
    /// The skill.
    #[schema(min_length = 1)]
    skill: String,
    /// Why; kept in the audit.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Whose data is to be erased.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Erased {
    /// Every id that the consumer has had.
    #[serde(default)]
    #[schema(max_items = 100)]
    consumers: Vec<String>,
    /// Conversations of the consumer, which nothing else finds.
    #[serde(default)]
    #[schema(max_items = 1000)]
    conversations: Vec<String>,
    /// Why; kept in the audit, so name nobody in it.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
pub(super) struct Outcome {
    /// In words, such as `written into the outbox`; a running fleet carries it out within a few seconds.
    outcome: &'static str,
    /// The bot that does it, where one holds the conversation.
    bot: Option<String>,
}

/// What was erased.
#[derive(Serialize, ToSchema)]
pub(super) struct Forgotten {
    /// The conversations of which something was kept.
    conversations: Vec<String>,
    /// Unsent texts and dead letters that are forgotten.
    texts: u64,
}

/// A conversation of a pool, if the caller reaches its account.
fn reached(caller: &Caller, path: Path<(AccountId, String, String)>) -> Result<ClaimKey, Problem> {
    let (account, pool, conversation) = path.into_inner();
    if !caller.sees(&account) {
        return Err(unknown());
    }
    Ok(ClaimKey { account: account.to_string(), pool, conversation })
}

fn unknown() -> Problem {
    Problem::unknown("no pool of this account has had such a conversation")
}

fn over() -> Problem {
    Problem::conflict("the pool has done with the conversation: nothing can be done in it any more")
}

fn why<'a>(caller: &'a Caller, reason: &'a str) -> Why<'a> {
    Why { who: caller.who(), reason, origin: &caller.origin }
}

fn handed(handed: &Handed) -> Result<Json<Outcome>, Problem> {
    match handed {
        Handed::Unknown => Err(unknown()),
        Handed::Over => Err(over()),
        Handed::Done | Handed::Before { .. } => Ok(Json(Outcome { outcome: handed.outcome().1, bot: None })),
    }
}

#[utoipa::path(post, path = "/api/v1/conversations/{account}/{pool}/{conversation}/take-over", tag = "conversations",
    operation_id = "take_over_conversation", request_body = Reason,
    params(("account" = String, Path), ("pool" = String, Path), ("conversation" = String, Path)),
    responses((status = 200, body = Outcome)))]
pub(super) async fn take_over(
    caller: May<Act>,
    path: Path<(AccountId, String, String)>,
    body: Body<Reason>,
    state: Data<ApiState>,
) -> Result<Json<Outcome>, Problem> {
    let key = reached(&caller, path)?;
    let taken = take(state.store()?, &key, why(&caller, reason(&body.reason)?)).await;
    handed(&taken.map_err(|error| Problem::of_store(&error))?)
}

#[utoipa::path(post, path = "/api/v1/conversations/{account}/{pool}/{conversation}/give-back", tag = "conversations",
    operation_id = "give_back_conversation", request_body = Reason,
    params(("account" = String, Path), ("pool" = String, Path), ("conversation" = String, Path)),
    responses((status = 200, body = Outcome)))]
pub(super) async fn give_back(
    caller: May<Act>,
    path: Path<(AccountId, String, String)>,
    body: Body<Reason>,
    state: Data<ApiState>,
) -> Result<Json<Outcome>, Problem> {
    let key = reached(&caller, path)?;
    let given = give(state.store()?, &key, why(&caller, reason(&body.reason)?)).await;
    handed(&given.map_err(|error| Problem::of_store(&error))?)
}

#[utoipa::path(post, path = "/api/v1/conversations/{account}/{pool}/{conversation}/say", tag = "conversations",
    operation_id = "say_in_conversation", request_body = Said,
    params(("account" = String, Path), ("pool" = String, Path), ("conversation" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "Asked again under the same key, it is said once.")),
    responses((status = 200, body = Outcome)))]
pub(super) async fn say(
    caller: May<Act>,
    path: Path<(AccountId, String, String)>,
    body: Body<Said>,
    state: Data<ApiState>,
    request: HttpRequest,
) -> Result<Json<Outcome>, Problem> {
    let Said { text, reason } = body.0;
    wished(&caller, path, &state, &request, (Wish::Say(text), "/text"), &reason).await
}

#[utoipa::path(post, path = "/api/v1/conversations/{account}/{pool}/{conversation}/transfer", tag = "conversations",
    operation_id = "transfer_conversation", request_body = Transferred,
    params(("account" = String, Path), ("pool" = String, Path), ("conversation" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "Asked again under the same key, it is done once.")),
    responses((status = 200, body = Outcome)))]
pub(super) async fn transfer(
    caller: May<Act>,
    path: Path<(AccountId, String, String)>,
    body: Body<Transferred>,
    state: Data<ApiState>,
    request: HttpRequest,
) -> Result<Json<Outcome>, Problem> {
    let Transferred { skill, reason } = body.0;
    if skill.trim().is_empty() {
        return Err(Problem::invalid("/skill", "name a skill by its id"));
    }
    wished(&caller, path, &state, &request, (Wish::Transfer(skill.as_str().into()), "/skill"), &reason).await
}

#[utoipa::path(post, path = "/api/v1/conversations/{account}/{pool}/{conversation}/close", tag = "conversations",
    operation_id = "close_conversation", request_body = Reason,
    params(("account" = String, Path), ("pool" = String, Path), ("conversation" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "Asked again under the same key, it is done once.")),
    responses((status = 200, body = Outcome)))]
pub(super) async fn close(
    caller: May<Act>,
    path: Path<(AccountId, String, String)>,
    body: Body<Reason>,
    state: Data<ApiState>,
    request: HttpRequest,
) -> Result<Json<Outcome>, Problem> {
    wished(&caller, path, &state, &request, (Wish::Close, ""), &body.reason).await
}

async fn wished(
    caller: &Caller,
    path: Path<(AccountId, String, String)>,
    state: &ApiState,
    request: &HttpRequest,
    (wished, pointer): (Wish, &str),
    because: &str,
) -> Result<Json<Outcome>, Problem> {
    let key = reached(caller, path)?;
    let because = reason(because)?;
    let once = once(caller, request)?;
    let deed = wished.deed().map_err(|fault| Problem::invalid(pointer, fault.to_string()))?;
    let outcome = wish(state.store()?, &key, &once, (&wished, &deed), why(caller, because)).await;
    let outcome = outcome.map_err(|error| Problem::of_store(&error))?;
    let words = outcome.outcome().1;
    match outcome {
        WishOutcome::Written { bot } => {
            Ok(Json(Outcome { outcome: words, bot: bot.map(|bot| bot.to_string()) }))
        }
        WishOutcome::Before => Ok(Json(Outcome { outcome: words, bot: None })),
        WishOutcome::OtherBefore => Err(Problem::conflict(words)),
        WishOutcome::Over => Err(over()),
        WishOutcome::Unknown => Err(unknown()),
    }
}

/// What names the wish: one caller's keys are not another's.
fn once(caller: &Caller, request: &HttpRequest) -> Result<String, Problem> {
    let Some(key) = request.headers().get("idempotency-key") else {
        return Ok(uuid::Uuid::new_v4().to_string());
    };
    let key = key.to_str().ok().filter(|key| (1..=200).contains(&key.len()));
    let key =
        key.ok_or_else(|| Problem::bad_request("an Idempotency-Key has 1 to 200 visible characters"))?;
    Ok(format!("{} {key}", caller.who()))
}

#[utoipa::path(post, path = "/api/v1/accounts/{account}/erase", tag = "conversations", operation_id = "erase_consumer",
    request_body = Erased, params(("account" = String, Path)), responses((status = 200, body = Forgotten)))]
pub(super) async fn erase(
    caller: May<Govern>,
    account: Path<AccountId>,
    body: Body<Erased>,
    state: Data<ApiState>,
) -> Result<Json<Forgotten>, Problem> {
    if !caller.sees(&account) {
        return Err(Problem::unknown("there is no such account"));
    }
    let Erased { consumers, conversations, reason: because } = body.0;
    let because = reason(&because)?;
    if consumers.len() > 100 || conversations.len() > 1_000 {
        return Err(Problem::invalid("/consumers", "at most 100 ids and 1,000 conversations at one time"));
    }
    if consumers.iter().all(String::is_empty) && conversations.is_empty() {
        return Err(Problem::invalid("/consumers", "name the consumer, or conversations"));
    }
    let erasure = Erasure { consumers, conversations };
    let erased = erase_all(state.store()?, &account, &erasure, why(&caller, because)).await;
    let erased = erased.map_err(|error| Problem::of_store(&error))?;
    Ok(Json(Forgotten { conversations: erased.conversations.into_iter().collect(), texts: erased.texts }))
}
