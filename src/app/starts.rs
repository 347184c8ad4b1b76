//! In which order bots start, after what the processes before left behind.

use std::collections::BTreeSet;

use muster_core::quarantine::{Kind, Quarantine};
use muster_core::starts::{Plan, plan};
use tracing::warn;

use super::bots;
use crate::settings::{FleetSettings, Wanted};
use crate::store::{BotKey, NodeIdentity, Store, StoreError};

/// Plans the start of a fleet, holds off what kills it, and notes who starts at once.
pub(super) async fn prepare(
    store: &Store,
    me: &NodeIdentity,
    settings: &FleetSettings,
) -> Result<Plan<BotKey>, StoreError> {
    let mut pasts = store.pasts(me).await?;
    let held: BTreeSet<_> = store.held_off().await?.into_iter().map(|(key, _)| key).collect();
    let wanted = bots(settings).filter(|(_, bot)| bot.wanted == Wanted::Running);
    let keys = wanted.map(|(account, bot)| (account.clone(), bot.name.clone()));
    let starts: Vec<_> = keys.filter(|key| !held.contains(key)).collect();
    let deaths = |key: &BotKey| pasts.get(key).map_or(0, |past| past.deaths);
    let guilt: Vec<_> = starts.iter().map(|key| (key.clone(), deaths(key))).collect();
    let suspects = starts.into_iter().map(|key| {
        let past = pasts.remove(&key);
        (key, past)
    });
    let plan = plan(suspects, settings.timing.start_deaths.get());
    let quarantines: Vec<_> = guilt
        .into_iter()
        .filter(|(key, _)| plan.guilty.contains(key))
        .map(|(key, deaths)| {
            let quarantine = kills_process(&key, deaths);
            (key, quarantine)
        })
        .collect();
    for ((account, bot), Quarantine { words, .. }) in &quarantines {
        warn!(account.id = %account, bot.id = %bot, words, "a bot kills the process that starts it; it is held off");
    }
    store.hold_off(&quarantines, None).await?;
    store.survived(&plan.guilty).await?;
    if !plan.groups.is_empty() {
        let count: usize = plan.groups.iter().map(Vec::len).sum();
        warn!(
            count,
            "processes died again and again while these bots started: they start last, a few at a time"
        );
    }
    store.starting(me, &plan.at_once).await?;
    Ok(plan)
}

fn kills_process((account, bot): &BotKey, deaths: u32) -> Quarantine {
    let because = format!(
        "its start killed the process: {deaths} died in a row while it started, the last while nobody else did; \
         look at the log of that process, mend the bot's logic"
    );
    Quarantine::of(account, bot, Kind::KillsProcess, &because)
}
