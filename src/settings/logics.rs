//! `[logics.NAME]`: what decides bots' replies, and what is done when it fails.

use liveperson_proto::SkillId;
use muster_core::turn::{MAX_TEXT, OnFailure};

use super::defaults;
use super::field::{Field, shown};
use super::logic::{LogicName, cure, is_built_in};
use super::section::Section;
use super::webhook::{self, WebhookSettings};

/// One logic, as it is declared.
#[derive(Clone, Debug)]
pub struct LogicSettings {
    /// The name by which bots choose it.
    pub name: LogicName,
    /// What it is.
    pub kind: LogicKind,
    /// What is done when it fails.
    pub failing: Failing,
}

/// What a declared logic is.
#[derive(Clone, Debug)]
pub enum LogicKind {
    /// One that runs inside muster.
    BuiltIn(LogicName),
    /// One that is asked over HTTP.
    Webhook(Box<WebhookSettings>),
}

/// What is done when logic fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// How often it is asked for one turn, in all.
    pub tries: u32,
    /// What is done for the message then.
    pub then: OnFailure,
}

/// The declared logics, and the names under which bots may choose one: also a faulty one is known.
pub(super) struct Read<'a> {
    pub(super) logics: Vec<LogicSettings>,
    pub(super) names: Vec<&'a str>,
}

pub(super) fn read<'a>(root: &Section<'a>, extra: &[&'a str]) -> Read<'a> {
    let tables = root.tables("logics");
    let mut names = extra.to_vec();
    let is_new = |name: &&str| !is_built_in(name) && !extra.contains(name);
    names.extend(tables.iter().map(|(name, _)| *name).filter(is_new));
    let logics = tables.into_iter().filter_map(|(name, section)| logic(name, section, extra)).collect();
    Read { logics, names }
}

fn logic(name: &str, section: Section<'_>, extra: &[&str]) -> Option<LogicSettings> {
    let kind =
        section.required("kind", "kind = \"webhook\"").and_then(|field| kind(&field, name, &section, extra));
    let failing = failing(section.section("on_failure"));
    if !matches!(kind, Some(LogicKind::BuiltIn(_))) {
        // Without a kind nobody knows which of the keys belong here, and each is let pass.
        for key in webhook::KEYS {
            let _ = section.field(key);
        }
    }
    section.finish();
    Some(LogicSettings { name: LogicName::known(name, &[name])?, kind: kind?, failing: failing? })
}

fn kind(field: &Field<'_>, name: &str, section: &Section<'_>, extra: &[&str]) -> Option<LogicKind> {
    let text = field.text("webhook")?;
    let is_other = (is_built_in(name) || extra.contains(&name)) && text != name;
    if is_other {
        field.fault(
            format!("{} is the name of a logic inside muster", shown(name)),
            "give this one another name",
        );
        return None;
    }
    if text == "webhook" {
        return webhook::read(section).map(|webhook| LogicKind::Webhook(Box::new(webhook)));
    }
    let known = LogicName::known(text, extra);
    if known.is_none() {
        let kinds = ["webhook"].into_iter().chain(extra.iter().copied()).collect::<Vec<_>>();
        field.fault(format!("unknown kind {}", shown(text)), cure(text, &kinds));
    }
    known.map(LogicKind::BuiltIn)
}

fn failing(section: Section<'_>) -> Option<Failing> {
    let tries = section.field("tries").map(|field| field.number(&defaults::TRIES));
    let text = section.field("text").map(|field| fallback(&field));
    let transfer_to = section.field("transfer_to").map(|field| skill(&field));
    section.finish();
    // A key that is written and wrong makes the whole of it unusable.
    let is_sound = tries != Some(None) && text != Some(None) && transfer_to != Some(None);
    let then = OnFailure { text: text.flatten(), transfer_to: transfer_to.flatten() };
    is_sound.then(|| Failing { tries: tries.flatten().unwrap_or(Failing::default().tries), then })
}

fn fallback(field: &Field<'_>) -> Option<String> {
    let text = field.text("I am sorry, I cannot answer right now.")?;
    if text.chars().count() > MAX_TEXT || text.contains('\0') {
        field.fault(
            "the platform cannot show it",
            format!("write at most {MAX_TEXT} characters, without NUL"),
        );
        return None;
    }
    Some(text.to_owned())
}

fn skill(field: &Field<'_>) -> Option<SkillId> {
    let text = field.text("4711")?;
    let fits = text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !fits {
        field.fault(format!("{} is no skill id", shown(text)), "write the skill's number: \"4711\"");
    }
    fits.then(|| text.into())
}
