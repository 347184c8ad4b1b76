//! Declared bots, and who owns each of them under which epoch.

use std::collections::HashMap;

use liveperson_proto::AccountId;
use muster_core::{BotId, PoolId};
use serde_json::json;

use super::quarantine::{BotKey, HeldOff, held_off};
use super::{NodeIdentity, Store, StoreError, each_dialect};

/// A bot as the fleet file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredBot {
    /// Its account.
    pub account: AccountId,
    /// Its name.
    pub bot: BotId,
    /// Its pool.
    pub pool: PoolId,
    /// All that is declared of it, without secrets.
    pub declared_json: String,
}

/// Whether a bot should run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// It should be online.
    Running,
    /// A person parked it.
    Parked,
}

impl Wanted {
    /// The word that the store keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Parked => "parked",
        }
    }
}

/// A declared bot, and what people decided about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredRow {
    /// What is declared.
    pub bot: DeclaredBot,
    /// Whether it should run; a new bot should.
    pub wanted: Wanted,
    /// Why it is held off, if it is.
    pub quarantine: Option<HeldOff>,
}

impl DeclaredRow {
    /// What names it.
    pub fn key(&self) -> BotKey {
        (self.bot.account.clone(), self.bot.bot.clone())
    }

    /// Whether a person parked it, or its declaration does.
    pub fn is_parked(&self) -> bool {
        self.wanted == Wanted::Parked || self.declares_parked()
    }

    /// Whether its declaration parks it.
    pub fn declares_parked(&self) -> bool {
        let declared: serde_json::Value = serde_json::from_str(&self.bot.declared_json).unwrap_or_default();
        declared["wanted"] == Wanted::Parked.as_str()
    }
}

const DECLARE: &str = "INSERT INTO bot (account_id, bot_id, pool_id, declared, wanted) \
     SELECT t.value->>'account', t.value->>'bot', t.value->>'pool', t.value->>'declared', 'running' \
     FROM json_each($1) AS t WHERE true \
     ON CONFLICT (account_id, bot_id) DO UPDATE SET pool_id = excluded.pool_id, declared = excluded.declared";
const DECLARED_OF: &str = "SELECT b.account_id, b.bot_id, b.pool_id, b.declared, b.wanted, b.quarantine_kind, b.quarantine, \
       b.quarantined_at FROM json_each($1) AS t \
     JOIN bot b ON b.account_id = t.value->>0 AND b.bot_id = t.value->>1 ORDER BY b.account_id, b.bot_id";
const DECLARED: &str = "SELECT account_id, bot_id, pool_id, declared, wanted, quarantine_kind, quarantine, quarantined_at \
     FROM bot ORDER BY account_id, bot_id";

// The update writes the row even where nothing changes, for RETURNING shows only rows written.
const OWN: &str = "INSERT INTO bot_owner (account_id, bot_id, incarnation, epoch) \
     SELECT t.value->>'account', t.value->>'bot', $2, 1 FROM json_each($1) AS t \
     WHERE EXISTS (SELECT 1 FROM live_node WHERE incarnation = $2) \
     ON CONFLICT (account_id, bot_id) DO UPDATE SET incarnation = excluded.incarnation, \
       epoch = bot_owner.epoch + CASE WHEN bot_owner.incarnation = excluded.incarnation THEN 0 ELSE 1 END \
     RETURNING account_id, bot_id, epoch";

pub(super) type Declared =
    (String, String, String, String, String, Option<String>, Option<String>, Option<i64>);

impl Store {
    /// Writes what the fleet file declares; removes nothing, and leaves what people decided.
    pub async fn declare(&self, bots: &[DeclaredBot]) -> Result<(), StoreError> {
        let rows: Vec<_> = bots
            .iter()
            .map(|DeclaredBot { account, bot, pool, declared_json }| {
                json!({ "account": account, "bot": bot, "pool": pool, "declared": declared_json })
            })
            .collect();
        let rows = json!(rows).to_string();
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => { sqlx::query(DECLARE).bind(rows).execute(db).await?; });
            Ok(())
        })
        .await
    }

    /// Every declared bot, by account and name.
    pub async fn declared(&self) -> Result<Vec<DeclaredRow>, StoreError> {
        self.on_io(|inner| async move {
            let rows: Vec<Declared> =
                each_dialect!(inner.engine, reader, db => sqlx::query_as(DECLARED).fetch_all(db).await?);
            Ok(rows.into_iter().map(declared_row).collect())
        })
        .await
    }

    /// These of the declared bots, by account and name.
    pub async fn declared_of(&self, bots: &[BotKey]) -> Result<Vec<DeclaredRow>, StoreError> {
        let bots = json!(bots).to_string();
        self.on_io(move |inner| async move {
            let rows: Vec<Declared> = each_dialect!(inner.engine, reader, db => {
                sqlx::query_as(DECLARED_OF).bind(bots).fetch_all(db).await?
            });
            Ok(rows.into_iter().map(declared_row).collect())
        })
        .await
    }

    /// Takes bots for this process; answers the epoch under which it owns each.
    ///
    /// An epoch grows only when the owner changes.
    /// # Errors
    /// [`StoreError::Fenced`] if this process does not own the fleet.
    pub async fn own_bots(
        &self,
        me: &NodeIdentity,
        bots: &[(AccountId, BotId)],
    ) -> Result<HashMap<(AccountId, BotId), i64>, StoreError> {
        if bots.is_empty() {
            return Ok(HashMap::new());
        }
        let me = me.incarnation.clone();
        // A bot named twice would be written twice in one statement, which Postgres refuses.
        let bots: std::collections::BTreeSet<_> = bots.iter().cloned().collect();
        let rows: Vec<_> =
            bots.iter().map(|(account, bot)| json!({ "account": account, "bot": bot })).collect();
        let rows = json!(rows).to_string();
        let owned: Vec<(String, String, i64)> = self
            .on_io(move |inner| async move {
                Ok(each_dialect!(inner.engine, writer, db => {
                    sqlx::query_as(OWN).bind(rows).bind(me).fetch_all(db).await?
                }))
            })
            .await?;
        if owned.is_empty() {
            return Err(StoreError::Fenced);
        }
        Ok(owned
            .into_iter()
            .map(|(account, bot, epoch)| ((account.into(), bot.as_str().into()), epoch))
            .collect())
    }
}

pub(super) fn declared_row(row: Declared) -> DeclaredRow {
    let (account, bot, pool, declared_json, wanted, kind, words, since) = row;
    DeclaredRow {
        bot: DeclaredBot {
            account: account.into(),
            bot: bot.as_str().into(),
            pool: pool.as_str().into(),
            declared_json,
        },
        wanted: if wanted == "parked" { Wanted::Parked } else { Wanted::Running },
        quarantine: held_off(kind, words, since),
    }
}
