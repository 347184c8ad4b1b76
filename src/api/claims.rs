//! `/api/v1/conversations`: who holds which conversation, and what is left to do in it. Nothing that people wrote.

use actix_web::web::{Data, Json, Path, Query};
use liveperson_proto::AccountId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{ApiState, Asked, Look, May, Page, Problem};
use crate::board::rfc3339;
use crate::store::{ClaimKey, ClaimState, ConversationDetails, ConversationFilter, ListedConversation};

const KEYS: [&str; 5] = ["account", "pool", "bot", "state", "conversation"];

/// A pool's claim on a conversation.
#[derive(Serialize, ToSchema)]
pub(super) struct ShownConversation {
    /// The account.
    account: String,
    /// The pool.
    pool: String,
    /// The conversation.
    conversation: String,
    /// Who holds it, or held it last.
    bot: String,
    /// `held` or `released`.
    state: &'static str,
    /// Why it was released.
    released_because: Option<String>,
    /// The claim's epoch, which grows with each holder.
    epoch: i64,
    /// How many turns were committed.
    turns: i64,
    /// The last committed sequence.
    cursor: Option<i64>,
    /// Actions committed and not confirmed.
    outbox: i64,
    /// Actions that will not be sent again by themselves.
    dead_letters: i64,
    /// When the claim last changed, as RFC 3339.
    updated_at: String,
}

/// The same with what is left to do.
#[derive(Serialize, ToSchema)]
pub(super) struct Whole {
    #[serde(flatten)]
    conversation: ShownConversation,
    /// Each dialog's last committed sequence.
    cursors: Vec<Cursor>,
    /// Actions that are not confirmed, the oldest first, at most 200.
    actions: Vec<Action>,
}

/// How far a dialog is answered.
#[derive(Serialize, ToSchema)]
pub(super) struct Cursor {
    /// The dialog.
    dialog: String,
    /// Its last committed sequence.
    sequence: i64,
    /// The turn that committed it.
    turn: String,
}

/// An action without its content.
#[derive(Serialize, ToSchema)]
pub(super) struct Action {
    /// Its id: the turn, a dot, and its place in the turn.
    id: String,
    /// Whose it is.
    bot: String,
    /// Why it is dead; null while it is on its way.
    dead: Option<String>,
    /// When it was committed, as RFC 3339.
    created_at: String,
}

impl From<ListedConversation> for ShownConversation {
    fn from(listed: ListedConversation) -> Self {
        let (state, released_because) = match listed.state {
            ClaimState::Held => ("held", None),
            ClaimState::Released { reason } => ("released", Some(reason)),
        };
        Self {
            account: listed.account.to_string(),
            pool: listed.pool.to_string(),
            conversation: listed.conversation.to_string(),
            bot: listed.bot.to_string(),
            state,
            released_because,
            epoch: listed.epoch,
            turns: listed.turns,
            cursor: listed.cursor.map(|sequence| sequence.0),
            outbox: listed.outbox,
            dead_letters: listed.dead_letters,
            updated_at: rfc3339(listed.updated_at),
        }
    }
}

#[utoipa::path(get, path = "/api/v1/conversations", tag = "conversations", operation_id = "list_conversations",
    params(Asked), responses((status = 200, body = Page<ShownConversation>)))]
pub(super) async fn list(
    caller: May<Look>,
    asked: Query<Asked>,
    state: Data<ApiState>,
) -> Result<Json<Page<ShownConversation>>, Problem> {
    let (filter, limit) = (asked.filter(&KEYS)?, asked.limit()?);
    asked.sort(&["key"])?;
    filter.allows("state", &["held", "released"]).map_err(Problem::bad_request)?;
    let exactly = |key| filter.exactly(key).map(str::to_owned);
    let narrowed = ConversationFilter {
        account: exactly("account"),
        pool: exactly("pool"),
        bot: exactly("bot"),
        state: exactly("state"),
        conversation: exactly("conversation"),
    };
    let after = asked.after::<(String, String, String)>()?.unwrap_or_default();
    let after = ClaimKey { account: after.0, pool: after.1, conversation: after.2 };
    let rows = state.store()?.list_conversations(&narrowed, &after, limit + 1).await;
    let rows = rows.map_err(|error| Problem::of_store(&error))?;
    let place = |row: &ListedConversation| (row.account.clone(), row.pool.clone(), row.conversation.clone());
    let mut page = Page::of(rows, limit, place).map(ShownConversation::from);
    // A page may show fewer than asked for: what does not fit, or is out of reach, is left out of it.
    page.items.retain(|shown| {
        let fits = filter.takes(|key| {
            [match key {
                "account" => shown.account.as_str(),
                "pool" => shown.pool.as_str(),
                "bot" => shown.bot.as_str(),
                "state" => shown.state,
                _ => shown.conversation.as_str(),
            }]
        });
        fits && caller.sees(&shown.account.as_str().into())
    });
    Ok(Json(page))
}

#[utoipa::path(get, path = "/api/v1/conversations/{account}/{pool}/{conversation}", tag = "conversations",
    operation_id = "conversation",
    params(("account" = String, Path), ("pool" = String, Path), ("conversation" = String, Path)),
    responses((status = 200, body = Whole)))]
pub(super) async fn one(
    caller: May<Look>,
    path: Path<(AccountId, String, String)>,
    state: Data<ApiState>,
) -> Result<Json<Whole>, Problem> {
    let (account, pool, conversation) = path.into_inner();
    let unknown = || Problem::unknown("this pool never held such a conversation");
    if !caller.sees(&account) {
        return Err(unknown());
    }
    let store = state.store()?;
    let filter = ConversationFilter {
        account: Some(account.to_string()),
        pool: Some(pool),
        conversation: Some(conversation),
        ..ConversationFilter::default()
    };
    let rows = store.list_conversations(&filter, &ClaimKey::default(), 1).await;
    let row = rows.map_err(|error| Problem::of_store(&error))?.pop().ok_or_else(unknown)?;
    let details = store.conversation_details(&row.key()).await.map_err(|error| Problem::of_store(&error))?;
    Ok(Json(whole(row, details)))
}

fn whole(row: ListedConversation, ConversationDetails { cursors, actions }: ConversationDetails) -> Whole {
    let cursor = |(dialog, sequence, turn): (
        liveperson_proto::DialogId,
        liveperson_proto::Sequence,
        muster_core::TurnId,
    )| Cursor { dialog: dialog.to_string(), sequence: sequence.0, turn: turn.to_string() };
    let action = |action: crate::store::ListedAction| Action {
        id: format!("{}.{}", action.turn_id, action.n),
        bot: action.bot.to_string(),
        dead: action.dead,
        created_at: rfc3339(action.created_at),
    };
    Whole {
        conversation: row.into(),
        cursors: cursors.into_iter().map(cursor).collect(),
        actions: actions.into_iter().map(action).collect(),
    }
}
