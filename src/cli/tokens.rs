//! `muster tokens`: what programs show to the API.

use std::time::Duration;

use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use tokio::runtime::Handle;

use super::Failure;
use super::chosen::failed;
use super::granting::{Granted, Granting};
use super::table::{json, table, time};
use super::who::Deciding;
use crate::access::new_token;
use crate::store::{Act, Store, TokenRow};

/// What `muster tokens` takes.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show every token, also those that are over; never their secrets
    List {
        #[command(flatten)]
        deciding: Deciding,
    },
    /// Make a token, and show its secret this once
    Create(Create),
    /// End a token for good; a running fleet hears of it within two seconds
    Revoke {
        /// Its name, or its id
        token: String,
        /// Why; kept in the audit
        #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
        reason: String,
        #[command(flatten)]
        deciding: Deciding,
    },
}

#[derive(Args)]
struct Create {
    /// What people call it; no two live tokens share a name
    name: String,
    #[command(flatten)]
    granting: Granting,
    /// How long it holds, such as 90d or 12h [default: for good]
    #[arg(long, value_name = "TIME", value_parser = life)]
    expires_in: Option<Duration>,
    /// Why; kept in the audit
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    #[command(flatten)]
    deciding: Deciding,
}

#[derive(Serialize)]
struct Shown {
    id: String,
    name: String,
    #[serde(flatten)]
    granted: Granted,
    created_at: String,
    created_by: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
}

impl From<TokenRow> for Shown {
    fn from(row: TokenRow) -> Self {
        let TokenRow { id, name, grant, created_at, created_by, expires_at, revoked_at } = row;
        let at = |ms: i64| time(Some(ms));
        let (created_at, expires_at, revoked_at) = (at(created_at), expires_at.map(at), revoked_at.map(at));
        Self { id, name, granted: Granted::of(&grant), created_at, created_by, expires_at, revoked_at }
    }
}

#[derive(Serialize)]
struct Made {
    id: String,
    token: String,
}

pub(super) async fn tokens(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    match arguments.command {
        Command::List { deciding } => {
            let as_json = deciding.json;
            let rows =
                deciding.carry_out(io, async |store, _| store.tokens().await.map_err(|error| failed(&error)));
            let shown: Vec<_> = rows.await?.into_iter().map(Shown::from).collect();
            list(&shown, as_json);
            Ok(())
        }
        Command::Create(create) => made(create, io).await,
        Command::Revoke { token, reason, deciding } => {
            let as_json = deciding.json;
            let name =
                deciding.carry_out(io, async |store, by| revoke(store, &token, &reason, by).await).await?;
            if as_json {
                println!("{}", json(&serde_json::json!({ "revoked": name })));
            } else {
                println!("the token {name} is revoked; a running fleet hears of it within two seconds");
            }
            Ok(())
        }
    }
}

fn list(shown: &[Shown], as_json: bool) {
    if as_json {
        return println!("{}", json(&shown));
    }
    if shown.is_empty() {
        return println!("no token yet: the first start of a fleet makes one, or `muster tokens create`");
    }
    let row = |token: &Shown| {
        let ends = match (&token.revoked_at, &token.expires_at) {
            (Some(at), _) => format!("revoked {at}"),
            (None, Some(at)) => at.clone(),
            (None, None) => "never".to_owned(),
        };
        let Shown { id, name, granted, created_at, created_by, .. } = token;
        [
            name.clone(),
            granted.role.to_string(),
            granted.reach(),
            created_at.clone(),
            created_by.clone(),
            ends,
            id.clone(),
        ]
    };
    let rows: Vec<_> = shown.iter().map(row).collect();
    print!("{}", table(["NAME", "ROLE", "ACCOUNTS", "MADE", "BY", "ENDS", "ID"], &rows));
}

async fn made(create: Create, io: Handle) -> Result<(), Failure> {
    let Create { name, granting, expires_in, reason, deciding } = create;
    let as_json = deciding.json;
    let made = deciding.carry_out(io, async |store, by| {
        let grant = granting.grant();
        let what = format!("make the token {name} ({})", grant.role);
        let id = audited(store, by, &what, &reason).await?;
        let (token, secret) = new_token(&name, grant, by, expires_in);
        let made = store.add_token(&token).await.map_err(|error| failed(&error))?;
        told(store, &id, made).await?;
        if !made {
            let words =
                format!("a live token is called {name}: `muster tokens revoke {name}`, or choose another");
            return Err(Failure::new(words));
        }
        Ok(Made { id: token.id, token: secret.expose_secret().to_owned() })
    });
    let made = made.await?;
    if as_json {
        println!("{}", json(&made));
    } else {
        println!("{}", made.token);
        eprintln!("shown this once: keep it as MUSTER_TOKEN");
    }
    Ok(())
}

async fn revoke(store: &Store, token: &str, reason: &str, by: &str) -> Result<String, Failure> {
    let rows = store.tokens().await.map_err(|error| failed(&error))?;
    let live = |row: &TokenRow| row.revoked_at.is_none() && (row.id == token || row.name == token);
    let Some(row) = rows.into_iter().find(live) else {
        return Err(Failure::new(format!("no live token is called {token}: `muster tokens list` shows all")));
    };
    let id = audited(store, by, &format!("revoke the token {}", row.name), reason).await?;
    let revoked = store.revoke_token(&row.id, by).await.map_err(|error| failed(&error))?;
    told(store, &id, revoked).await?;
    Ok(row.name)
}

/// Writes down what somebody does to who may ask.
pub(super) async fn audited(store: &Store, by: &str, what: &str, reason: &str) -> Result<String, Failure> {
    store.audit(&Act::new(("", ""), by, what, reason)).await.map_err(|error| failed(&error))
}

/// And what came of it.
pub(super) async fn told(store: &Store, id: &str, done: bool) -> Result<(), Failure> {
    let words = if done { "done" } else { "not done" };
    store.audit_outcome(id, done, words).await.map_err(|error| failed(&error))
}

fn life(text: &str) -> Result<Duration, &'static str> {
    crate::settings::duration(text).ok_or("write a number and a unit, such as 90d or 12h")
}
