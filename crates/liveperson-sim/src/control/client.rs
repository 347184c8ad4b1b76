//! The client: the platform's handle, from another process.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::http;
use crate::consumer::{ConversationView, Heard};
use crate::counters::Counters;
use crate::credential::Credential;
use crate::faults::Order;
use crate::latencies::Latencies;
use crate::ledger::Ledger;
use crate::platform::Unsettled;
use crate::settings::{BotUser, ConsumerScript, HumanScript, Revocation};

/// The handle of a platform in another process; every method fails when that process does not answer.
#[derive(Clone, Copy, Debug)]
pub struct Control {
    address: SocketAddr,
}

/// Where a platform is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Place {
    /// Where its port listens.
    pub address: SocketAddr,
    /// `localhost:port`, for clients that take another CSDS domain.
    pub host: String,
    /// The certificate that clients must trust; empty on a plain port.
    pub ca_pem: String,
}

impl Control {
    /// The handle of the platform whose control listener is there.
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Where the platform is.
    pub async fn place(&self) -> io::Result<Place> {
        self.get("/place").await
    }

    /// What became of every message so far.
    pub async fn ledger(&self) -> io::Result<Ledger> {
        self.get("/ledger").await
    }

    /// How long consumers waited for their answers so far; cheap, however many messages there were.
    pub async fn latencies(&self) -> io::Result<Latencies> {
        self.get("/latencies").await
    }

    /// What the clients cost so far.
    pub async fn counters(&self) -> io::Result<Counters> {
        self.get("/counters").await
    }

    /// Waits until nothing is in flight; the inner error says what is.
    pub async fn settled(&self, within: Duration) -> io::Result<Result<(), Unsettled>> {
        let path = format!("/settled?within_ms={}", within.as_millis());
        let (status, body) = http::ask(self.address, "GET", &path, None).await?;
        match status {
            200 => Ok(Ok(())),
            409 => Ok(Err(parse(body)?)),
            _ => Err(refused(status, &body)),
        }
    }

    /// Adds an account.
    pub async fn add_account(&self, account: &str) -> io::Result<()> {
        self.tell("/accounts", json!({ "account": account })).await
    }

    /// Adds an agent user.
    pub async fn add_bot(&self, account: &str, bot: &BotUser) -> io::Result<()> {
        self.tell("/bots", with_account(account, bot)?).await
    }

    /// From now on the user logs in with this and nothing else.
    pub async fn set_credential(
        &self,
        account: &str,
        login: &str,
        credential: &Credential,
    ) -> io::Result<()> {
        self.tell("/credentials", json!({"account": account, "login": login, "credential": credential})).await
    }

    /// A token for the user without a login.
    pub async fn issue_token(&self, account: &str, login: &str) -> io::Result<String> {
        let answer: Value = self.post("/tokens", json!({"account": account, "login": login})).await?;
        parse(answer["token"].clone())
    }

    /// Lets a crowd of scripted consumers in.
    pub async fn consumers(&self, account: &str, script: &ConsumerScript) -> io::Result<()> {
        self.tell("/consumers", with_account(account, script)?).await
    }

    /// Scripts say nothing more.
    pub async fn stop_consumers(&self) -> io::Result<()> {
        self.tell("/stop-consumers", json!({})).await
    }

    /// Lets a crowd of scripted human agents in.
    pub async fn humans(&self, account: &str, script: &HumanScript) -> io::Result<()> {
        self.tell("/humans", with_account(account, script)?).await
    }

    /// Scripted humans take nothing over any more.
    pub async fn stop_humans(&self) -> io::Result<()> {
        self.tell("/stop-humans", json!({})).await
    }

    /// Whether the user may watch conversations of other agents.
    pub async fn let_watch_all(&self, account: &str, login: &str, may: bool) -> io::Result<()> {
        self.tell("/let-watch-all", json!({"account": account, "login": login, "on": may})).await
    }

    /// Something goes wrong from now on; returns the order's number.
    pub async fn order(&self, order: &Order) -> io::Result<u64> {
        let answer: Value = self.post("/orders", serde_json::to_value(order)?).await?;
        parse(answer["id"].clone())
    }

    /// The order of that number stands no more.
    pub async fn withdraw(&self, id: u64) -> io::Result<()> {
        self.delete(&format!("/orders/{id}")).await
    }

    /// No order stands any more.
    pub async fn withdraw_all(&self) -> io::Result<()> {
        self.delete("/orders").await
    }

    /// How often a client really met each fault, by its name.
    pub async fn fault_effects(&self) -> io::Result<BTreeMap<String, u64>> {
        self.get("/fault-effects").await
    }

    /// The user's sockets are gone without a close frame.
    pub async fn drop_socket_of(&self, account: &str, login: &str) -> io::Result<()> {
        self.tell("/fault/drop-socket", json!({"account": account, "login": login})).await
    }

    /// The user's sockets are closed with this code.
    pub async fn close_socket_of(&self, account: &str, login: &str, code: u16) -> io::Result<()> {
        self.tell("/fault/close-socket", json!({"account": account, "login": login, "code": code})).await
    }

    /// Every socket is gone without a close frame.
    pub async fn drop_all_sockets(&self) -> io::Result<()> {
        self.tell("/fault/drop-all", json!({})).await
    }

    /// The user's token is dead.
    pub async fn revoke_token_of(&self, account: &str, login: &str, how: Revocation) -> io::Result<()> {
        self.tell("/fault/revoke-token", json!({"account": account, "login": login, "how": how})).await
    }

    /// Requests in flight when their socket dies are applied this much later; `None` turns it off.
    pub async fn apply_late(&self, delay: Option<Duration>) -> io::Result<()> {
        let ms = delay.map(|delay| delay.as_millis() as u64);
        self.tell("/fault/apply-late", json!({ "ms": ms })).await
    }

    /// Every live event is delivered twice.
    pub async fn duplicate_events(&self, on: bool) -> io::Result<()> {
        self.tell("/fault/duplicate-events", json!({ "on": on })).await
    }

    /// The next `n` logins of the account are answered with this status.
    pub async fn refuse_logins(
        &self,
        account: &str,
        n: usize,
        status: u16,
        retry_after: Option<u64>,
    ) -> io::Result<()> {
        let body = json!({"account": account, "n": n, "status": status, "retry_after": retry_after});
        self.tell("/fault/refuse-logins", body).await
    }

    /// Every question to the domain API is answered with this status, until `None` ends it.
    pub async fn fail_domains(&self, status: Option<u16>) -> io::Result<()> {
        self.tell("/fault/fail-domains", json!({ "status": status })).await
    }

    /// The domain API says that the service is there, in these very words.
    pub async fn name_domain(&self, service: &str, host: &str) -> io::Result<()> {
        self.tell("/fault/name-domain", json!({"service": service, "host": host})).await
    }

    /// The next `n` socket upgrades of the account are answered with this status.
    pub async fn refuse_sockets(&self, account: &str, n: usize, status: u16) -> io::Result<()> {
        self.tell("/fault/refuse-sockets", json!({"account": account, "n": n, "status": status})).await
    }

    /// The user's requests are applied but never answered.
    pub async fn hold_answers_of(&self, account: &str, login: &str, on: bool) -> io::Result<()> {
        self.tell("/fault/hold-answers", json!({"account": account, "login": login, "on": on})).await
    }

    /// Nothing is read from or written to the user's present sockets any more.
    pub async fn stall_socket_of(&self, account: &str, login: &str, on: bool) -> io::Result<()> {
        self.tell("/fault/stall-socket", json!({"account": account, "login": login, "on": on})).await
    }

    /// The consumer of that name opens a conversation; returns its id.
    pub async fn consumer_opens(
        &self,
        account: &str,
        name: &str,
        text: &str,
        skill: &str,
    ) -> io::Result<String> {
        let body = json!({"account": account, "name": name, "text": text, "skill": skill});
        let answer: Value = self.post("/consumer/opens", body).await?;
        parse(answer["conversation"].clone())
    }

    /// The consumer of that name says something; returns its place in the dialog.
    pub async fn consumer_says(&self, account: &str, name: &str, text: &str) -> io::Result<i64> {
        let body = json!({"account": account, "name": name, "text": text});
        let answer: Value = self.post("/consumer/says", body).await?;
        parse(answer["sequence"].clone())
    }

    /// The consumer of that name becomes somebody else; returns its new id, if a conversation is open.
    pub async fn consumer_steps_up(&self, account: &str, name: &str) -> io::Result<Option<String>> {
        let answer: Value =
            self.post("/consumer/steps-up", json!({"account": account, "name": name})).await?;
        parse(answer["id"].clone())
    }

    /// The consumer of that name closes its conversation.
    pub async fn consumer_closes(&self, account: &str, name: &str) -> io::Result<()> {
        self.tell("/consumer/closes", json!({"account": account, "name": name})).await
    }

    /// What the consumer of that name heard so far, and its latest conversation.
    pub async fn consumer_heard(
        &self,
        account: &str,
        name: &str,
    ) -> io::Result<(Vec<Heard>, Option<ConversationView>)> {
        let answer: Value = self.post("/consumer/heard", json!({"account": account, "name": name})).await?;
        Ok((parse(answer["heard"].clone())?, parse(answer["conversation"].clone())?))
    }

    /// Waits until the consumer heard `n` brand messages; the inner error says what it heard instead.
    pub async fn consumer_hears(
        &self,
        account: &str,
        name: &str,
        n: usize,
        within: Duration,
    ) -> io::Result<Result<Vec<String>, String>> {
        let within = within.as_millis() as u64;
        let body = json!({"account": account, "name": name, "n": n, "within_ms": within});
        let (status, body) = http::ask(self.address, "POST", "/consumer/hears", Some(&body)).await?;
        match status {
            200 => Ok(Ok(parse(body["texts"].clone())?)),
            409 => Ok(Err(parse(body)?)),
            _ => Err(refused(status, &body)),
        }
    }

    async fn delete(&self, path: &str) -> io::Result<()> {
        let (status, body) = http::ask(self.address, "DELETE", path, None).await?;
        if status == 200 { Ok(()) } else { Err(refused(status, &body)) }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> io::Result<T> {
        let (status, body) = http::ask(self.address, "GET", path, None).await?;
        if status == 200 { parse(body) } else { Err(refused(status, &body)) }
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: Value) -> io::Result<T> {
        let (status, body) = http::ask(self.address, "POST", path, Some(&body)).await?;
        if status == 200 { parse(body) } else { Err(refused(status, &body)) }
    }

    async fn tell(&self, path: &str, body: Value) -> io::Result<()> {
        self.post::<Value>(path, body).await.map(|_| ())
    }
}

fn with_account(account: &str, value: &impl Serialize) -> io::Result<Value> {
    let mut body = serde_json::to_value(value)?;
    body["account"] = account.into();
    Ok(body)
}

pub(super) fn parse<T: DeserializeOwned>(body: Value) -> io::Result<T> {
    Ok(serde_json::from_value(body)?)
}

fn refused(status: u16, body: &Value) -> io::Error {
    io::Error::other(format!("the platform's control said {status}: {body}"))
}
