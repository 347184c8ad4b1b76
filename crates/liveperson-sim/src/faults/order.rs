//! A fault with its aim, its chance and its bounds.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Fault;
use crate::settings::optional_milliseconds;

/// At whom a fault is aimed; what is left out is everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Aim {
    /// The account.
    pub account: Option<String>,
    /// The login name of the user, or the id of the consumer.
    pub login: Option<String>,
    /// The wire type of the request, such as `ms.PublishEvent`, or of the notification where the fault is one
    /// of notifications. What stands before the last dot does not matter.
    pub request: Option<String>,
    /// Which sockets it concerns.
    pub side: Side,
}

/// Whose sockets a fault concerns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Those of agents.
    #[default]
    Brand,
    /// Those of consumers.
    Consumer,
    /// All.
    Both,
}

/// A fault that is wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// What goes wrong.
    #[serde(flatten)]
    pub fault: Fault,
    /// For whom.
    #[serde(default)]
    pub aim: Aim,
    /// How likely it is at each occasion, 0 to 1: at each request, each frame, each socket or conversation.
    #[serde(default = "always")]
    pub chance: f64,
    /// At most how often; none is without a bound. Of the faults that act at once on conversations, one.
    #[serde(default)]
    pub times: Option<u32>,
    /// How long the order stands; none is until it is withdrawn.
    #[serde(
        default,
        rename = "lasts_ms",
        with = "optional_milliseconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub lasts: Option<Duration>,
}

fn always() -> f64 {
    1.0
}

impl Aim {
    /// Everybody of the account.
    pub fn account(account: &str) -> Self {
        Self { account: Some(account.to_owned()), ..Self::default() }
    }

    /// One user.
    pub fn bot(account: &str, login: &str) -> Self {
        Self { login: Some(login.to_owned()), ..Self::account(account) }
    }

    /// The same, but only requests, or notifications, of that type.
    #[must_use]
    pub fn request(self, name: &str) -> Self {
        Self { request: Some(name.to_owned()), ..self }
    }
}

impl Order {
    /// Every time, for everybody, until withdrawn.
    pub fn of(fault: Fault) -> Self {
        Self { fault, aim: Aim::default(), chance: always(), times: None, lasts: None }
    }

    /// The same for those.
    #[must_use]
    pub fn at(self, aim: Aim) -> Self {
        Self { aim, ..self }
    }

    /// The same with that chance at each occasion.
    #[must_use]
    pub fn chance(self, chance: f64) -> Self {
        Self { chance, ..self }
    }

    /// The same, at most so often.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// The same for so long.
    #[must_use]
    pub fn lasting(self, lasts: Duration) -> Self {
        Self { lasts: Some(lasts), ..self }
    }

    /// Whether it means anything.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.chance) {
            return Err(format!("chance is {}; it has to be between 0 and 1", self.chance));
        }
        if self.times == Some(0) {
            return Err("times is 0, so the fault would never happen; leave it out or make it 1".to_owned());
        }
        match &self.fault {
            Fault::SlowSocket { bytes_per_second: 0 } => {
                Err("bytes_per_second is 0; use the fault `stall` for a socket that takes nothing".to_owned())
            }
            Fault::Refuse { status } | Fault::RefuseAfterEffect { status } if *status < 400 => {
                Err(format!("status is {status}; a refusal is 400 or more"))
            }
            _ => Ok(()),
        }
    }
}

/// One line: what, for whom, how often, how long.
impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fault = serde_json::to_value(&self.fault).unwrap_or_default();
        if let Some(fields) = fault.as_object_mut() {
            fields.remove("fault");
        }
        write!(f, "{}", self.fault.name())?;
        if fault.as_object().is_some_and(|fields| !fields.is_empty()) {
            write!(f, " {fault}")?;
        }
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "*".to_owned());
        write!(f, " at {}/{}", part(&self.aim.account), part(&self.aim.login))?;
        if let Some(request) = &self.aim.request {
            write!(f, " on {request}")?;
        }
        if self.chance < 1.0 {
            write!(f, " chance {}", self.chance)?;
        }
        if let Some(times) = self.times {
            write!(f, " times {times}")?;
        }
        if let Some(lasts) = self.lasts {
            write!(f, " for {} ms", lasts.as_millis())?;
        }
        Ok(())
    }
}
