//! Sessions of bots, sealed: a restart need not log in.

use liveperson_proto::AccountId;
use muster_core::BotId;

use super::{Store, StoreError, each_dialect};

const SAVE: &str = "INSERT INTO session (account_id, bot_id, sealed, saved_at) \
     SELECT $1, $2, $3, ms FROM clock \
     WHERE $4 = '' OR EXISTS (SELECT 1 FROM node WHERE incarnation = $4) \
     ON CONFLICT (account_id, bot_id) DO UPDATE SET sealed = excluded.sealed, saved_at = excluded.saved_at";
const LOAD: &str = "SELECT sealed FROM session WHERE account_id = $1 AND bot_id = $2";
const FORGET: &str = "DELETE FROM session WHERE account_id = $1 AND bot_id = $2";

fn place(account: &AccountId, bot: &BotId) -> String {
    format!("session/{account}/{bot}/sealed")
}

impl Store {
    /// Keeps a bot's session, sealed; does nothing in a store without a key, or once another
    /// process owns the fleet (its session is the newer one).
    pub async fn save_session(
        &self,
        account: &AccountId,
        bot: &BotId,
        plain: &str,
    ) -> Result<(), StoreError> {
        let Some(seal) = &self.inner.seal else { return Ok(()) };
        let sealed = seal
            .seal(plain, &place(account, bot))
            .map_err(|_| StoreError::Rule("a session is too large to seal".to_owned()))?;
        let (account, bot) = (account.to_string(), bot.to_string());
        self.on_io(move |inner| async move {
            let me = inner.incarnation();
            each_dialect!(inner.engine, writer, db => {
                sqlx::query(SAVE).bind(account).bind(bot).bind(sealed).bind(me).execute(db).await?;
            });
            Ok(())
        })
        .await
    }

    /// A bot's session, if one is kept and opens with the store's key.
    pub async fn load_session(&self, account: &AccountId, bot: &BotId) -> Result<Option<String>, StoreError> {
        let Some(seal) = &self.inner.seal else { return Ok(None) };
        let key = (account.to_string(), bot.to_string());
        let row: Option<(String,)> = self
            .on_io(move |inner| async move {
                Ok(each_dialect!(inner.engine, reader, db => {
                    sqlx::query_as(LOAD).bind(key.0).bind(key.1).fetch_optional(db).await?
                }))
            })
            .await?;
        let Some((sealed,)) = row else { return Ok(None) };
        match seal.open(&sealed, &place(account, bot)) {
            Ok(plain) => Ok(Some(plain)),
            Err(error) => {
                tracing::warn!(account.id = %account, bot.id = %bot, %error, "ignores a stored session");
                Ok(None)
            }
        }
    }

    /// Forgets a bot's session.
    pub async fn forget_session(&self, account: &AccountId, bot: &BotId) -> Result<(), StoreError> {
        let key = (account.to_string(), bot.to_string());
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                sqlx::query(FORGET).bind(key.0).bind(key.1).execute(db).await?;
            });
            Ok(())
        })
        .await
    }
}
