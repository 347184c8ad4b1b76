//! What went wrong with a webhook, in words for the bot's author.

use std::error::Error;
use std::time::Duration;

use super::answer::LIMIT;
use super::names::Forbidden;
use crate::settings::WebhookUrl;

/// Why a webhook did not decide; it shows neither the query of its URL nor what it was sent or answered.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the webhook {url} {fault}")]
pub struct WebhookError {
    /// Which.
    pub url: WebhookUrl,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a webhook or its answer; each reads on after the webhook's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It took too long.
    #[error("did not answer within {patience:?}")]
    Late {
        /// How long it was waited for.
        patience: Duration,
    },
    /// Its name leads where it must not.
    #[error("{words}; set allow_private = true in its table if that is meant")]
    Forbidden {
        /// Where to.
        words: String,
    },
    /// It cannot be reached.
    #[error("cannot be reached: {words}")]
    Unreachable {
        /// Why.
        words: String,
    },
    /// The connection ended within the answer.
    #[error("broke off its answer")]
    BrokeOff,
    /// It sends elsewhere.
    #[error("answered {status} and redirects to {to}, which is not followed: name the final URL")]
    Redirect {
        /// The status.
        status: u16,
        /// Where to, without a query.
        to: String,
    },
    /// Another status than 200.
    #[error("answered {status}; only 200 counts as an answer")]
    Status {
        /// Which.
        status: u16,
    },
    /// Another type than JSON.
    #[error("answered {found}; application/json goes")]
    ContentType {
        /// Which.
        found: String,
    },
    /// Too much.
    #[error("answered {}{} bytes; {} go", if *.exact { "" } else { "over " }, grouped(*.bytes), grouped(LIMIT as u64))]
    TooLarge {
        /// How much there is, or how much was read.
        bytes: u64,
        /// Whether it said itself how much there is.
        exact: bool,
    },
    /// No JSON.
    #[error("answered what is no JSON from line {line}, column {column} on")]
    NotJson {
        /// Where reading stopped.
        line: usize,
        /// Where reading stopped.
        column: usize,
    },
    /// JSON that is no answer.
    #[error("answered outside of the contract: {words}")]
    Contract {
        /// What and where.
        words: String,
    },
    /// The turn cannot be sent at all.
    #[error("cannot be sent this turn")]
    Unsendable,
}

impl Fault {
    /// Why a request came to nothing; the error's own text is not used, since it shows the URL.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        let causes = || std::iter::successors(error.source(), |&cause| cause.source());
        if let Some(forbidden) = causes().find_map(|cause| cause.downcast_ref::<Forbidden>()) {
            return Self::Forbidden { words: forbidden.to_string() };
        }
        let words = causes().last().map_or_else(|| "the request failed".to_owned(), ToString::to_string);
        Self::Unreachable { words: words.chars().take(200).collect() }
    }
}

/// `1048576` as `1,048,576`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_048_576, "1,048,576")] {
            assert_eq!(grouped(number), text);
        }
    }
}
