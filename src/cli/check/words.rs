//! What went wrong with a login, in words, and its cure.

use std::error::Error;

use liveperson::{DomainError, LoginError, ServiceFault};

use crate::settings::{BotSettings, FleetSettings};
use crate::telemetry::Chain;

/// What is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) wrong: String,
    pub(super) cure: String,
}

impl Trouble {
    pub(super) fn new(wrong: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { wrong: wrong.into(), cure: cure.into() }
    }
}

/// Why an account's domains are not known.
pub(super) fn of_domains(error: &DomainError, account: &str, fleet: &FleetSettings) -> Trouble {
    let domain = &fleet.platform.csds_domain;
    let wrong = Chain(error).to_string();
    match error {
        DomainError::Refused { .. } => {
            Trouble::new(wrong, format!("there is no such account at {domain}: check the number {account}"))
        }
        DomainError::TooMany { retry_after } => Trouble::new(wrong, later(*retry_after)),
        DomainError::Server { .. } => {
            Trouble::new(wrong, "try again later: the platform has a fault of its own")
        }
        DomainError::NoAnswer { source } => of_connection(wrong, source, domain),
        DomainError::Unencrypted { .. } => Trouble::new(wrong, "remove plain = true under [platform]"),
        DomainError::Malformed(_) | DomainError::TooLarge | DomainError::BadAccount => Trouble::new(
            wrong,
            format!(
                "check [platform] csds_domain: {domain} does not answer as LivePerson's domain service does"
            ),
        ),
    }
}

/// Why a bot could not log in.
pub(super) fn of_login(error: &LoginError, bot: &BotSettings) -> Trouble {
    let wrong = Chain(error).to_string();
    match error {
        LoginError::Refused { .. } => Trouble::new(
            wrong,
            format!(
                "check the login of bot {} and its secret, and that the user is enabled in LivePerson",
                bot.name
            ),
        ),
        LoginError::Service(fault) => of_service(wrong, fault),
        LoginError::Blocked { .. } => Trouble::new(
            wrong,
            "ask LivePerson why: the account, the user or this machine's address is not let in",
        ),
        LoginError::NoLogin => Trouble::new(wrong, "start the fleet to see whether the token holds"),
        LoginError::Malformed(_) => {
            Trouble::new(wrong, "try again later, and report it if it stays: the answer was not understood")
        }
    }
}

fn of_service(wrong: String, fault: &ServiceFault) -> Trouble {
    match fault {
        ServiceFault::TooMany { retry_after } => Trouble::new(wrong, later(*retry_after)),
        ServiceFault::Server { .. } => {
            Trouble::new(wrong, "try again later: the platform has a fault of its own")
        }
        ServiceFault::NoAnswer { source } => of_connection(wrong, source, "the login service"),
        ServiceFault::NoDomain { .. } => {
            Trouble::new(wrong, "ask LivePerson to enable messaging bots for the account")
        }
    }
}

fn later(retry_after: Option<std::time::Duration>) -> String {
    let slower = "and write a smaller login_per_second under [timing] if it stays";
    match retry_after {
        Some(wait) => format!("try again in {} s {slower}", wait.as_secs().max(1)),
        None => format!("try again later {slower}"),
    }
}

/// A connection fails for reasons that only the chain of causes tells apart.
fn of_connection(wrong: String, error: &(dyn Error + 'static), host: &str) -> Trouble {
    let causes = Chain(error).to_string().to_lowercase();
    let cure = if ["certificate", "tls", "unknownissuer"].iter().any(|word| causes.contains(word)) {
        format!(
            "the TLS certificate of {host} is not trusted: name its authority with ca_file under [platform]"
        )
    } else if ["dns", "lookup", "resolve", "name or service"].iter().any(|word| causes.contains(word)) {
        format!("the name of {host} is not known: check csds_domain under [platform] and this machine's DNS")
    } else if causes.contains("refused") {
        format!("nothing listens at {host}: check the host and its port, and a proxy or firewall in between")
    } else {
        format!("{host} cannot be reached from here: check network, firewall and proxy")
    };
    Trouble::new(wrong, cure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Cause(&'static str);

    #[test]
    fn a_connection_that_fails_has_the_cure_of_its_cause() {
        for (cause, cure) in [
            ("invalid peer certificate: UnknownIssuer", "ca_file"),
            ("dns error: failed to lookup address information", "DNS"),
            ("tcp connect error: Connection refused (os error 111)", "nothing listens"),
            ("operation timed out", "cannot be reached"),
        ] {
            let trouble = of_connection("it failed".to_owned(), &Cause(cause), "host");
            assert!(trouble.cure.contains(cure), "{cause}: {trouble:?}");
        }
    }
}
