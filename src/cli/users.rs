//! `muster users`: people who log in to the console and the API with a password.

use std::io::Read as _;

use clap::{Args, Subcommand};
use secrecy::SecretString;
use serde::Serialize;
use tokio::runtime::Handle;

use super::Failure;
use super::chosen::failed;
use super::granting::{Granted, Granting};
use super::table::{json, table, time};
use super::tokens::{audited, told};
use super::who::Deciding;
use crate::access::hash_password;
use crate::store::UserRow;

/// What `muster users` takes.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show every user
    List {
        #[command(flatten)]
        deciding: Deciding,
    },
    /// Make a user; the password is read from standard input, 12 to 256 characters
    Create(Setting),
    /// Say anew what a user may do, and with --password also a new one; ends their sessions
    Set {
        #[command(flatten)]
        setting: Setting,
        /// Read a new password from standard input
        #[arg(long)]
        password: bool,
        /// They may not log in any more
        #[arg(long)]
        disabled: bool,
    },
    /// Forget a user; ends their sessions
    Remove {
        /// The name
        name: String,
        /// Why; kept in the audit
        #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
        reason: String,
        #[command(flatten)]
        deciding: Deciding,
    },
}

#[derive(Args)]
struct Setting {
    /// The name to log in with
    name: String,
    #[command(flatten)]
    granting: Granting,
    /// Why; kept in the audit
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    #[command(flatten)]
    deciding: Deciding,
}

#[derive(Serialize)]
struct Shown {
    name: String,
    #[serde(flatten)]
    granted: Granted,
    created_at: String,
    created_by: String,
    disabled_at: Option<String>,
}

impl From<UserRow> for Shown {
    fn from(UserRow { name, grant, created_at, created_by, disabled_at }: UserRow) -> Self {
        let disabled_at = disabled_at.map(|at| time(Some(at)));
        Self {
            name,
            granted: Granted::of(&grant),
            created_at: time(Some(created_at)),
            created_by,
            disabled_at,
        }
    }
}

pub(super) async fn users(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    match arguments.command {
        Command::List { deciding } => {
            let as_json = deciding.json;
            let rows =
                deciding.carry_out(io, async |store, _| store.users().await.map_err(|error| failed(&error)));
            list(&rows.await?.into_iter().map(Shown::from).collect::<Vec<_>>(), as_json);
            Ok(())
        }
        Command::Create(Setting { name, granting, reason, deciding }) => {
            let hash = read_password()?;
            let grant = granting.grant();
            let what = format!("make the user {name} ({})", grant.role);
            let words = format!("there is a user {name}: `muster users set {name}` changes what they may do");
            change(deciding, io, (&name, "is made"), (&what, &reason), words, async |store, by| {
                store.add_user(&name, &hash, &grant, by).await
            })
            .await
        }
        Command::Set { setting: Setting { name, granting, reason, deciding }, password, disabled } => {
            let hash = if password { Some(read_password()?) } else { None };
            let grant = granting.grant();
            let what = format!("change the user {name} ({})", grant.role);
            change(deciding, io, (&name, "is changed"), (&what, &reason), unknown(&name), async |store, _| {
                store.change_user(&name, &grant, hash.as_deref(), disabled).await
            })
            .await
        }
        Command::Remove { name, reason, deciding } => {
            let what = format!("remove the user {name}");
            change(deciding, io, (&name, "is removed"), (&what, &reason), unknown(&name), async |store, _| {
                store.remove_user(&name).await
            })
            .await
        }
    }
}

/// Does it, with what the audit says, and tells; `else_words` where there was nothing to do it to.
async fn change(
    deciding: Deciding,
    io: Handle,
    (name, done_words): (&str, &str),
    (what, reason): (&str, &str),
    else_words: String,
    act: impl AsyncFnOnce(&crate::store::Store, &str) -> Result<bool, crate::store::StoreError>,
) -> Result<(), Failure> {
    let as_json = deciding.json;
    let done = deciding.carry_out(io, async |store, by| {
        let id = audited(store, by, what, reason).await?;
        let done = act(store, by).await.map_err(|error| failed(&error))?;
        told(store, &id, done).await?;
        Ok(done)
    });
    if !done.await? {
        return Err(Failure::new(else_words));
    }
    if as_json {
        println!("{}", json(&serde_json::json!({ "user": name })));
    } else {
        println!("the user {name} {done_words}");
    }
    Ok(())
}

fn unknown(name: &str) -> String {
    format!("there is no user {name}: `muster users list` shows all")
}

fn list(shown: &[Shown], as_json: bool) {
    if as_json {
        return println!("{}", json(&shown));
    }
    if shown.is_empty() {
        return println!("no user yet: `muster users create NAME --role operator --reason WHY` makes one");
    }
    let row = |user: &Shown| {
        let Shown { name, granted, created_at, created_by, disabled_at } = user;
        let disabled = disabled_at.clone().unwrap_or_else(|| "-".to_owned());
        [
            name.clone(),
            granted.role.to_string(),
            granted.reach(),
            created_at.clone(),
            created_by.clone(),
            disabled,
        ]
    };
    let rows: Vec<_> = shown.iter().map(row).collect();
    print!("{}", table(["NAME", "ROLE", "ACCOUNTS", "MADE", "BY", "DISABLED"], &rows));
}

/// The hash of the password on standard input.
fn read_password() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().take(2_000).read_to_string(&mut text);
    read.map_err(|error| Failure::new(format!("the password cannot be read from standard input: {error}")))?;
    let password = SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned());
    hash_password(&password).map_err(|wrong| {
        Failure::new(format!("{wrong}: send it on standard input, as in `muster users create … < password`"))
    })
}
