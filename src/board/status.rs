//! What is shown of one bot, and of the fleet.

use std::collections::BTreeMap;
use std::fmt;

use liveperson_proto::AccountId;
use muster_core::calendar::rfc3339;
use muster_core::health::{Degraded, Vitals};
use muster_core::{BotId, PoolId};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

/// What is shown of one bot. As JSON its times are RFC 3339 texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BotStatus {
    /// The bot's account.
    #[schema(value_type = String)]
    pub account: AccountId,
    /// Its name.
    #[schema(value_type = String)]
    pub bot: BotId,
    /// Its pool.
    #[schema(value_type = String)]
    pub pool: PoolId,
    /// What decides its replies.
    pub logic: String,
    /// Where it is in its life.
    pub state: BotState,
    /// Since when, in milliseconds of Unix time.
    #[serde(rename = "since", serialize_with = "as_text")]
    #[schema(value_type = String, format = DateTime)]
    pub since_ms: i64,
    /// Why it is in this state: the last error in words, with no secret in it.
    pub cause: Option<String>,
    /// What kind of trouble holds it off, if something does.
    #[schema(value_type = Option<String>)]
    pub quarantine: Option<&'static str>,
    /// Who holds it still, and why, while somebody does.
    pub paused: Option<String>,
    /// Why a login that was declared for it is not used.
    pub login_rejected: Option<String>,
    /// Until when it waits, where that is known.
    #[serde(rename = "waits_until", serialize_with = "as_optional_text")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub waits_until_ms: Option<i64>,
    /// What is not as it should be, the gravest first; an online bot may be degraded.
    #[schema(value_type = Vec<String>)]
    pub degraded: Vec<Degraded>,
    /// When the oldest consumer message was said that is owed an answer, as far as it is known.
    #[serde(rename = "oldest_owed_at", serialize_with = "as_optional_text")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest_owed_ms: Option<i64>,
    /// Whether nothing older is owed for certain: the platform shows all of its conversations, and they are read.
    pub oldest_owed_known: bool,
    /// When the platform last proved that it hears and answers the bot.
    #[serde(rename = "heard_at", serialize_with = "as_optional_text")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub heard_ms: Option<i64>,
    /// The times by which more is told when somebody looks.
    #[serde(skip)]
    pub vitals: Vitals,
    /// When its token was last refreshed.
    #[serde(rename = "token_refreshed_at", serialize_with = "as_optional_text")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub token_refreshed_ms: Option<i64>,
    /// How many conversations it handles.
    pub open_conversations: usize,
    /// How many of its actions the platform has not confirmed.
    pub outbox: usize,
    /// When its last turn was committed.
    #[serde(rename = "last_turn_at", serialize_with = "as_optional_text")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_turn_ms: Option<i64>,
    /// How many turns were committed since this process started.
    pub turns: u64,
    /// How often it was restarted since this process started.
    pub restarts: u64,
    /// Why a turn of it failed last since this process started, with neither a secret nor what people wrote.
    pub last_failure: Option<String>,
}

impl BotStatus {
    /// A bot of which nothing is known but its declaration.
    pub fn parked(account: &AccountId, bot: &BotId, pool: &PoolId, logic: &str, now_ms: i64) -> Self {
        Self {
            account: account.clone(),
            bot: bot.clone(),
            pool: pool.clone(),
            logic: logic.to_owned(),
            state: BotState::Parked,
            since_ms: now_ms,
            cause: None,
            quarantine: None,
            paused: None,
            login_rejected: None,
            waits_until_ms: None,
            degraded: Vec::new(),
            oldest_owed_ms: None,
            oldest_owed_known: false,
            heard_ms: None,
            vitals: Vitals::default(),
            token_refreshed_ms: None,
            open_conversations: 0,
            outbox: 0,
            last_turn_ms: None,
            turns: 0,
            restarts: 0,
            last_failure: None,
        }
    }
}

macro_rules! states {
    ($($(#[$doc:meta])* $state:ident = $word:literal),+ $(,)?) => {
        /// Where a bot is in its life.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum BotState { $($(#[$doc])* $state),+ }

        impl BotState {
            /// Every state, in the order of a life.
            pub const ALL: &[Self] = &[$(Self::$state),+];

            /// The word for it, the same in the API, the console and the metrics.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$state => $word),+ }
            }
        }
    };
}

states! {
    /// Logged out because it is wanted so.
    Parked = "parked",
    /// Waiting before the next attempt.
    Waiting = "waiting",
    /// Asking for its account's domains.
    Resolving = "resolving",
    /// Logging in.
    LoggingIn = "logging-in",
    /// Opening its socket.
    Connecting = "connecting",
    /// Subscribing to its conversations.
    Subscribing = "subscribing",
    /// At work.
    Online = "online",
    /// Finishing what it has begun, taking nothing new.
    Draining = "draining",
    /// Holding still: its ownership is in doubt or the store is away.
    Fenced = "fenced",
    /// Held off on purpose; its cause says why.
    Quarantined = "quarantined",
}

impl fmt::Display for BotState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What is shown of the fleet as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct FleetStatus {
    /// Whether the store answers.
    pub store_ok: bool,
    /// The node that owns these bots; empty while none does.
    pub owner: String,
    /// When this process started, in milliseconds of Unix time.
    #[serde(rename = "started_at", serialize_with = "as_text")]
    #[schema(value_type = String, format = DateTime)]
    pub started_ms: i64,
    /// Why the fleet is fenced, if it is.
    pub fenced: Option<String>,
    /// The version of muster.
    pub version: String,
    /// What is not as it should be about its store.
    #[schema(value_type = Vec<String>)]
    pub degraded: Vec<Degraded>,
    /// Accounts where bots wait to log in, or where the login service is in trouble.
    #[schema(value_type = HashMap<String, LoginQueue>)]
    pub logins: BTreeMap<AccountId, LoginQueue>,
}

/// What waits at an account's login gate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct LoginQueue {
    /// How many bots.
    pub waiting: usize,
    /// How long they take at the least.
    pub expected_seconds: u64,
    /// Why nobody goes, if that is so.
    pub trouble: Option<String>,
}

impl LoginQueue {
    /// Stands among the accounts where something waits, and only there.
    pub fn put(self, shown: &mut BTreeMap<AccountId, Self>, account: &AccountId) {
        if self.waiting == 0 && self.trouble.is_none() {
            shown.remove(account);
        } else {
            shown.insert(account.clone(), self);
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn as_text<S: Serializer>(ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*ms))
}

#[expect(clippy::ref_option, reason = "the shape that serde asks for")]
pub(super) fn as_optional_text<S: Serializer>(ms: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    ms.map(rfc3339).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_states_are_the_words_of_the_json() {
        for state in BotState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.word());
        }
    }

    #[test]
    fn times_are_texts_in_json() {
        let status = BotStatus {
            token_refreshed_ms: Some(1000),
            ..BotStatus::parked(&"1".into(), &"a".into(), &"a".into(), "echo", 0)
        };
        insta::assert_snapshot!(
            serde_json::to_string(&status).unwrap(),
            @r#"{"account":"1","bot":"a","pool":"a","logic":"echo","state":"parked","since":"1970-01-01T00:00:00.000Z","cause":null,"quarantine":null,"paused":null,"login_rejected":null,"waits_until":null,"degraded":[],"oldest_owed_at":null,"oldest_owed_known":false,"heard_at":null,"token_refreshed_at":"1970-01-01T00:00:01.000Z","open_conversations":0,"outbox":0,"last_turn_at":null,"turns":0,"restarts":0,"last_failure":null}"#
        );
    }
}
