//! `/api/v1/dead-letters`: what the platform refused for good, without what it said.

use std::str::FromStr as _;

use actix_web::web::{Data, Json, Path, Query};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Act, ApiState, Asked, Body, Caller, Look, May, Page, Problem, reason};
use crate::board::rfc3339;
use crate::store::{DeadLetter, Dropped, LetterFilter, LetterId, Resolution};

/// Letters that are looked through for one page.
const LOOKED_THROUGH: u32 = 10_000;

/// An action that will not be sent again by itself.
#[derive(Serialize, ToSchema)]
pub(super) struct Letter {
    /// Its id.
    id: String,
    /// The account.
    account: String,
    /// The pool.
    pool: String,
    /// The conversation.
    conversation: String,
    /// Whose action it was.
    bot: String,
    /// Why it is dead: the platform's words, or why its claim ended.
    reason: String,
    /// When it was committed, as RFC 3339.
    created_at: String,
    /// When it died.
    died_at: String,
    /// Who dropped it, if somebody did.
    dropped_by: Option<String>,
    /// Why they did.
    drop_reason: Option<String>,
}

impl From<DeadLetter> for Letter {
    fn from(letter: DeadLetter) -> Self {
        let (dropped_by, drop_reason) = letter.dropped.map(|Dropped { by, reason, .. }| (by, reason)).unzip();
        Self {
            id: LetterId::from(&letter.key).to_string(),
            account: letter.key.account.to_string(),
            pool: letter.key.pool.to_string(),
            conversation: letter.key.conversation.to_string(),
            bot: letter.bot.to_string(),
            reason: letter.reason,
            created_at: rfc3339(letter.created_at),
            died_at: rfc3339(letter.died_at),
            dropped_by,
            drop_reason,
        }
    }
}

/// Why somebody does it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
pub(super) struct Resolved {
    /// What came of it, in words.
    outcome: String,
}

#[utoipa::path(get, path = "/api/v1/dead-letters", tag = "conversations", operation_id = "list_dead_letters",
    params(Asked), responses((status = 200, body = Page<Letter>)))]
pub(super) async fn list(
    caller: May<Look>,
    asked: Query<Asked>,
    state: Data<ApiState>,
) -> Result<Json<Page<Letter>>, Problem> {
    let (filter, limit) = (asked.filter(&["account", "bot", "pool", "resolved"])?, asked.limit()?);
    asked.sort(&["latest"])?;
    filter.allows("resolved", &["yes", "no"]).map_err(Problem::bad_request)?;
    let after: Option<(i64, String)> = asked.after()?;
    let exactly = |key| filter.exactly(key).map(str::to_owned);
    let resolved = filter.has("resolved");
    let narrowed = LetterFilter { account: exactly("account"), bot: exactly("bot"), resolved };
    let rows = state.store()?.dead_letters(&narrowed, LOOKED_THROUGH).await;
    let rows = rows.map_err(|error| Problem::of_store(&error))?;
    let mut rows: Vec<_> =
        rows.into_iter().map(|row| (row.died_at, !row.body.is_empty(), Letter::from(row))).collect();
    rows.sort_by(|one, other| (other.0, &other.2.id).cmp(&(one.0, &one.2.id)));
    rows.retain(|(died, waits, letter)| {
        let is_behind = after.as_ref().is_none_or(|after| (*died, &letter.id) < (after.0, &after.1));
        let fits = filter.takes(|key| {
            [match key {
                "account" => letter.account.as_str(),
                "pool" => letter.pool.as_str(),
                "resolved" if *waits => "no",
                "resolved" => "yes",
                _ => letter.bot.as_str(),
            }]
        });
        is_behind && fits && caller.sees(&letter.account.as_str().into())
    });
    rows.truncate(limit as usize + 1);
    Ok(Json(Page::of(rows, limit, |(died, _, letter)| (*died, letter.id.clone())).map(|(.., letter)| letter)))
}

#[utoipa::path(post, path = "/api/v1/dead-letters/{id}/retry", tag = "conversations", operation_id = "retry_dead_letter",
    params(("id" = String, Path)), request_body = Why, responses((status = 200, body = Resolved)))]
pub(super) async fn retry(
    caller: May<Act>,
    id: Path<String>,
    why: Body<Why>,
    state: Data<ApiState>,
) -> Result<Json<Resolved>, Problem> {
    resolve(&caller, &id, &why.reason, &state, "retry").await
}

#[utoipa::path(post, path = "/api/v1/dead-letters/{id}/drop", tag = "conversations", operation_id = "drop_dead_letter",
    params(("id" = String, Path)), request_body = Why, responses((status = 200, body = Resolved)))]
pub(super) async fn drop(
    caller: May<Act>,
    id: Path<String>,
    why: Body<Why>,
    state: Data<ApiState>,
) -> Result<Json<Resolved>, Problem> {
    resolve(&caller, &id, &why.reason, &state, "drop").await
}

async fn resolve(
    caller: &Caller,
    id: &str,
    why: &str,
    state: &ApiState,
    verb: &str,
) -> Result<Json<Resolved>, Problem> {
    let why = reason(why)?;
    let unknown = || Problem::unknown("there is no such dead letter");
    let id = LetterId::from_str(id).map_err(|_| unknown())?;
    let store = state.store()?;
    let filter = LetterFilter { resolved: true, ..LetterFilter::default() };
    let letters =
        store.dead_letters(&filter, LOOKED_THROUGH).await.map_err(|error| Problem::of_store(&error))?;
    let is_it = |letter: &&DeadLetter| LetterId::from(&letter.key) == id && caller.sees(&letter.key.account);
    let letter = letters.iter().find(is_it).ok_or_else(unknown)?;
    let act = caller.act(
        (letter.key.account.as_str(), letter.bot.as_str()),
        &format!("{verb} the dead letter {id}"),
        why,
    );
    let audited = store.audit(&act).await.map_err(|error| Problem::of_store(&error))?;
    let ids = [id];
    let done = match verb {
        "retry" => store.revive_letters(&ids).await,
        _ => store.drop_letters(&ids, caller.who(), why).await,
    };
    let done = done.map_err(|error| Problem::of_store(&error))?.pop().ok_or_else(unknown)?;
    let words = match &done {
        Resolution::Done { bot } if verb == "retry" => {
            format!("{bot} looks for it, and sends it if it was not sent")
        }
        Resolution::Done { .. } => "dropped".to_owned(),
        Resolution::Waits => "sent when a bot of the pool holds the conversation again".to_owned(),
        Resolution::Over => {
            "the pool has done with the conversation: nothing can be sent there any more".to_owned()
        }
        Resolution::Dropped => "its text is gone: it was dropped before".to_owned(),
        Resolution::Unknown => return Err(unknown()),
    };
    let is_done = matches!(done, Resolution::Done { .. } | Resolution::Waits);
    store.audit_outcome(&audited, is_done, &words).await.map_err(|error| Problem::of_store(&error))?;
    if is_done { Ok(Json(Resolved { outcome: words })) } else { Err(Problem::conflict(words)) }
}
