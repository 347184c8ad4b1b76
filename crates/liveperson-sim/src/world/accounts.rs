//! Accounts and their agent users.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use liveperson_proto::{AccountId, AgentId, ConsumerId, ConversationId, PersistentId, UserId};

use super::World;
use super::sockets::SocketId;
use crate::credential::Credential;
use crate::settings::BotUser;

/// One brand's account.
#[derive(Default)]
pub(crate) struct Account {
    pub(super) by_login: HashMap<String, AgentId>,
    pub(super) by_pid: HashMap<String, AgentId>,
    pub(super) sockets: BTreeSet<SocketId>,
    /// Sockets with a subscription to more than their user's own conversations.
    pub(super) watchers: BTreeSet<SocketId>,
    pub(super) open: BTreeSet<ConversationId>,
    pub(super) closed: VecDeque<ConversationId>,
    /// Open conversations without an assigned agent, by arrival.
    pub(super) queue: BTreeMap<u64, ConversationId>,
    pub(super) consumers: HashMap<String, ConsumerId>,
    pub(super) recent_logins: VecDeque<Instant>,
}

/// Whether and for what an agent's phone rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Availability {
    Online,
    Occupied,
    Away,
    BackSoon,
    Offline,
}

impl Availability {
    pub(super) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "ONLINE" => Self::Online,
            "OCCUPIED" => Self::Occupied,
            "AWAY" => Self::Away,
            "BACK_SOON" => Self::BackSoon,
            "OFFLINE" => Self::Offline,
            _ => return None,
        })
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Online => "ONLINE",
            Self::Occupied => "OCCUPIED",
            Self::Away => "AWAY",
            Self::BackSoon => "BACK_SOON",
            Self::Offline => "OFFLINE",
        }
    }
}

/// An agent user; bots are agent users.
pub(crate) struct User {
    pub(super) account: AccountId,
    pub(super) login: String,
    pub(super) credential: Credential,
    pub(super) number: UserId,
    pub(super) pid: PersistentId,
    pub(super) skills: Vec<String>,
    pub(super) capacity: usize,
    pub(super) sockets: BTreeSet<SocketId>,
    pub(super) availability: Availability,
    pub(super) description: String,
    /// Open conversations this user is the assigned agent of.
    pub(super) assigned: BTreeSet<ConversationId>,
    /// Conversations this user takes part in, in any role.
    pub(super) takes_part: BTreeSet<ConversationId>,
    /// Conversations that ring here and wait.
    pub(super) rung: BTreeSet<ConversationId>,
    pub(super) last_rung: u64,
    /// Whether it may watch conversations that it takes no part in, as managers and bots may.
    pub(super) watches_all: bool,
}

/// The same for the same agent, whatever the seed: users outlive a platform's restart.
fn persistent_id(agent: &AgentId) -> PersistentId {
    let mut hasher = DefaultHasher::new();
    agent.hash(&mut hasher);
    let bytes = fastrand::Rng::with_seed(hasher.finish()).u128(..).to_be_bytes();
    PersistentId::from(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
}

impl World {
    /// Adds the account unless it is there.
    pub(crate) fn add_account(&mut self, account: &AccountId) {
        self.accounts.entry(account.clone()).or_default();
    }

    /// Adds the account's bot, or replaces the credentials, skills and capacity of the one with that login.
    pub(crate) fn add_bot(&mut self, account: &AccountId, bot: BotUser) {
        self.add_account(account);
        if let Some(user) = self.user_mut(account, &bot.login) {
            user.credential = Credential::Password { password: bot.password };
            user.skills = bot.skills;
            user.capacity = bot.capacity;
            return;
        }
        let user_id = bot.user_id.unwrap_or_else(|| (1_000_000_000 + self.last_id).to_string());
        self.next_id();
        let number = UserId::from(user_id);
        let agent = AgentId::of(account, &number);
        let pid = persistent_id(&agent);
        let Some(home) = self.accounts.get_mut(account) else { return };
        home.by_login.insert(bot.login.clone(), agent.clone());
        home.by_pid.insert(pid.as_str().to_owned(), agent.clone());
        self.users.insert(
            agent,
            User {
                account: account.clone(),
                login: bot.login,
                credential: Credential::Password { password: bot.password },
                number,
                pid,
                skills: bot.skills,
                capacity: bot.capacity,
                sockets: BTreeSet::new(),
                availability: Availability::Offline,
                description: String::new(),
                assigned: BTreeSet::new(),
                takes_part: BTreeSet::new(),
                rung: BTreeSet::new(),
                last_rung: 0,
                watches_all: true,
            },
        );
    }

    /// From now on the user comes in with this and nothing else.
    pub(crate) fn set_credential(&mut self, account: &AccountId, login: &str, credential: Credential) {
        if let Some(user) = self.user_mut(account, login) {
            user.credential = credential;
        }
    }

    /// The user with that login.
    pub(super) fn user_mut(&mut self, account: &AccountId, login: &str) -> Option<&mut User> {
        let agent = self.accounts.get(account)?.by_login.get(login)?;
        self.users.get_mut(agent)
    }

    /// The sockets the user has now.
    pub(crate) fn sockets_of(&self, account: &AccountId, login: &str) -> Vec<SocketId> {
        let agent = self.accounts.get(account).and_then(|account| account.by_login.get(login));
        let user = agent.and_then(|agent| self.users.get(agent));
        user.map(|user| user.sockets.iter().copied().collect()).unwrap_or_default()
    }

    /// The agent that a request names by old id or by persistent id.
    pub(super) fn agent_named(&self, account: &AccountId, id: &str) -> Option<AgentId> {
        let old = AgentId::new(id);
        if self.users.get(&old).is_some_and(|user| user.account == *account) {
            return Some(old);
        }
        self.accounts.get(account)?.by_pid.get(id).cloned()
    }
}
