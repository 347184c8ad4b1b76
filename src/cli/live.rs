//! What a running fleet says of its bots, asked over its own API.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A fleet on this machine answers at once, or it does not answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// A page of a thousand bots takes about 0.6 MiB.
const LARGEST: u64 = 16 << 20;

/// A bot's state, as its fleet shows it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct LiveBot {
    account: String,
    bot: String,
    pub(super) state: String,
    pub(super) cause: Option<String>,
    #[serde(default)]
    pub(super) login_rejected: Option<String>,
    #[serde(default)]
    pub(super) token_refreshed_at: Option<String>,
    #[serde(default)]
    pub(super) waits_until: Option<String>,
    #[serde(default)]
    pub(super) degraded: Vec<String>,
    #[serde(default)]
    pub(super) oldest_owed_at: Option<String>,
    #[serde(default)]
    pub(super) oldest_owed_known: bool,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<LiveBot>,
    next: Option<String>,
}

/// Every bot by account and name; empty where no fleet answers at this address.
pub(super) async fn bots(server: SocketAddr) -> HashMap<(String, String), LiveBot> {
    let asking = tokio::time::timeout(PATIENCE, every(server)).await;
    let items = asking.ok().and_then(Result::ok).unwrap_or_default();
    items.into_iter().map(|bot| ((bot.account.clone(), bot.bot.clone()), bot)).collect()
}

async fn every(server: SocketAddr) -> std::io::Result<Vec<LiveBot>> {
    let (mut bots, mut after) = (Vec::new(), String::new());
    loop {
        let page: Page = serde_json::from_slice(&ask(server, &format!("limit=1000{after}")).await?)?;
        bots.extend(page.items);
        let Some(next) = page.next else { return Ok(bots) };
        after = format!("&after={next}");
    }
}

/// The body of the answer. HTTP/1.0 has neither chunks nor a connection that stays.
async fn ask(server: SocketAddr, query: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let token = std::env::var("MUSTER_TOKEN").ok().filter(|token| is_token(token));
    let token = token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"));
    let request = format!(
        "GET /api/v1/bots?{query} HTTP/1.0\r\nhost: {server}\r\naccept: application/json\r\n{token}\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LARGEST).read_to_end(&mut answer).await?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    Ok(end.map_or_else(Vec::new, |end| answer.split_off(end + 4)))
}

/// What may stand in a header.
fn is_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}
