//! `/api/v1/audit`: what people did, the latest first.

use actix_web::web::{Data, Json, Query};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ApiState, Asked, Look, May, Page, Problem};
use crate::board::rfc3339;
use crate::store::{self, ActFilter, ListedAct};

const KEYS: [&str; 3] = ["account", "bot", "who"];

/// Something that a person did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShownAct {
    /// Its id.
    id: String,
    /// When, as RFC 3339.
    at: String,
    /// Who.
    who: String,
    /// What.
    what: String,
    /// The account it concerned; empty for all.
    account: String,
    /// The bot it concerned; empty for all of the account.
    bot: String,
    /// Why.
    reason: String,
    /// From where.
    origin: String,
    /// Whether it was done; null where nobody told.
    done: Option<bool>,
    /// What came of it.
    outcome: Option<String>,
}

impl From<ListedAct> for ShownAct {
    fn from(ListedAct { id, act, at, outcome }: ListedAct) -> Self {
        let store::Act { account, bot, who, what, reason, origin } = act;
        let (done, outcome) = outcome.unzip();
        Self { id, at: rfc3339(at), who, what, account, bot, reason, origin, done, outcome }
    }
}

#[utoipa::path(get, path = "/api/v1/audit", tag = "access", operation_id = "list_audit", params(Asked),
    responses((status = 200, body = Page<ShownAct>)))]
pub(super) async fn list(
    caller: May<Look>,
    asked: Query<Asked>,
    state: Data<ApiState>,
) -> Result<Json<Page<ShownAct>>, Problem> {
    let (filter, limit) = (asked.filter(&KEYS)?, asked.limit()?);
    asked.sort(&["latest"])?;
    let value = |key| match (filter.exactly(key), filter.has(key)) {
        (Some(value), _) => Ok(value.to_owned()),
        (None, false) => Ok(String::new()),
        (None, true) => {
            Err(Problem::bad_request(format!("the audit is filtered by one whole {key}: {key}=VALUE")))
        }
    };
    let filter = ActFilter {
        account: value("account")?,
        bot: value("bot")?,
        who: value("who")?,
        only: caller.only(),
        before: asked.after()?,
    };
    let acts = state.store()?.acts(&filter, limit + 1).await.map_err(|error| Problem::of_store(&error))?;
    Ok(Json(Page::of(acts, limit, |act| (act.at, act.id.clone())).map(ShownAct::from)))
}
