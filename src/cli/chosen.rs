//! Which bots a command is about: named ones, those of an account, or all.

use clap::Args;
use muster_core::pause::Scope;

use super::Failure;
use crate::steering::matching::{filter, matching};
use crate::store::{BotFilter, DeclaredRow, Store, StoreError};
use crate::telemetry::Chain;

/// The choice, as it stands on the command line.
#[derive(Args)]
pub(super) struct Chosen {
    /// Which, by name, or ACCOUNT/NAME where several accounts have one of that name
    #[arg(value_name = "BOT", required_unless_present_any = ["all", "account", "filter"], conflicts_with_all = ["all", "account", "filter"])]
    pub(super) bots: Vec<String>,
    /// Every bot
    #[arg(long, conflicts_with_all = ["account", "filter"])]
    pub(super) all: bool,
    /// Every bot of this account
    #[arg(long, value_name = "NUMBER", conflicts_with = "filter")]
    pub(super) account: Option<String>,
    /// Every bot that fits, as in 'state=quarantined pool=greeters'
    #[arg(long, value_name = "WORDS")]
    pub(super) filter: Option<String>,
}

impl Chosen {
    /// The declared bots that are meant; each name must be one bot's.
    pub(super) async fn rows(&self, store: &Store) -> Result<Vec<DeclaredRow>, Failure> {
        if self.bots.is_empty() {
            return every(store, &self.words()).await;
        }
        let mut rows = Vec::new();
        for name in &self.bots {
            rows.push(one(store, name).await?);
        }
        Ok(rows)
    }

    /// The choice as a filter, where it names no bot.
    pub(super) fn words(&self) -> String {
        match (&self.account, &self.filter) {
            (Some(account), _) => format!("account={account}"),
            (None, Some(filter)) => filter.clone(),
            (None, None) => String::new(),
        }
    }

    /// The same as scopes: an account, or all, stands for bots that are declared later too.
    pub(super) async fn scopes(&self, store: &Store) -> Result<Vec<Scope>, Failure> {
        if self.all {
            return Ok(vec![Scope::All]);
        }
        let rows = self.rows(store).await?;
        if let Some(account) = &self.account {
            return Ok(vec![Scope::of(account, "")]);
        }
        Ok(rows.into_iter().map(|row| Scope::Bot(row.bot.account, row.bot.bot)).collect())
    }
}

/// The bots that a name may mean: NAME, or ACCOUNT/NAME.
pub(super) fn named(name: &str) -> BotFilter {
    let (account, bot) = match name.split_once('/') {
        Some((account, bot)) => (Some(account.to_owned()), bot.to_owned()),
        None => (None, name.to_owned()),
    };
    BotFilter { account, bot: Some(bot), pool: None }
}

/// The one of them.
pub(super) fn only<B>(name: &str, mut bots: Vec<B>, full: impl Fn(&B) -> String) -> Result<B, Failure> {
    match (bots.pop(), bots.is_empty()) {
        (Some(bot), true) => Ok(bot),
        (None, _) => Err(Failure::new(format!("no bot {name} is declared: `muster bots list` shows all"))),
        (Some(last), false) => {
            let names: Vec<_> = bots.iter().chain([&last]).map(full).collect();
            Err(Failure::new(format!("{name} may be any of {}: name its account too", names.join(", "))))
        }
    }
}

/// The one declared bot that a name means.
pub(super) async fn one(store: &Store, name: &str) -> Result<DeclaredRow, Failure> {
    let bots = store.list_bots(&named(name), &Default::default(), 10).await;
    let bots = bots.map_err(|error| failed(&error))?;
    Ok(only(name, bots, |bot| format!("{}/{}", bot.row.bot.account, bot.row.bot.bot))?.row)
}

async fn every(store: &Store, words: &str) -> Result<Vec<DeclaredRow>, Failure> {
    let filter = filter(words).map_err(|words| Failure::new(words).with_code(2))?;
    let rows = matching(store, &filter).await.map_err(|error| failed(&error))?;
    if rows.is_empty() {
        return Err(Failure::new("no such bot is declared: `muster bots list` shows all"));
    }
    Ok(rows)
}

pub(super) fn failed(error: &StoreError) -> Failure {
    Failure::new(format!("the store cannot be reached: {}", Chain(error)))
}
