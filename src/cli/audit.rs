//! `muster audit`: what people did by hand, the latest first.

use clap::Args;
use serde::Serialize;
use tokio::runtime::Handle;

use super::Failure;
use super::chosen::failed;
use super::filter;
use super::store::StoreArguments;
use super::table::{json, table, time};
use crate::store::{Act, ActFilter, ListedAct};

/// What `muster audit` takes.
#[derive(Args)]
pub(super) struct Arguments {
    /// Only acts that fit: account=NUMBER, bot=NAME, who=NAME
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// How many at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Serialize)]
struct Shown {
    at: String,
    who: String,
    what: String,
    account: String,
    bot: String,
    reason: String,
    origin: String,
    done: Option<bool>,
    outcome: Option<String>,
}

impl From<ListedAct> for Shown {
    fn from(ListedAct { act, at, outcome, .. }: ListedAct) -> Self {
        let (done, outcome) = outcome.unzip();
        let Act { account, bot, who, what, reason, origin } = act;
        Self { at: time(Some(at)), who, what, account, bot, reason, origin, done, outcome }
    }
}

pub(super) async fn audit(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    let [account, bot, who] = filter::values(&arguments.filters, ["account", "bot", "who"])?;
    let store = arguments.store.open(io).await?;
    let [account, bot, who] = [account, bot, who].map(Option::unwrap_or_default);
    let acts = store.acts(&ActFilter { account, bot, who, ..ActFilter::default() }, arguments.limit).await;
    store.close().await;
    let acts = acts.map_err(|error| failed(&error))?;
    let shown: Vec<_> = acts.into_iter().map(Shown::from).collect();
    if arguments.json {
        println!("{}", json(&shown));
        return Ok(());
    }
    if shown.is_empty() {
        println!("nobody did anything by hand");
        return Ok(());
    }
    let or_all = |text: &str| if text.is_empty() { "all".to_owned() } else { text.to_owned() };
    let row = |act: &Shown| {
        let Shown { at, who, what, account, bot, reason, .. } = act;
        [at.clone(), who.clone(), what.clone(), or_all(account), or_all(bot), reason.clone()]
    };
    print!(
        "{}",
        table(["AT", "WHO", "WHAT", "ACCOUNT", "BOT", "WHY"], &shown.iter().map(row).collect::<Vec<_>>())
    );
    Ok(())
}
