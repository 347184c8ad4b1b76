//! What a start says: who owns what, and where it listens.

use std::net::SocketAddr;

use secrecy::{ExposeSecret as _, SecretString};

use crate::app::Fleet;
use crate::settings::FleetSettings;

/// The start banner.
pub(super) fn print(settings: &FleetSettings, from: &str, fleet: &Fleet, listening: Option<SocketAddr>) {
    let bots: usize = settings.accounts.iter().map(|account| account.bots.len()).sum();
    let me = &fleet.house.me;
    println!("muster {}", me.version);
    println!("  fleet      {} accounts, {bots} bots ({from})", settings.accounts.len());
    println!("  platform   {}", settings.platform.csds_domain);
    for words in &fleet.said {
        println!("  declared   {words}");
    }
    println!("  store      {}", fleet.house.store.describe());
    println!("  key        {}", fleet.house.store.key_source());
    println!("  owner      process {} on {}", me.pid, me.name);
    match listening {
        Some(address) => println!(
            "  listening  {}://{address}/ (status), /metrics, /api/v1/bots, /readyz",
            scheme(settings)
        ),
        None => println!("  listening  nowhere"),
    }
}

fn scheme(settings: &FleetSettings) -> &'static str {
    if settings.server.tls.is_some() { "https" } else { "http" }
}

/// The first admin's token: shown this once, and never again.
pub(super) fn first_token(token: &SecretString) {
    println!("  token      {} (an admin's, shown this once: keep it as MUSTER_TOKEN)", token.expose_secret());
}
