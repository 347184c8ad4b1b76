//! `[[accounts.pools]]`: the duties that bots of an account share.

use muster_core::PoolId;
use muster_core::bot::OnTheft;
use muster_core::duty::{Duty, Intake, JoinAs, Start, WhenHuman};

use super::accounts::Seen;
use super::bots::{logic_name, name};
use super::field::{Field, shown};
use super::logic::LogicName;
use super::nearest::nearest;
use super::section::Section;

/// A pool, as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// Its name, unique within the account.
    pub name: PoolId,
    /// How conversations come to it, and how its bots behave.
    pub duty: Duty,
    /// What decides the replies of its bots, unless a bot declares a logic of its own.
    pub logic: Option<LogicName>,
    /// What its bots do about a login elsewhere, unless a bot declares it for itself.
    pub on_theft: Option<OnTheft>,
}

pub(super) fn read(account: &Section<'_>, extra_logics: &[&str]) -> Vec<PoolSettings> {
    let mut names = Seen::new("pool");
    let pools = account.sections("pools", "name").into_iter();
    pools.filter_map(|section| pool(section, extra_logics, &mut names)).collect()
}

fn pool(section: Section<'_>, extra_logics: &[&str], names: &mut Seen) -> Option<PoolSettings> {
    let name = section.required("name", "name = \"greeters\"").and_then(|field| {
        let name = name(&field, "greeters")?;
        names.note(&field, name).then_some(name)
    });
    let intake =
        choice(&section, "intake", &[("rings", Intake::Rings), ("all", Intake::All)]).unwrap_or_default();
    let only_with_all = |key| only_with_all(&section, key, intake);
    only_with_all("join_as");
    only_with_all("when_human");
    let duty = Duty {
        intake,
        join_as: choice(&section, "join_as", &[("agent", JoinAs::Agent), ("manager", JoinAs::Manager)])
            .unwrap_or_default(),
        when_human: choice(
            &section,
            "when_human",
            &[("silent", WhenHuman::Silent), ("continue", WhenHuman::Continue)],
        )
        .unwrap_or_default(),
        start: choice(
            &section,
            "start",
            &[("unanswered", Start::Unanswered), ("now", Start::Now), ("all", Start::All)],
        )
        .unwrap_or_default(),
    };
    let logic = section.field("logic").map(|field| logic_name(&field, extra_logics));
    let on_theft = on_theft(&section);
    section.finish();
    Some(PoolSettings { name: PoolId::new(name?), duty, logic: logic.unwrap_or_default(), on_theft })
}

/// What is done about a login elsewhere, in a pool or a bot.
pub(super) fn on_theft(section: &Section<'_>) -> Option<OnTheft> {
    let words = [("take_back_once", OnTheft::TakeBackOnce), ("stand_down", OnTheft::StandDown)];
    choice(section, "on_theft", &words)
}

fn only_with_all(section: &Section<'_>, key: &'static str, intake: Intake) {
    if intake == Intake::Rings
        && let Some(field) = section.field(key)
    {
        field.fault("it means nothing with intake = \"rings\"", "remove it, or write intake = \"all\"");
    }
}

/// One of a few words.
pub(super) fn choice<T: Copy>(
    section: &Section<'_>,
    key: &'static str,
    words: &[(&'static str, T)],
) -> Option<T> {
    let field = section.field(key)?;
    let text = field.text(words[0].0)?;
    let found = words.iter().find(|(word, _)| *word == text);
    if found.is_none() {
        let quoted: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        field
            .fault(format!("{} is none of its words", shown(text)), format!("write {}", quoted.join(" or ")));
    }
    found.map(|(_, value)| *value)
}

/// The declared pool that a bot names.
pub(super) fn named<'a>(field: &Field<'_>, pools: &'a [PoolSettings]) -> Option<&'a PoolSettings> {
    let text = name(field, "greeters")?;
    let found = pools.iter().find(|pool| pool.name.as_str() == text);
    if found.is_none() {
        let cure = match nearest(text, pools.iter().map(|pool| pool.name.as_str())) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("declare it: [[accounts.pools]] with name = {}", shown(text)),
        };
        field.fault(format!("unknown pool {}", shown(text)), cure);
    }
    found
}
