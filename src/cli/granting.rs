//! What a token or a user may do, as it stands on a command line.

use clap::Args;
use muster_core::rights::{Grant, Role};
use serde::Serialize;

/// A role, and the accounts that it reaches.
#[derive(Args)]
pub(super) struct Granting {
    /// What it may do: viewer (look), operator (act, and read what is said), admin (declare, and say who may
    /// do what)
    #[arg(long)]
    role: Role,
    /// Only in this account; may be given several times [default: all accounts]
    #[arg(long = "account", value_name = "NUMBER")]
    accounts: Vec<String>,
}

impl Granting {
    pub(super) fn grant(&self) -> Grant {
        let accounts = self.accounts.iter().map(|account| account.as_str().into()).collect();
        Grant { role: self.role, accounts: (!self.accounts.is_empty()).then_some(accounts) }
    }
}

/// The same for whoever reads it.
#[derive(Serialize)]
pub(super) struct Granted {
    pub(super) role: Role,
    pub(super) accounts: Option<Vec<String>>,
}

impl Granted {
    pub(super) fn of(grant: &Grant) -> Self {
        let accounts = grant.accounts.as_ref();
        let accounts = accounts.map(|accounts| accounts.iter().map(ToString::to_string).collect());
        Self { role: grant.role, accounts }
    }

    pub(super) fn reach(&self) -> String {
        self.accounts.as_ref().map_or_else(|| "all".to_owned(), |accounts| accounts.join(","))
    }
}
