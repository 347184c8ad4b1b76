//! The login budget of an account, shared by all processes and remembered over their ends.
//!
//! One number an account says until when the attempts granted so far are paid for at the steady rate (the
//! generic cell rate algorithm): an attempt is granted while that is less than a burst ahead of now.

use std::time::Duration;

use liveperson_proto::AccountId;
use muster_core::budget::Allowance;

use super::{Store, StoreError, each_dialect};

/// What the store says about one more login attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginSlot {
    /// Go.
    Granted,
    /// Ask again after this time.
    Later(Duration),
    /// The login service is in trouble; ask again after this time.
    Closed {
        /// How long.
        wait: Duration,
        /// In words.
        why: String,
    },
}

const SEED: &str = "INSERT INTO login_budget (account_id, paid_until, closed_until, closed_why) \
     VALUES ($1, 0, 0, '') ON CONFLICT (account_id) DO NOTHING";
// $2: microseconds an attempt, $3: how far ahead a burst may go. What lies further ahead than the rules can have
// brought it comes from a clock that was set back since: it counts for nothing.
const TAKE: &str = "UPDATE login_budget \
     SET closed_until = 0, paid_until = $2 + CASE \
         WHEN paid_until BETWEEN (SELECT ms FROM clock) * 1000 AND (SELECT ms FROM clock) * 1000 + $3 THEN paid_until \
         ELSE (SELECT ms FROM clock) * 1000 END \
     WHERE account_id = $1 \
       AND closed_until NOT BETWEEN (SELECT ms FROM clock) + 1 AND (SELECT ms FROM clock) + $4 \
       AND paid_until + $2 NOT BETWEEN (SELECT ms FROM clock) * 1000 + $3 + 1 \
         AND (SELECT ms FROM clock) * 1000 + $3 + $2";
const LOOK: &str = "SELECT paid_until + $2 - $3 - (SELECT ms FROM clock) * 1000, \
     closed_until - (SELECT ms FROM clock), closed_why FROM login_budget WHERE account_id = $1";
const CLOSE: &str = "UPDATE login_budget SET closed_until = (SELECT ms FROM clock) + $2, closed_why = $3 \
     WHERE account_id = $1";

/// The longest time that an account's logins are closed.
const LONGEST: Duration = Duration::from_mins(15);

impl Store {
    /// Takes one login attempt from the account's budget, if the store grants it.
    pub async fn login_slot(
        &self,
        account: &AccountId,
        allowance: Allowance,
    ) -> Result<LoginSlot, StoreError> {
        let account = account.to_string();
        let each = 1_000_000 / i64::from(allowance.per_second.max(1));
        let burst = each * i64::from(allowance.burst.max(1));
        let longest = LONGEST.as_millis() as i64;
        self.on_io(move |inner| async move {
            let row: Option<(i64, i64, String)> = each_dialect!(inner.engine, writer, db => {
                sqlx::query(SEED).bind(&account).execute(db).await?;
                let taken = sqlx::query(TAKE).bind(&account).bind(each).bind(burst).bind(longest).execute(db).await?;
                if taken.rows_affected() == 1 {
                    return Ok(LoginSlot::Granted);
                }
                sqlx::query_as(LOOK).bind(&account).bind(each).bind(burst).fetch_optional(db).await?
            });
            let (missing, closed, why) = row.unwrap_or_default();
            if closed > 0 {
                return Ok(LoginSlot::Closed { wait: wait(closed, 1), why });
            }
            Ok(LoginSlot::Later(wait(missing, 1000)))
        })
        .await
    }

    /// Closes the account's logins for a while, for every process: the service asked for it or is in trouble.
    /// A time of zero opens them.
    pub async fn close_logins(
        &self,
        account: &AccountId,
        wait: Duration,
        why: &str,
    ) -> Result<(), StoreError> {
        let (account, why) = (account.to_string(), why.to_owned());
        let wait = wait.min(LONGEST).as_millis() as i64;
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                sqlx::query(CLOSE).bind(&account).bind(wait).bind(&why).execute(db).await?;
            });
            Ok(())
        })
        .await
    }
}

/// A wait of so many units, of which a millisecond has `per_ms`.
fn wait(units: i64, per_ms: u64) -> Duration {
    Duration::from_millis(units.max(1).unsigned_abs().div_ceil(per_ms)).min(LONGEST)
}
