//! `[[accounts.bots]]`: one bot's table.

use muster_core::{BotId, PoolId};

use super::accounts::{BotSettings, Seen, Wanted};
use super::defaults;
use super::field::{Field, shown};
use super::logic::{self, LogicName};
use super::login::{self, Identities};
use super::pools::{self, PoolSettings};
use super::section::Section;

pub(super) fn read(account: &Section<'_>, pools: &[PoolSettings], extra_logics: &[&str]) -> Vec<BotSettings> {
    let sections = account.sections("bots", "name");
    if sections.is_empty() {
        let cure = "add [[accounts.bots]]";
        account.reading.warn(account.at, &account.path, "no bot is declared in this account", cure);
    }
    let mut names = Seen::new("bot");
    let mut identities = Identities::default();
    let bots =
        sections.into_iter().map(|section| bot(section, pools, extra_logics, &mut names, &mut identities));
    bots.collect::<Vec<_>>().into_iter().flatten().collect()
}

fn bot(
    section: Section<'_>,
    pools: &[PoolSettings],
    extra_logics: &[&str],
    names: &mut Seen,
    identities: &mut Identities,
) -> Option<BotSettings> {
    let name = section.required("name", "name = \"greeter-1\"").and_then(|field| {
        let name = name(&field, "greeter-1")?;
        names.note(&field, name).then_some(name)
    });
    let pool = section.field("pool").map(|field| pools::named(&field, pools));
    let logic = match (section.field("logic"), pool) {
        (Some(field), _) => logic_name(&field, extra_logics),
        (None, Some(Some(PoolSettings { logic: Some(inherited), .. }))) => Some(inherited.clone()),
        // An unknown pool is one fault already.
        (None, Some(None)) => None,
        (None, _) => section.required("logic", "logic = \"echo\"").and(None),
    };
    let identity = section
        .required("login", "login = { username = \"bot1\", password = \"env:BOT1_PASSWORD\" }")
        .and_then(|field| login::read(field.table()?, identities));
    let wanted = section.field("wanted").map(|field| wanted(&field));
    let capacity = section.field("capacity").map(|field| field.number(&defaults::CAPACITY));
    let on_theft = pools::on_theft(&section);
    section.finish();
    let inherited = pool.flatten().and_then(|pool| pool.on_theft);
    let name = BotId::new(name?);
    Some(BotSettings {
        pool: pool.map_or_else(|| Some(PoolId::new(name.as_str())), |pool| Some(pool?.name.clone()))?,
        name,
        logic: logic?,
        login: identity?,
        wanted: wanted.unwrap_or_default(),
        capacity: capacity.flatten(),
        on_theft: on_theft.or(inherited).unwrap_or_default(),
    })
}

pub(super) fn name<'a>(field: &Field<'a>, example: &str) -> Option<&'a str> {
    let text = field.text(example)?;
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let fits = text.len() <= defaults::NAME_LENGTH && text.bytes().all(is_letter);
    if !fits {
        let cure = format!("use at most {} letters, digits, '-', '_' and '.'", defaults::NAME_LENGTH);
        field.fault(format!("{} is no name", shown(text)), cure);
    }
    fits.then_some(text)
}

pub(super) fn logic_name(field: &Field<'_>, extra: &[&str]) -> Option<LogicName> {
    let text = field.text("echo")?;
    let name = LogicName::known(text, extra);
    if name.is_none() {
        field.fault(format!("unknown logic {}", shown(text)), logic::cure(text, extra));
    }
    name
}

fn wanted(field: &Field<'_>) -> Wanted {
    match field.text("running") {
        Some("parked") => Wanted::Parked,
        Some("running") | None => Wanted::Running,
        Some(other) => {
            field.fault(format!("{} is no state to want", shown(other)), "write \"running\" or \"parked\"");
            Wanted::Running
        }
    }
}
