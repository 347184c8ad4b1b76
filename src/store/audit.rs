//! What people did by hand: only ever added to.

use super::events::write_events;
use super::{NewEvent, Store, StoreError, each_dialect, storable};
use crate::happening::Happening;

/// Something that a person did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// The account it concerned; empty for all.
    pub account: String,
    /// The bot it concerned; empty for all of the account.
    pub bot: String,
    /// When, epoch milliseconds by the database's clock; told by the store, whatever is written here.
    pub at: i64,
    /// Who.
    pub who: String,
    /// What, in a word or two, such as `read the token`.
    pub what: String,
    /// Why.
    pub reason: String,
}

impl Act {
    /// What somebody does now to a bot (account and name, each empty for all).
    pub fn new((account, bot): (&str, &str), who: &str, what: &str, reason: &str) -> Self {
        let [account, bot, who, what, reason] = [account, bot, who, what, reason].map(str::to_owned);
        Self { account, bot, at: 0, who, what, reason }
    }
}

const ADD: &str = "INSERT INTO audit (account_id, bot_id, at, id, who, what, reason) \
     SELECT $1, $2, ms, $3, $4, $5, $6 FROM clock";
const LIST: &str = "SELECT account_id, bot_id, at, who, what, reason FROM audit \
     WHERE ($1 = '' OR account_id IN ('', $1)) AND ($2 = '' OR bot_id IN ('', $2)) ORDER BY at DESC, id LIMIT $3";

type Row = (String, String, i64, String, String, String);

impl Store {
    /// Writes down what a person does, and that it happened; whoever cannot have it written must not do it.
    pub async fn audit(&self, act: &Act) -> Result<(), StoreError> {
        let id = uuid::Uuid::new_v4().to_string();
        let event = happened(act);
        let Act { account, bot, who, what, reason, .. } = act.clone();
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                let mut tx = db.begin().await?;
                write_events!(tx, &[event]);
                let statement = sqlx::query(ADD).bind(account).bind(bot).bind(id);
                let statement = statement.bind(storable(&who)).bind(what).bind(storable(&reason));
                statement.execute(&mut *tx).await?;
                tx.commit().await?;
            });
            Ok(())
        })
        .await
    }

    /// What people did, the latest first, at most `limit`; of an account or a bot also what was done to all.
    pub async fn acts(&self, account: &str, bot: &str, limit: u32) -> Result<Vec<Act>, StoreError> {
        let (account, bot) = (account.to_owned(), bot.to_owned());
        let rows: Vec<Row> = self
            .on_io(move |inner| async move {
                Ok(each_dialect!(inner.engine, reader, db => {
                    let statement = sqlx::query_as(LIST).bind(account).bind(bot).bind(i64::from(limit));
                    statement.fetch_all(db).await?
                }))
            })
            .await?;
        let act = |(account, bot, at, who, what, reason)| Act { account, bot, at, who, what, reason };
        Ok(rows.into_iter().map(act).collect())
    }
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
