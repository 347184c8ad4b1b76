//! Login, refresh, logout, and how tokens die.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use liveperson_proto::{AccountId, AgentId};
use serde_json::{Value, json};

use super::faults::Door;
use super::sockets::Fate;
use super::timers::Timer;
use super::{World, secret, wall};
use crate::credential::Offer;
use crate::faults::Trouble;
use crate::settings::{Revocation, SecondLogin};

/// One login of a user.
pub(crate) struct Session {
    pub(super) account: AccountId,
    pub(super) agent: AgentId,
    csrf: String,
    cookie: String,
    refreshed: Instant,
    /// Whoever it was issued to keeps it alive elsewhere.
    kept: bool,
    /// The only address at which the token is good, if it is bound to one.
    bound_to: Option<IpAddr>,
    pub(super) sockets: usize,
}

impl Session {
    pub(super) fn is_good_at(&self, address: IpAddr) -> bool {
        self.bound_to.is_none_or(|bound| bound == address)
    }
}

/// What a good login gets.
pub(crate) struct Granted {
    pub(crate) body: Value,
    pub(crate) cookie: String,
}

/// Why a login got nothing.
pub(crate) enum LoginRefused {
    Malformed,
    BadCredentials,
    Troubled(Trouble),
}

/// Why a session is not kept alive, or ended.
pub(crate) enum SessionRefused {
    /// The csrf, the cookie or the whole login is no good.
    Invalid,
    Troubled(Trouble),
}

impl World {
    /// Logs a user in; the login before it, if any, is dead from now on.
    pub(crate) fn login(
        &mut self,
        account: &AccountId,
        body: &Value,
        from: IpAddr,
    ) -> Result<Granted, LoginRefused> {
        self.count_login(account, body)?;
        let offer = Offer::read(body).ok_or(LoginRefused::Malformed)?;
        let agent = self.agent_of(account, &offer).ok_or(LoginRefused::BadCredentials)?;
        let user = self.users.get(&agent).ok_or(LoginRefused::BadCredentials)?;
        let (login, kind) = (user.login.clone(), user.credential.kind());
        if !user.credential.accepts(&offer) {
            self.counters.login_refused(account, &login);
            return Err(LoginRefused::BadCredentials);
        }
        self.end_first_login(&agent);
        self.counters.login(account, &login, kind);
        self.stir();
        Ok(self.grant(account, &agent, from))
    }

    /// Whom the offer is for: the user it names, or the one whose assertion it is.
    fn agent_of(&self, account: &AccountId, offer: &Offer<'_>) -> Option<AgentId> {
        let home = self.accounts.get(account)?;
        if let Some(username) = offer.username() {
            return home.by_login.get(username).cloned();
        }
        let is_theirs =
            |agent: &&AgentId| self.users.get(*agent).is_some_and(|user| user.credential.accepts(offer));
        home.by_login.values().find(is_theirs).cloned()
    }

    /// Gives a token out without a login, as a service outside the platform's would; the one before it
    /// is dead. Whoever holds it is thought to keep it alive.
    pub(crate) fn issue_token(&mut self, account: &AccountId, login: &str) -> Option<String> {
        let agent = self.accounts.get(account)?.by_login.get(login)?.clone();
        self.end_first_login(&agent);
        self.counters.token_issued(account, login);
        let (bearer, session) = Self::new_session(account, &agent, true);
        self.sessions.insert(bearer.clone(), session);
        self.stir();
        Some(bearer)
    }

    fn count_login(&mut self, account: &AccountId, body: &Value) -> Result<(), LoginRefused> {
        let now = Instant::now();
        let limit = self.settings.logins_per_second;
        let home = self.accounts.get_mut(account).ok_or(LoginRefused::BadCredentials)?;
        while home.recent_logins.front().is_some_and(|at| now - *at > Duration::from_secs(1)) {
            home.recent_logins.pop_front();
        }
        home.recent_logins.push_back(now);
        let recent = home.recent_logins.len();
        self.counters.login_called(account, recent, now);
        let agent = Offer::read(body).and_then(|offer| self.agent_of(account, &offer));
        let login = agent.map(|agent| self.login_of(&agent).to_owned()).unwrap_or_default();
        if let Some(trouble) = self.trouble_at(Door::Login, account.as_str(), &login) {
            return Err(LoginRefused::Troubled(trouble));
        }
        match limit {
            Some(limit) if recent > limit => {
                Err(LoginRefused::Troubled(Trouble::Status { status: 429, retry_after: Some(5) }))
            }
            _ => Ok(()),
        }
    }

    fn end_first_login(&mut self, agent: &AgentId) {
        let Some(bearer) = self.bearer_of(agent) else { return };
        self.sessions.remove(&bearer);
        match self.settings.second_login_closes {
            SecondLogin::Never => {}
            SecondLogin::AtOnce(code) => self.end_sockets_of_token(&bearer, Fate::with_code(code)),
            SecondLogin::After(delay, code) => {
                self.timers.add(Instant::now() + delay, Timer::CloseSocketsOfToken { bearer, code });
            }
        }
    }

    fn grant(&mut self, account: &AccountId, agent: &AgentId, from: IpAddr) -> Granted {
        let (bearer, mut session) = Self::new_session(account, agent, false);
        session.bound_to = self.settings.tokens_bound_to_address.then_some(from);
        let (csrf, cookie) = (session.csrf.clone(), session.cookie.clone());
        let expires = session.refreshed + self.settings.token_life;
        self.sessions.insert(bearer.clone(), session);
        self.timers.add(expires, Timer::TokenMayExpire { bearer: bearer.clone() });
        let services = self.domains(account.as_str());
        let user = &self.users[agent];
        let body = json!({
            "csrf": csrf, "wsuk": "simulated", "bearer": bearer, "sessionTTl": "28800000",
            "config": {
                "loginName": user.login, "userId": user.number, "userPid": user.pid,
                "userPrivileges": [1, 4, 26, 1724], "serverCurrentTime": wall(), "timeDiff": 0,
                "serverTimeZoneName": "GMT", "serverTimeGMTDiff": 0, "isLPA": false, "isAdmin": false,
                "accountTimeZoneId": "America/New_York",
            },
            "csdsCollectionResponse": {"baseURIs": services},
            "accountData": {"agentGroupsData": {
                "items": [{"id": -1, "deleted": false, "name": "Main Group"}], "revision": 2,
            }},
        });
        Granted { body, cookie }
    }

    fn new_session(account: &AccountId, agent: &AgentId, kept: bool) -> (String, Session) {
        let session = Session {
            account: account.clone(),
            agent: agent.clone(),
            csrf: secret(),
            cookie: secret(),
            refreshed: Instant::now(),
            kept,
            bound_to: None,
            sockets: 0,
        };
        (secret(), session)
    }

    /// Keeps a login alive.
    pub(crate) fn refresh(
        &mut self,
        account: &AccountId,
        csrf: &str,
        cookie: &str,
        from: IpAddr,
    ) -> Result<(), SessionRefused> {
        let bearer = self.session_with(account, csrf, cookie);
        let agent = bearer.as_ref().and_then(|bearer| self.sessions.get(bearer)).map(|one| &one.agent);
        let login = agent.map(|agent| self.login_of(agent).to_owned()).unwrap_or_default();
        if let Some(trouble) = self.trouble_at(Door::Refresh, account.as_str(), &login) {
            return Err(SessionRefused::Troubled(trouble));
        }
        let bearer = bearer.ok_or(SessionRefused::Invalid)?;
        let session = self.sessions.get_mut(&bearer).ok_or(SessionRefused::Invalid)?;
        if !session.is_good_at(from) {
            return Err(SessionRefused::Invalid);
        }
        session.refreshed = Instant::now();
        let agent = session.agent.clone();
        self.counters.refresh(account, &self.users[&agent].login);
        Ok(())
    }

    /// Ends a login; its sockets live on.
    pub(crate) fn logout(
        &mut self,
        account: &AccountId,
        csrf: &str,
        cookie: &str,
    ) -> Result<(), SessionRefused> {
        let bearer = self.session_with(account, csrf, cookie).ok_or(SessionRefused::Invalid)?;
        self.sessions.remove(&bearer);
        self.stir();
        Ok(())
    }

    fn session_with(&self, account: &AccountId, csrf: &str, cookie: &str) -> Option<String> {
        let found = self.sessions.iter().find(|(_, session)| {
            session.account == *account && session.csrf == csrf && session.cookie == cookie
        });
        found.filter(|(_, session)| self.is_live(session)).map(|(bearer, _)| bearer.clone())
    }

    fn is_live(&self, session: &Session) -> bool {
        session.kept || session.refreshed.elapsed() < self.settings.token_life
    }

    /// The live login that this token belongs to.
    pub(super) fn session(&self, account: &AccountId, bearer: &str) -> Option<&Session> {
        self.sessions.get(bearer).filter(|session| session.account == *account && self.is_live(session))
    }

    fn bearer_of(&self, agent: &AgentId) -> Option<String> {
        let found = self.sessions.iter().find(|(_, session)| session.agent == *agent);
        found.map(|(bearer, _)| bearer.clone())
    }

    /// A token's time may be up, unless it was refreshed in between.
    pub(super) fn token_may_expire(&mut self, bearer: String) {
        let Some(session) = self.sessions.get(&bearer) else { return };
        if self.is_live(session) {
            let at = session.refreshed + self.settings.token_life;
            self.timers.add(at, Timer::TokenMayExpire { bearer });
            return;
        }
        self.sessions.remove(&bearer);
        self.end_sockets_of_token(&bearer, Fate::Closed(4401));
    }

    /// Takes a user's token away; whether there was one, or a socket to end.
    pub(super) fn revoke_token(&mut self, account: &AccountId, login: &str, how: Revocation) -> bool {
        let Some(agent) = self.accounts.get(account).and_then(|home| home.by_login.get(login)).cloned()
        else {
            return false;
        };
        let bearer = self.bearer_of(&agent);
        let sockets = self.sockets_of(account, login);
        let had_any = bearer.is_some() || !sockets.is_empty();
        if let Some(bearer) = bearer {
            self.sessions.remove(&bearer);
        }
        let fate = match how {
            Revocation::Silent => return had_any,
            Revocation::Close4401 => Fate::Closed(4401),
            Revocation::Drop1006 => Fate::Dropped,
        };
        for socket in sockets {
            self.end_socket(socket, fate);
        }
        had_any
    }

    /// Somebody else logs in as the user; whether there was a login to take the token of.
    pub(super) fn steal_session(&mut self, account: &AccountId, agent: &AgentId) -> bool {
        let had_one = self.bearer_of(agent).is_some();
        if had_one {
            self.end_first_login(agent);
            let (bearer, session) = Self::new_session(account, agent, true);
            self.sessions.insert(bearer, session);
            self.stir();
        }
        had_one
    }
}
