//! How the platform behaves, and who lives on it.
//!
//! Where the real platform's behaviour is not known there is a setting; a client must be right under each.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How this platform behaves.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct PlatformSettings {
    /// Where the one port for everything listens; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Whether the port speaks TLS, with a certificate of our own authority.
    pub tls: bool,
    /// How long a ring waits for its agent.
    pub ring_life: Duration,
    /// The pause before a conversation that nobody took is offered to the same agents again.
    pub ring_pause: Duration,
    /// What becomes of a ring whose agent loses its last socket.
    pub lost_rings: LostRings,
    /// Who accepts a ring.
    pub acceptance: Acceptance,
    /// How long a login lives without a refresh.
    pub token_life: Duration,
    /// Whether a token is good only at the address from which it was asked for; one that was issued without a
    /// login is good everywhere.
    pub tokens_bound_to_address: bool,
    /// How long a consumer's token is good for.
    pub consumer_token_life: Duration,
    /// A socket on which nothing arrives for that long is dropped.
    pub idle_limit: Duration,
    /// How long a consumer waits before the ledger calls the answer late.
    pub answer_within: Duration,
    /// The most events one history query returns.
    pub history_page: usize,
    /// Which end of a too long history answer is kept.
    pub history_keeps: HistoryKeeps,
    /// Whether history queries return the metadata of events.
    pub metadata_in_history: bool,
    /// Whether brand participants hear messages only of dialogs they subscribed to.
    pub messages_need_subscription: bool,
    /// Whether a survey follows when the main dialog of a conversation is closed, unless the whole
    /// conversation is. The platform asks, the consumer answers, and that is the end of it.
    pub surveys: bool,
    /// Where ids and pauses come from: the same seed gives the same ones. The default is another one each
    /// time, so that a client with a memory does not meet the conversations of an earlier platform again.
    pub seed: u64,
    /// What a second login of a user does to the sockets of the first.
    pub second_login_closes: SecondLogin,
    /// How a socket with a bad token is turned away.
    pub bad_token: BadToken,
    /// How long state-changing requests travel while [`crate::Platform::apply_late`] is on.
    pub in_flight_window: Duration,
    /// How long nothing may happen before [`crate::Platform::settled`] believes it.
    pub quiet: Duration,
    /// The most published events a second on one socket; more are answered with 429.
    pub publishes_per_second: Option<usize>,
    /// The most logins a second of one account; more are answered with 429.
    pub logins_per_second: Option<usize>,
}

impl Default for PlatformSettings {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            tls: true,
            ring_life: Duration::from_secs(72),
            ring_pause: Duration::from_millis(500),
            lost_rings: LostRings::OfferedAgain,
            acceptance: Acceptance::ByAgent,
            token_life: Duration::from_mins(12),
            tokens_bound_to_address: false,
            consumer_token_life: Duration::from_hours(1),
            idle_limit: Duration::from_secs(90),
            answer_within: Duration::from_secs(30),
            history_page: 500,
            history_keeps: HistoryKeeps::Newest,
            metadata_in_history: true,
            messages_need_subscription: false,
            surveys: false,
            seed: fastrand::u64(..),
            second_login_closes: SecondLogin::Never,
            bad_token: BadToken::Http401,
            in_flight_window: Duration::from_millis(30),
            quiet: Duration::from_millis(150),
            publishes_per_second: None,
            logins_per_second: None,
        }
    }
}

/// What becomes of a ring whose agent loses its last socket before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostRings {
    /// It is cancelled and offered to the next agent, or to the same one again under another id.
    OfferedAgain,
    /// It goes on to ring at an agent who does not hear it; nobody else is offered the conversation, and the
    /// agent's next socket is not told of it, until it expires.
    LeftToExpire,
}

/// Who accepts a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// The agent, by `UpdateRingState`.
    ByAgent,
    /// The platform, the moment it rings: the agent hears of the ring, and that it accepted.
    Automatic,
}

/// What a second login of a user does to the sockets opened with the first; 1006 drops them without a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondLogin {
    /// The sockets live on; only the token is dead.
    Never,
    /// They are closed at once with this code.
    AtOnce(u16),
    /// They are closed after a while with this code.
    After(Duration, u16),
}

/// How a socket with a bad token is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadToken {
    /// The upgrade is refused with HTTP 401.
    Http401,
    /// The upgrade succeeds and the socket is closed with 4401.
    Close4401,
}

/// Which end of a too long history answer is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryKeeps {
    /// The newest events.
    Newest,
    /// The oldest events.
    Oldest,
}

/// An agent user of an account, marked as bot (`isApiUser`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BotUser {
    /// The login name.
    pub login: String,
    /// The password.
    pub password: String,
    /// The skills whose conversations ring here; conversations of skill `-1` ring everywhere.
    #[serde(default)]
    pub skills: Vec<String>,
    /// How many open conversations it takes at once.
    pub capacity: usize,
    /// The number of the user; made up when absent.
    #[serde(default)]
    pub user_id: Option<String>,
}

/// A crowd of consumers who follow one script.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerScript {
    /// How many consumers.
    pub count: usize,
    /// Messages each says before it is done; 0 keeps opening new conversations until stopped.
    pub messages: usize,
    /// Messages in one conversation when `messages` is 0.
    pub messages_per_conversation: usize,
    /// The pause between the last answer and the next message; the first message falls within it too.
    #[serde(rename = "think_ms", with = "milliseconds")]
    pub think: Duration,
    /// The skill of their conversations; none is `-1`.
    pub skill: Option<String>,
    /// What they say, in turn; a unique token is always appended.
    pub say: Vec<String>,
    /// Messages said at once, without waiting for answers between them.
    pub burst: usize,
}

impl Default for ConsumerScript {
    fn default() -> Self {
        Self {
            count: 1,
            messages: 5,
            messages_per_conversation: 5,
            think: Duration::from_millis(100),
            skill: None,
            say: Vec::new(),
            burst: 1,
        }
    }
}

/// A crowd of human agents who follow one script: each takes over some open conversation that no human has,
/// answers what is owed in it, holds it a while, and gives it back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct HumanScript {
    /// How many humans.
    pub count: usize,
    /// Conversations each takes over before it is done; 0 goes on until stopped.
    pub rounds: usize,
    /// The pause before the next conversation; the first is taken within it too.
    #[serde(rename = "pause_ms", with = "milliseconds")]
    pub pause: Duration,
    /// How long a human takes to answer. What a bot still had under way when it was relieved should be there
    /// within that time, or it may be answered by both.
    #[serde(rename = "reply_ms", with = "milliseconds")]
    pub reply: Duration,
    /// How long a conversation is held; what was said since the last answer is left to whoever comes next.
    #[serde(rename = "hold_ms", with = "milliseconds")]
    pub hold: Duration,
    /// Whether they answer at all.
    pub answers: bool,
    /// The skill a conversation is given back to; none keeps its own.
    pub skill: Option<String>,
}

impl Default for HumanScript {
    fn default() -> Self {
        Self {
            count: 1,
            rounds: 0,
            pause: Duration::from_millis(500),
            reply: Duration::from_millis(500),
            hold: Duration::from_secs(2),
            answers: true,
            skill: None,
        }
    }
}

/// How a token dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    /// Its sockets are closed with 4401.
    Close4401,
    /// Its sockets are gone without a close frame.
    Drop1006,
    /// Its sockets live on.
    Silent,
}

pub(crate) mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(time.as_millis() as u64)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

pub(crate) mod optional_milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde hands the field over like that")]
    pub(crate) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(|time| time.as_millis() as u64).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}
