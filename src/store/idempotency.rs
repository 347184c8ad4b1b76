//! Requests that may be sent again: what was answered to them is kept for a day.

use super::{Store, StoreError, each_dialect};

/// How long an answer is kept, in milliseconds.
const KEPT: i64 = 24 * 60 * 60 * 1_000;
/// An answer that never came does not hold its key up for longer, in milliseconds.
const GIVEN_UP: i64 = 60_000;

/// What is known of a request under its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is to be carried out now.
    New,
    /// It is being carried out.
    UnderWay,
    /// Another request had this key.
    Other,
    /// It was carried out, and this was answered.
    Answered(Answer),
}

/// What was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; `None` where it holds a secret.
    pub body: Option<String>,
    /// Where what was made is to be found.
    pub location: Option<String>,
}

const FORGET: &str = "DELETE FROM idempotency WHERE at < (SELECT ms FROM clock) - $1 \
     OR (status IS NULL AND at < (SELECT ms FROM clock) - $2)";
const BEGIN: &str = "INSERT INTO idempotency (who, key, request, at) SELECT $1, $2, $3, ms FROM clock \
     WHERE true ON CONFLICT DO NOTHING";
const FIND: &str = "SELECT request, status, body, location FROM idempotency WHERE who = $1 AND key = $2";
const END: &str = "UPDATE idempotency SET status = $3, body = $4, location = $5 WHERE who = $1 AND key = $2";
const UNDO: &str = "DELETE FROM idempotency WHERE who = $1 AND key = $2 AND status IS NULL";

type Row = (String, Option<i64>, Option<String>, Option<String>);

impl Store {
    /// Begins a request under a key, or says what is known of it. `request` is a hash of all that it asks.
    pub async fn begin_request(&self, who: &str, key: &str, request: &str) -> Result<Known, StoreError> {
        let [who, key, request] = [who, key, request].map(str::to_owned);
        self.on_io(move |inner| async move {
            let (begun, found): (u64, Option<Row>) = each_dialect!(inner.engine, writer, db => {
                sqlx::query(FORGET).bind(KEPT).bind(GIVEN_UP).execute(db).await?;
                let begun = sqlx::query(BEGIN).bind(&who).bind(&key).bind(&request).execute(db).await?;
                (begun.rows_affected(), sqlx::query_as(FIND).bind(&who).bind(&key).fetch_optional(db).await?)
            });
            Ok(match found {
                _ if begun > 0 => Known::New,
                Some((asked, ..)) if asked != request => Known::Other,
                Some((_, Some(status), body, location)) => {
                    Known::Answered(Answer { status: status as u16, body, location })
                }
                _ => Known::UnderWay,
            })
        })
        .await
    }

    /// Keeps what was answered; without an answer the request may be sent again as if it never was.
    pub async fn end_request(&self, who: &str, key: &str, answer: Option<Answer>) -> Result<(), StoreError> {
        let [who, key] = [who, key].map(str::to_owned);
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                match answer {
                    Some(Answer { status, body, location }) => {
                        let statement = sqlx::query(END).bind(who).bind(key).bind(i64::from(status));
                        statement.bind(body).bind(location).execute(db).await?;
                    }
                    None => {
                        sqlx::query(UNDO).bind(who).bind(key).execute(db).await?;
                    }
                }
            });
            Ok(())
        })
        .await
    }
}
