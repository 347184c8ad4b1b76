//! `[[accounts]]` and `[[accounts.bots]]`: who the fleet is made of.

use std::collections::BTreeMap;

use liveperson::Credentials;
use liveperson_proto::AccountId;
use muster_core::bot::OnTheft;
use muster_core::dialog::Tagging;
use muster_core::duty::Duty;
use muster_core::{BotId, PoolId};

use super::bots;
use super::defaults;
use super::domains::{self, ServiceHost};
use super::field::{Field, shown};
use super::logic::LogicName;
use super::platform::PlatformSettings;
use super::pools::{self, PoolSettings, choice};
use super::section::Section;

/// One brand account and its bots.
#[derive(Clone, Debug)]
pub struct AccountSettings {
    /// The account's number.
    pub id: AccountId,
    /// Hosts that stand in for those that the domain service names, for this account.
    pub domains: Vec<ServiceHost>,
    /// Whether what its bots publish carries tags; a bot of an account without them is known by its words.
    pub tagging: Tagging,
    /// Its declared pools, in the order of the file.
    pub pools: Vec<PoolSettings>,
    /// Its bots, in the order of the file.
    pub bots: Vec<BotSettings>,
}

/// One bot, as it is declared.
#[derive(Clone, Debug)]
pub struct BotSettings {
    /// Its name, unique within the account.
    pub name: BotId,
    /// The pool whose duty it shares; its own name unless declared.
    pub pool: PoolId,
    /// What decides its replies.
    pub logic: LogicName,
    /// How it logs in.
    pub login: Credentials,
    /// Where it should be.
    pub wanted: Wanted,
    /// How many conversations it takes at once, if that is declared.
    pub capacity: Option<u32>,
    /// What it does about a login elsewhere.
    pub on_theft: OnTheft,
}

impl AccountSettings {
    /// The duty of a pool; a bot's own pool, which nobody declares, takes rings.
    pub fn duty(&self, pool: &PoolId) -> Duty {
        self.pools.iter().find(|declared| declared.name == *pool).map_or(Duty::default(), |pool| pool.duty)
    }
}

/// Where a bot should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Wanted {
    /// Online.
    #[default]
    Running,
    /// Logged out.
    Parked,
}

pub(super) fn read(
    root: &Section<'_>,
    extra_logics: &[&str],
    platform: &PlatformSettings,
) -> Vec<AccountSettings> {
    let sections = root.sections("accounts", "id");
    if sections.is_empty() {
        root.reading.warn(root.at, "accounts", "no account is declared: no bot will run", "add [[accounts]]");
    }
    let mut seen = Seen::new("account");
    sections.into_iter().filter_map(|section| account(section, extra_logics, platform, &mut seen)).collect()
}

fn account(
    section: Section<'_>,
    extra_logics: &[&str],
    platform: &PlatformSettings,
    seen: &mut Seen,
) -> Option<AccountSettings> {
    let id = account_id(&section, seen);
    let domains = domains::read(section.section("domains"), platform.plain);
    let tagging = choice(&section, "tag", &[("on", Tagging::On), ("off", Tagging::Off)]);
    let pools = pools::read(&section, extra_logics);
    let bots = bots::read(&section, &pools, extra_logics);
    section.finish();
    Some(AccountSettings { id: id?, domains, tagging: tagging.unwrap_or_default(), pools, bots })
}

fn account_id(section: &Section<'_>, seen: &mut Seen) -> Option<AccountId> {
    let field = section.required("id", "id = \"12345678\"")?;
    let text = field.text("12345678")?;
    let fits = text.len() <= defaults::NAME_LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !fits {
        field.fault(format!("{} is no account number", shown(text)), "write digits alone: \"12345678\"");
        return None;
    }
    seen.note(&field, text).then(|| AccountId::new(text))
}

/// What must be unique, and where it was seen first.
pub(super) struct Seen {
    what: &'static str,
    places: BTreeMap<String, usize>,
}

impl Seen {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, places: BTreeMap::new() }
    }

    /// Whether the text is seen for the first time; else it is a fault of the field.
    pub(super) fn note(&mut self, field: &Field<'_>, text: &str) -> bool {
        self.note_as(field, text.to_owned(), &format!("{} {}", self.what, shown(text)))
    }

    /// The same for what must not be shown; the digest stands for it.
    pub(super) fn note_secret(&mut self, field: &Field<'_>, digest: String) -> bool {
        self.note_as(field, digest, &format!("this {}", self.what))
    }

    fn note_as(&mut self, field: &Field<'_>, key: String, shown: &str) -> bool {
        let Some(first) = self.places.get(&key) else {
            self.places.insert(key, field.at);
            return true;
        };
        let spot = field.reading.spot(*first);
        let wrong = format!("{shown} stands {spot} already");
        field.fault(wrong, "give it another, or remove one of the two");
        false
    }
}
