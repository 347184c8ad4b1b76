//! Faults on order, as a raw client meets them; each is counted.

#[path = "../support/mod.rs"]
mod support;

mod conversations;
mod every;
mod frames;
mod http;
mod requests;
mod sockets;

use liveperson_sim::{Aim, Fault, Order, Platform, PlatformSettings};
use serde_json::{Value, json};
use support::{ACCOUNT, Bot, bot, online, platform};

fn plain() -> PlatformSettings {
    PlatformSettings { tls: false, ..Default::default() }
}

/// A bot with a conversation in which one message is owed.
async fn stage() -> (Platform, Bot, String) {
    stage_with(plain()).await
}

async fn stage_with(settings: PlatformSettings) -> (Platform, Bot, String) {
    let platform = platform(settings).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut bot = online(&platform, "bot1").await;
    platform.consumer(ACCOUNT, "Ada").opens_conversation("hi m-1").await;
    let id = bot.accepts().await;
    // The assignment is seen: no frame of it comes later.
    bot.until(|frame| support::is_change(frame, "UPSERT")).await;
    clock(&mut bot).await;
    (platform, bot, id)
}

fn at_publish(fault: Fault) -> Order {
    Order::of(fault).at(Aim::bot(ACCOUNT, "bot1").request("ms.PublishEvent"))
}

fn at_events(fault: Fault) -> Order {
    Order::of(fault).at(Aim::account(ACCOUNT).request("ms.OnlineEventDistribution"))
}

fn effects(platform: &Platform, name: &str) -> u64 {
    platform.fault_effects().get(name).copied().unwrap_or_default()
}

async fn clock(bot: &mut Bot) -> Value {
    bot.ask("GetClock", json!({})).await
}
