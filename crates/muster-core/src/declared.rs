//! Declared against running: what has to move so that a fleet is as it is declared, and nobody else.

use std::collections::BTreeMap;

use liveperson_proto::AccountId;

use crate::dialog::Tagging;
use crate::duty::Duty;
use crate::{BotId, PoolId};

/// Stands for settings that are only compared: equal settings have equal prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Print(pub u64);

/// One bot, as far as a change of it makes a difference to a running fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredBot {
    /// It should be online; else it is parked.
    pub runs: bool,
    /// Its pool.
    pub pool: PoolId,
    /// What its pool is for.
    pub duty: Duty,
    /// Whether what it publishes carries tags.
    pub tagging: Tagging,
    /// Conversations at most at one time.
    pub capacity: usize,
    /// What decides its replies, and what is done when that fails.
    pub logic: Print,
    /// What it logs in with.
    pub login: Print,
}

/// Every bot by account and name.
pub type DeclaredFleet = BTreeMap<(AccountId, BotId), DeclaredBot>;

/// What a running fleet does about one bot. The bots of no change keep their sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// It begins: it is new, or parked no longer.
    Start,
    /// It hands back what it holds, logs out, and is forgotten.
    Remove,
    /// It hands back what it holds and logs out.
    Park,
    /// It hands back what it holds, logs out, and begins in its new pool.
    Move,
    /// It begins a new life with the session in hand: one reconnect, no login.
    Renew,
    /// It goes on with what is new; its socket stays.
    Adjust,
}

/// A bot that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its account.
    pub account: AccountId,
    /// The bot.
    pub bot: BotId,
    /// What is done; `None` where only the login changes.
    pub step: Option<Step>,
    /// A new login is tried beside the session in hand.
    pub rotates: bool,
    /// What was changed, as the fleet file names it.
    pub what: Vec<&'static str>,
}

/// What has to move, by account and name.
pub fn changes(running: &DeclaredFleet, declared: &DeclaredFleet) -> Vec<Change> {
    let gone = running.keys().filter(|key| !declared.contains_key(key));
    let gone = gone.map(|key| change(key, Some(Step::Remove), Vec::new()));
    let others = declared.iter().filter_map(|(key, to)| match running.get(key) {
        None => Some(change(key, Some(if to.runs { Step::Start } else { Step::Park }), Vec::new())),
        Some(from) => between(key, from, to),
    });
    let mut changes: Vec<_> = gone.chain(others).collect();
    // Whoever gives something up goes first: a user may move from one bot to another.
    changes.sort_by_key(|change| !matches!(change.step, Some(Step::Remove | Step::Park)));
    changes
}

fn change((account, bot): &(AccountId, BotId), step: Option<Step>, what: Vec<&'static str>) -> Change {
    let rotates = what.contains(&LOGIN);
    Change { account: account.clone(), bot: bot.clone(), step, rotates, what }
}

const LOGIN: &str = "login";

fn between(key: &(AccountId, BotId), from: &DeclaredBot, to: &DeclaredBot) -> Option<Change> {
    let changed = [
        ("wanted", from.runs != to.runs),
        ("pool", from.pool != to.pool),
        ("its pool's duty", from.duty != to.duty),
        ("tag", from.tagging != to.tagging),
        ("capacity", from.capacity != to.capacity),
        ("logic", from.logic != to.logic),
        (LOGIN, from.login != to.login),
    ];
    let what: Vec<_> = changed.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect();
    let step = what.iter().filter_map(|name| step(name, to.runs)).min_by_key(|step| weight(*step));
    (!what.is_empty()).then(|| change(key, step, what))
}

/// What a changed setting asks for; a parked bot takes everything as it comes.
fn step(setting: &str, runs: bool) -> Option<Step> {
    match setting {
        "wanted" if runs => Some(Step::Start),
        "wanted" => Some(Step::Park),
        LOGIN => None,
        _ if !runs => Some(Step::Adjust),
        // The claims on what it holds are its former pool's.
        "pool" => Some(Step::Move),
        "its pool's duty" | "tag" => Some(Step::Renew),
        _ => Some(Step::Adjust),
    }
}

/// The heaviest step first: it does what the others would do too.
fn weight(step: Step) -> usize {
    [Step::Remove, Step::Park, Step::Start, Step::Move, Step::Renew, Step::Adjust]
        .iter()
        .position(|one| *one == step)
        .unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duty::Intake;

    fn bot() -> DeclaredBot {
        DeclaredBot {
            runs: true,
            pool: "p".into(),
            duty: Duty::default(),
            tagging: Tagging::On,
            capacity: 10,
            logic: Print(1),
            login: Print(1),
        }
    }

    fn fleet(bots: &[(&str, DeclaredBot)]) -> DeclaredFleet {
        bots.iter().map(|(name, bot)| (("1".into(), (*name).into()), bot.clone())).collect()
    }

    #[test]
    fn each_setting_moves_its_bot_as_little_as_it_can() {
        let parked = || DeclaredBot { runs: false, ..bot() };
        let all = Duty { intake: Intake::All, ..Duty::default() };
        for (from, to, step, rotates, what) in [
            (bot(), DeclaredBot { capacity: 3, ..bot() }, Some(Step::Adjust), false, &["capacity"][..]),
            (bot(), DeclaredBot { logic: Print(2), ..bot() }, Some(Step::Adjust), false, &["logic"]),
            (bot(), DeclaredBot { tagging: Tagging::Off, ..bot() }, Some(Step::Renew), false, &["tag"]),
            (bot(), DeclaredBot { duty: all, ..bot() }, Some(Step::Renew), false, &["its pool's duty"]),
            (bot(), DeclaredBot { pool: "q".into(), ..bot() }, Some(Step::Move), false, &["pool"]),
            (bot(), DeclaredBot { login: Print(2), ..bot() }, None, true, &["login"]),
            (bot(), parked(), Some(Step::Park), false, &["wanted"]),
            (parked(), bot(), Some(Step::Start), false, &["wanted"]),
            (
                bot(),
                DeclaredBot { capacity: 3, tagging: Tagging::Off, login: Print(2), ..bot() },
                Some(Step::Renew),
                true,
                &["tag", "capacity", "login"],
            ),
            (
                parked(),
                DeclaredBot { pool: "q".into(), duty: all, ..parked() },
                Some(Step::Adjust),
                false,
                &["pool", "its pool's duty"],
            ),
        ] {
            let changes = changes(&fleet(&[("a", from), ("b", bot())]), &fleet(&[("a", to), ("b", bot())]));
            let [Change { bot, step: found, rotates: rotation, what: named, .. }] = &changes[..] else {
                panic!("one bot moves: {changes:?}")
            };
            assert_eq!((bot.as_str(), *found, *rotation, &named[..]), ("a", step, rotates, what));
        }
    }

    #[test]
    fn bots_come_and_go_and_those_that_go_are_told_first() {
        let parked = DeclaredBot { runs: false, ..bot() };
        let running = fleet(&[("b", bot()), ("c", bot()), ("z", bot())]);
        let declared = fleet(&[("a", bot()), ("b", bot()), ("c", parked.clone()), ("d", parked)]);
        let steps: Vec<_> = changes(&running, &declared)
            .into_iter()
            .map(|change| (change.bot.to_string(), change.step))
            .collect();
        let expected = [("z", Step::Remove), ("c", Step::Park), ("d", Step::Park), ("a", Step::Start)];
        assert_eq!(steps, expected.map(|(bot, step)| (bot.to_owned(), Some(step))));
    }

    #[test]
    fn what_is_declared_as_it_runs_moves_nobody() {
        let running = fleet(&[("a", bot()), ("b", bot())]);
        assert_eq!(changes(&running, &running.clone()), []);
    }
}
