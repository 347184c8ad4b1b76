//! What a running fleet says of its bots, asked over its own API.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A fleet on this machine answers at once, or it does not answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Ten thousand bots take about 4 MiB.
const LARGEST: u64 = 64 << 20;

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
}

/// Every bot by account and name; empty where no fleet answers at this address.
pub(super) async fn bots(server: SocketAddr) -> HashMap<(String, String), LiveBot> {
    let answer = tokio::time::timeout(PATIENCE, ask(server)).await.ok().and_then(Result::ok);
    let page = answer.and_then(|body| serde_json::from_slice::<Page>(&body).ok());
    let items = page.map(|page| page.items).unwrap_or_default();
    items.into_iter().map(|bot| ((bot.account.clone(), bot.bot.clone()), bot)).collect()
}

/// The body of the answer. HTTP/1.0 has neither chunks nor a connection that stays.
async fn ask(server: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let request = format!("GET /api/v1/bots HTTP/1.0\r\nhost: {server}\r\naccept: application/json\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LARGEST).read_to_end(&mut answer).await?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    Ok(end.map_or_else(Vec::new, |end| answer.split_off(end + 4)))
}
