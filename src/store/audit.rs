//! What people did by hand, from where, and what came of it: only ever added to.

use liveperson_proto::AccountId;
use serde_json::json;

use super::events::write_events;
use super::{NewEvent, Store, StoreError, each_dialect, storable};
use crate::happening::Happening;

/// Something that a person does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// The account it concerns; empty for all.
    pub account: String,
    /// The bot it concerns; empty for all of the account.
    pub bot: String,
    /// Who.
    pub who: String,
    /// What, in a word or two, such as `read the token`.
    pub what: String,
    /// Why.
    pub reason: String,
    /// From where, such as `cli` or `api 127.0.0.1`.
    pub origin: String,
}

impl Act {
    /// What somebody does now at a terminal to a bot (account and name, each empty for all).
    pub fn new((account, bot): (&str, &str), who: &str, what: &str, reason: &str) -> Self {
        let [account, bot, who, what, reason] = [account, bot, who, what, reason].map(str::to_owned);
        Self { account, bot, who, what, reason, origin: "cli".to_owned() }
    }

    /// The same from elsewhere.
    #[must_use]
    pub fn from(self, origin: &str) -> Self {
        Self { origin: origin.to_owned(), ..self }
    }
}

/// Something that a person did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAct {
    /// Its id.
    pub id: String,
    /// What was done.
    pub act: Act,
    /// When, epoch milliseconds by the database's clock.
    pub at: i64,
    /// Whether it was done, and what came of it in words; `None` where nobody told.
    pub outcome: Option<(bool, String)>,
}

/// Which acts are asked for; empty texts mean any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActFilter {
    /// Of this account, and what was done to all.
    pub account: String,
    /// Of this bot, and what was done to all of its account.
    pub bot: String,
    /// Of this person.
    pub who: String,
    /// Only of these accounts, and nothing that was done to all; `None` for everything.
    pub only: Option<Vec<AccountId>>,
    /// Acts before this one: its time and id.
    pub before: Option<(i64, String)>,
}

const ADD: &str = "INSERT INTO audit (account_id, bot_id, at, id, who, what, reason, origin) \
     SELECT $1, $2, ms, $3, $4, $5, $6, $7 FROM clock";
const OUTCOME: &str = "INSERT INTO audit_outcome (audit_id, at, done, outcome) SELECT $1, ms, $2, $3 FROM clock \
     WHERE true ON CONFLICT DO NOTHING";
const LIST: &str = "SELECT a.id, a.account_id, a.bot_id, a.at, a.who, a.what, a.reason, a.origin, o.done, o.outcome \
     FROM audit a LEFT JOIN audit_outcome o ON o.audit_id = a.id \
     WHERE ($1 = '' OR a.account_id IN ('', $1)) AND ($2 = '' OR a.bot_id IN ('', $2)) AND ($3 = '' OR a.who = $3) \
       AND ($4 = '*' OR a.account_id IN (SELECT t.value->>0 FROM json_each($5) AS t)) \
       AND (a.at < $6 OR (a.at = $6 AND a.id > $7)) \
     ORDER BY a.at DESC, a.id LIMIT $8";

type Row = (String, String, String, i64, String, String, String, String, Option<bool>, Option<String>);

impl Store {
    /// Writes down what a person does, and that it happened, and answers its id; whoever cannot have it written
    /// must not do it.
    pub async fn audit(&self, act: &Act) -> Result<String, StoreError> {
        let id = uuid::Uuid::new_v4().to_string();
        let event = happened(act);
        let (Act { account, bot, who, what, reason, origin }, key) = (act.clone(), id.clone());
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                let mut tx = db.begin().await?;
                write_events!(tx, &[event]);
                let statement = sqlx::query(ADD).bind(storable(&account)).bind(storable(&bot)).bind(key);
                let statement = statement.bind(storable(&who)).bind(what).bind(storable(&reason));
                statement.bind(storable(&origin)).execute(&mut *tx).await?;
                tx.commit().await?;
            });
            Ok(())
        })
        .await?;
        Ok(id)
    }

    /// Adds what came of an act; said once.
    pub async fn audit_outcome(&self, id: &str, done: bool, words: &str) -> Result<(), StoreError> {
        let (id, words) = (id.to_owned(), storable(words));
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                sqlx::query(OUTCOME).bind(id).bind(done).bind(words).execute(db).await?;
            });
            Ok(())
        })
        .await
    }

    /// What people did, the latest first, at most `limit`.
    pub async fn acts(&self, filter: &ActFilter, limit: u32) -> Result<Vec<ListedAct>, StoreError> {
        let ActFilter { account, bot, who, only, before } = filter.clone();
        let reach = if only.is_none() { "*" } else { "" };
        let only = only.iter().flatten().map(|account| [account.as_str()]).collect::<Vec<_>>();
        let only = json!(only).to_string();
        let (at, id) = before.unwrap_or((i64::MAX, String::new()));
        self.on_io(move |inner| async move {
            let rows: Vec<Row> = each_dialect!(inner.engine, reader, db => {
                let statement = sqlx::query_as(LIST).bind(account).bind(bot).bind(who).bind(reach).bind(only);
                statement.bind(at).bind(id).bind(i64::from(limit)).fetch_all(db).await?
            });
            Ok(rows.into_iter().map(listed).collect())
        })
        .await
    }
}

fn listed((id, account, bot, at, who, what, reason, origin, done, outcome): Row) -> ListedAct {
    let act = Act { account, bot, who, what, reason, origin };
    ListedAct { id, act, at, outcome: done.zip(outcome) }
}

fn happened(act: &Act) -> NewEvent {
    NewEvent {
        account: act.account.as_str().into(),
        bot: act.bot.as_str().into(),
        at: 0,
        kind: Happening::Act,
        state: None,
        cause: Some(format!("{}: {}", act.what, act.reason)),
        who: Some(act.who.clone()),
    }
}
