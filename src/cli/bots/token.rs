//! `muster bots token`: shows the bearer token of a bot's session to somebody who says why.

use std::io::{IsTerminal as _, stdout};

use clap::Args;
use liveperson::Session;
use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio::runtime::Handle;

use super::super::Failure;
use super::super::chosen::{failed, one};
use super::super::store::StoreArguments;
use super::super::who::user;
use crate::app::open_store;
use crate::store::{Act, DeclaredRow, Store};

const WHAT: &str = "Whoever has the token is the bot: it opens its socket and speaks in its name. Each reading is kept \
     in the audit with who, when and why (`muster audit`).";

/// Whose token, and why.
#[derive(Args)]
#[command(after_help = WHAT)]
pub(super) struct Arguments {
    /// Its name, or ACCOUNT/NAME where several accounts have one of that name
    bot: String,
    /// Why; kept in the audit
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    /// Show it although the output is no terminal
    #[arg(long)]
    yes: bool,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) async fn token(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    if !arguments.yes && !stdout().is_terminal() {
        let words = "the token is not written into a file or pipe: add --yes if it is to be";
        return Err(Failure::new(words).with_code(2));
    }
    // A store that is not there is told, not made; and its key is needed to open what is sealed.
    arguments.store.open(io.clone()).await?.close().await;
    let settings = arguments.store.settings(None)?;
    let store = open_store(&settings.store, io).await.map_err(|error| failed(&error))?;
    let shown = read(&store, &arguments).await;
    store.close().await;
    println!("{}", shown?);
    Ok(())
}

async fn read(store: &Store, arguments: &Arguments) -> Result<String, Failure> {
    let DeclaredRow { bot, .. } = one(store, &arguments.bot).await?;
    let name = format!("{}/{}", bot.account, bot.bot);
    let sealed = store.load_session(&bot.account, &bot.bot).await.map_err(|error| failed(&error))?;
    let session = sealed.and_then(|sealed| Session::unseal(&sealed).ok()).ok_or_else(|| {
        Failure::new(format!(
            "no session of {name} is kept here, or the store's key does not open it: a bot has one once it has \
             logged in; name the key of the store with $MUSTER_STORE_KEY"
        ))
    })?;
    // First it is written down, then it is shown.
    let act =
        Act::new((bot.account.as_str(), bot.bot.as_str()), &user(), "read the token", &arguments.reason);
    store.audit(&act).await.map_err(|error| failed(&error))?;
    let bearer = session.bearer().expose_secret();
    if !arguments.json {
        return Ok(bearer.to_owned());
    }
    Ok(json!({ "account": bot.account, "bot": bot.bot, "token": bearer }).to_string())
}
