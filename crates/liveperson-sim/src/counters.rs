//! What the clients cost the platform: a well-behaved fleet keeps these small.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use liveperson_proto::{AccountId, ConversationId, DialogId, RingId};
use serde::{Deserialize, Serialize};

/// The most entries of one kind; later ones are not counted, and [`Counters::truncated`] says so.
const MOST: usize = 50_000;

/// What the platform counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Per user.
    pub identities: Vec<Identity>,
    /// Subscriptions per socket and kind.
    pub subscriptions: Vec<Subscriptions>,
    /// History queries per socket and dialog.
    pub history_reads: Vec<HistoryReads>,
    /// Events published by brands, per dialog.
    pub publishes: Vec<Publishes>,
    /// Times that a user was added to a conversation, per user, conversation and role.
    #[serde(default)]
    pub joins: Vec<Joins>,
    /// Acceptances, per ring.
    pub acceptances: Vec<Acceptances>,
    /// The most login calls of one account within a second.
    pub logins_per_second_peak: usize,
    /// The same, per account.
    #[serde(default)]
    pub logins_per_second_peaks: BTreeMap<String, usize>,
    /// The most login calls of all accounts together within a second.
    #[serde(default)]
    pub logins_per_second_peak_in_all: usize,
    /// Questions to the domain API, per account.
    #[serde(default)]
    pub domains_asked: BTreeMap<String, u64>,
    /// Whether some table was full, so that it does not hold everything.
    pub truncated: bool,
}

/// What one user did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The account.
    pub account: String,
    /// The login name.
    pub login: String,
    /// Successful logins.
    pub logins: u64,
    /// Successful logins by what they were made with: `password`, `key`, `client` or `assertion`.
    #[serde(default)]
    pub logins_by_kind: BTreeMap<String, u64>,
    /// Logins with wrong credentials; an assertion that nobody has counts for nobody.
    pub logins_refused: u64,
    /// Tokens given out without a login.
    #[serde(default)]
    pub tokens_issued: u64,
    /// Successful refreshes.
    pub refreshes: u64,
    /// Times that the user set its own state.
    #[serde(default)]
    pub states_set: u64,
    /// Sockets opened.
    pub sockets_opened: u64,
    /// The most sockets opened with one token.
    pub sockets_per_login: usize,
    /// The most sockets open at one moment, not counting stalled ones.
    pub sockets_at_once: usize,
}

/// Subscriptions of one socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscriptions {
    /// The account.
    pub account: String,
    /// The login name.
    pub login: String,
    /// The socket's number.
    pub socket: u64,
    /// `ExConversations`, `RoutingTasks` or `AgentsState`.
    pub kind: String,
    /// How many.
    pub count: u64,
}

/// History queries of one socket for one dialog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryReads {
    /// The account.
    pub account: String,
    /// The login name.
    pub login: String,
    /// The socket's number.
    pub socket: u64,
    /// The dialog.
    pub dialog: String,
    /// How many.
    pub reads: u64,
}

/// Events published in one dialog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publishes {
    /// The dialog.
    pub dialog: String,
    /// How many.
    pub count: u64,
}

/// Times that one user was added to one conversation in one role, also when it was in it already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joins {
    /// The account.
    pub account: String,
    /// The login name of whoever was added.
    pub login: String,
    /// The conversation.
    pub conversation: String,
    /// The role, such as `AGENT`.
    pub role: String,
    /// How often.
    pub count: u64,
}

/// Acceptances of one ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptances {
    /// The ring.
    pub ring: String,
    /// How many.
    pub count: u64,
}

impl Counters {
    /// How many logins there were, and their peaks, in words.
    pub fn logins(&self) -> String {
        let (made, refused) = self
            .identities
            .iter()
            .fold((0, 0), |(made, refused), one| (made + one.logins, refused + one.logins_refused));
        format!(
            "logins              {made}, {refused} refused; within a second at most {} of an account and {} in all",
            self.logins_per_second_peak, self.logins_per_second_peak_in_all
        )
    }

    /// The most history queries one socket made for one dialog.
    pub fn max_history_reads_per_socket_and_dialog(&self) -> u64 {
        self.history_reads.iter().map(|one| one.reads).max().unwrap_or(0)
    }

    /// The most sockets one user had open at one moment.
    pub fn max_sockets_at_once(&self) -> usize {
        self.identities.iter().map(|one| one.sockets_at_once).max().unwrap_or(0)
    }

    /// The most conversation subscriptions one socket made.
    pub fn max_conversation_subscriptions_per_socket(&self) -> u64 {
        let conversations = self.subscriptions.iter().filter(|one| one.kind == "ExConversations");
        conversations.map(|one| one.count).max().unwrap_or(0)
    }

    /// How often anybody was added to that conversation, in whatever role.
    pub fn joins_of(&self, conversation: &str) -> u64 {
        self.joins.iter().filter(|one| one.conversation == conversation).map(|one| one.count).sum()
    }

    /// The most often that one user was added to one conversation, in whatever role.
    pub fn max_joins_per_user_and_conversation(&self) -> u64 {
        let mut sums: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
        for one in &self.joins {
            *sums.entry((&one.account, &one.login, &one.conversation)).or_default() += one.count;
        }
        sums.into_values().max().unwrap_or(0)
    }

    /// How often the history of that dialog was read or subscribed to, over all sockets.
    pub fn history_reads_of(&self, dialog: &str) -> u64 {
        self.history_reads.iter().filter(|one| one.dialog == dialog).map(|one| one.reads).sum()
    }

    /// What that user did.
    pub fn identity(&self, account: &str, login: &str) -> Option<&Identity> {
        self.identities.iter().find(|one| one.account == account && one.login == login)
    }
}

/// What the world writes down.
#[derive(Default)]
pub(crate) struct CounterBook {
    identities: BTreeMap<(AccountId, String), Identity>,
    subscriptions: BTreeMap<(u64, &'static str), Subscriptions>,
    history_reads: BTreeMap<(u64, DialogId), HistoryReads>,
    publishes: BTreeMap<DialogId, u64>,
    joins: BTreeMap<(ConversationId, AccountId, String, &'static str), u64>,
    acceptances: BTreeMap<RingId, u64>,
    logins_per_second_peaks: BTreeMap<AccountId, usize>,
    logins_per_second_peak_in_all: usize,
    /// Login calls of the last second.
    recent_logins: VecDeque<Instant>,
    domains_asked: BTreeMap<AccountId, u64>,
    truncated: bool,
}

impl CounterBook {
    fn identity(&mut self, account: &AccountId, login: &str) -> &mut Identity {
        self.identities.entry((account.clone(), login.to_owned())).or_insert_with(|| Identity {
            account: account.to_string(),
            login: login.to_owned(),
            ..Identity::default()
        })
    }

    pub(crate) fn login(&mut self, account: &AccountId, login: &str, kind: &str) {
        let identity = self.identity(account, login);
        identity.logins += 1;
        *identity.logins_by_kind.entry(kind.to_owned()).or_default() += 1;
    }

    pub(crate) fn token_issued(&mut self, account: &AccountId, login: &str) {
        self.identity(account, login).tokens_issued += 1;
    }

    pub(crate) fn domains_asked(&mut self, account: &AccountId) {
        if let Some(count) = bounded(&mut self.domains_asked, account.clone(), || 0, &mut self.truncated) {
            *count += 1;
        }
    }

    pub(crate) fn login_refused(&mut self, account: &AccountId, login: &str) {
        self.identity(account, login).logins_refused += 1;
    }

    pub(crate) fn refresh(&mut self, account: &AccountId, login: &str) {
        self.identity(account, login).refreshes += 1;
    }

    /// A login call, one of so many of the account within a second.
    pub(crate) fn login_called(&mut self, account: &AccountId, logins: usize, now: Instant) {
        let peak = self.logins_per_second_peaks.entry(account.clone()).or_default();
        *peak = logins.max(*peak);
        while self.recent_logins.front().is_some_and(|at| now - *at > Duration::from_secs(1)) {
            self.recent_logins.pop_front();
        }
        self.recent_logins.push_back(now);
        self.logins_per_second_peak_in_all = self.logins_per_second_peak_in_all.max(self.recent_logins.len());
    }

    pub(crate) fn state_set(&mut self, account: &AccountId, login: &str) {
        self.identity(account, login).states_set += 1;
    }

    pub(crate) fn socket_opened(
        &mut self,
        account: &AccountId,
        login: &str,
        on_token: usize,
        at_once: usize,
    ) {
        let identity = self.identity(account, login);
        identity.sockets_opened += 1;
        identity.sockets_per_login = identity.sockets_per_login.max(on_token);
        identity.sockets_at_once = identity.sockets_at_once.max(at_once);
    }

    pub(crate) fn subscribed(&mut self, account: &AccountId, login: &str, socket: u64, kind: &'static str) {
        let fresh = || Subscriptions {
            account: account.to_string(),
            login: login.to_owned(),
            socket,
            kind: kind.to_owned(),
            count: 0,
        };
        if let Some(entry) = bounded(&mut self.subscriptions, (socket, kind), fresh, &mut self.truncated) {
            entry.count += 1;
        }
    }

    pub(crate) fn history_read(&mut self, account: &AccountId, login: &str, socket: u64, dialog: &DialogId) {
        let fresh = || HistoryReads {
            account: account.to_string(),
            login: login.to_owned(),
            socket,
            dialog: dialog.to_string(),
            reads: 0,
        };
        let key = (socket, dialog.clone());
        if let Some(entry) = bounded(&mut self.history_reads, key, fresh, &mut self.truncated) {
            entry.reads += 1;
        }
    }

    pub(crate) fn published(&mut self, dialog: &DialogId) {
        if let Some(count) = bounded(&mut self.publishes, dialog.clone(), || 0, &mut self.truncated) {
            *count += 1;
        }
    }

    pub(crate) fn joined(
        &mut self,
        account: &AccountId,
        login: &str,
        conversation: &ConversationId,
        role: &'static str,
    ) {
        let key = (conversation.clone(), account.clone(), login.to_owned(), role);
        if let Some(count) = bounded(&mut self.joins, key, || 0, &mut self.truncated) {
            *count += 1;
        }
    }

    pub(crate) fn accepted(&mut self, ring: &RingId) {
        if let Some(count) = bounded(&mut self.acceptances, ring.clone(), || 0, &mut self.truncated) {
            *count += 1;
        }
    }

    /// A copy for whoever asks.
    pub(crate) fn count(&self) -> Counters {
        let publishes = self.publishes.iter();
        let acceptances = self.acceptances.iter();
        let joins = self.joins.iter().map(|((conversation, account, login, role), count)| Joins {
            account: account.to_string(),
            login: login.clone(),
            conversation: conversation.to_string(),
            role: (*role).to_owned(),
            count: *count,
        });
        Counters {
            identities: self.identities.values().cloned().collect(),
            subscriptions: self.subscriptions.values().cloned().collect(),
            history_reads: self.history_reads.values().cloned().collect(),
            publishes: publishes
                .map(|(id, count)| Publishes { dialog: id.to_string(), count: *count })
                .collect(),
            joins: joins.collect(),
            acceptances: acceptances.map(|(id, n)| Acceptances { ring: id.to_string(), count: *n }).collect(),
            logins_per_second_peak: self.logins_per_second_peaks.values().copied().max().unwrap_or(0),
            logins_per_second_peaks: self
                .logins_per_second_peaks
                .iter()
                .map(|(id, peak)| (id.to_string(), *peak))
                .collect(),
            logins_per_second_peak_in_all: self.logins_per_second_peak_in_all,
            domains_asked: self.domains_asked.iter().map(|(id, n)| (id.to_string(), *n)).collect(),
            truncated: self.truncated,
        }
    }
}

/// The entry, made if there is room for it.
fn bounded<'a, K: Ord, V>(
    table: &'a mut BTreeMap<K, V>,
    key: K,
    fresh: impl FnOnce() -> V,
    truncated: &mut bool,
) -> Option<&'a mut V> {
    if table.len() >= MOST && !table.contains_key(&key) {
        *truncated = true;
        return None;
    }
    Some(table.entry(key).or_insert_with(fresh))
}
