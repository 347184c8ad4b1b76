//! Wishes: what people want of one bot, when it is begun, and what came of it.
//!
//! A wish stands in the store until it has a verdict. Whoever runs the bot begins it, watches the bot, and
//! answers in words; over restarts too, so that each is carried out once.

use std::fmt;
use std::time::Duration;

use liveperson_proto::request::Availability;

/// What people do to bots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// It should run.
    Start,
    /// It hands back what it holds, logs out, and stays parked.
    Stop,
    /// It begins a fresh life with the session in hand.
    Restart,
    /// It gives its session up and logs in anew.
    Relogin,
    /// Its token is refreshed now.
    Refresh,
    /// The platform takes it for this, until changed or the bot's next life.
    AgentState(Availability),
    /// It holds still.
    Pause,
    /// It goes on.
    Resume,
    /// It is held off no longer.
    Release,
    /// It is held off.
    Suspend,
}

impl Verb {
    /// Every verb; a state stands for all.
    pub const ALL: [Self; 10] = [
        Self::Start,
        Self::Stop,
        Self::Restart,
        Self::Relogin,
        Self::Refresh,
        Self::AgentState(Availability::Online),
        Self::Pause,
        Self::Resume,
        Self::Release,
        Self::Suspend,
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Relogin => "relogin",
            Self::Refresh => "refresh",
            Self::AgentState(_) => "agent-state",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Release => "release",
            Self::Suspend => "suspend",
        }
    }

    /// What is said beside the word; empty where nothing is.
    pub fn argument(self) -> &'static str {
        match self {
            Self::AgentState(availability) => availability.wire(),
            _ => "",
        }
    }

    /// The verb of a word and what is said beside it.
    ///
    /// # Errors
    /// In words that name what there is.
    pub fn of_words(word: &str, argument: &str) -> Result<Self, String> {
        let Some(verb) = Self::ALL.into_iter().find(|verb| verb.word() == word) else {
            let known: Vec<_> = Self::ALL.iter().map(|verb| verb.word()).collect();
            return Err(format!("there is no verb {word:?}: known are {}", known.join(", ")));
        };
        match verb {
            Self::AgentState(_) => chosen_state(argument).map(Self::AgentState),
            _ if argument.is_empty() => Ok(verb),
            _ => Err(format!("{word} takes no argument: leave {argument:?} out")),
        }
    }

    /// Whether whoever runs the bot has to carry it out; the others are done once the store knows.
    pub fn is_awaited(self) -> bool {
        !matches!(self, Self::Pause | Self::Resume | Self::Release | Self::Suspend)
    }

    /// Of wishes of these verbs only the last counts.
    pub fn concerns_the_life(self) -> bool {
        matches!(self, Self::Start | Self::Stop | Self::Restart | Self::Relogin)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        if self.argument().is_empty() { Ok(()) } else { write!(f, " {}", self.argument()) }
    }
}

fn chosen_state(word: &str) -> Result<Availability, String> {
    let chosen = Availability::of_wire(word).filter(|state| *state != Availability::Offline);
    chosen.ok_or_else(|| format!("{word:?} is no state to choose: write ONLINE, OCCUPIED, AWAY or BACK_SOON"))
}

/// What came of a wish, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is so.
    Done(String),
    /// It is not.
    Failed(String),
    /// There was nothing to do.
    Skipped(String),
}

impl Verdict {
    /// The verdict without its words.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
        }
    }

    /// Its words.
    pub fn words(&self) -> &str {
        match self {
            Self::Done(words) | Self::Failed(words) | Self::Skipped(words) => words,
        }
    }

    /// The verdict of a word; one that a later muster wrote is taken for a failure.
    pub fn of_words(word: &str, words: String) -> Self {
        match word {
            "done" => Self::Done(words),
            "skipped" => Self::Skipped(words),
            _ => Self::Failed(words),
        }
    }
}

/// How a bot looks to whoever carries a wish out.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Seen {
    /// It should run.
    pub wanted: bool,
    /// A life of it is under way.
    pub runs: bool,
    /// It is online.
    pub online: bool,
    /// A life began after the wish was begun.
    pub anew: bool,
    /// Why it is held off, if it is.
    pub held_off: Option<String>,
    /// What it says of itself.
    pub cause: Option<String>,
    /// Since the wish was begun.
    pub waited: Duration,
    /// For so long nobody gives it up.
    pub patience: Duration,
}

/// What is to be done about a wish that is heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// It has an answer already.
    Answer(Verdict),
    /// It is to be carried out.
    CarryOut,
    /// It is on its way by itself.
    Watch,
}

/// What a wish that is heard of asks for. `begun` says that it was begun before, by this process or the one
/// before; `older` that it is older than this process, in which every bot has a fresh life.
pub fn begin(verb: Verb, seen: &Seen, begun: bool, older: bool) -> Beginning {
    if let Some(verdict) = out_of_reach(verb, seen) {
        return Beginning::Answer(verdict);
    }
    match verb {
        Verb::Restart if begun || older => Beginning::Watch,
        Verb::Relogin if begun => Beginning::Watch,
        // Whoever stopped it may have died before it handed back.
        Verb::Stop if older && !seen.runs => Beginning::CarryOut,
        Verb::Start | Verb::Stop => Beginning::Watch,
        _ => Beginning::CarryOut,
    }
}

/// What came of a wish that is on its way, once that can be said.
pub fn judge(verb: Verb, seen: &Seen) -> Option<Verdict> {
    let done = |words: &str| Some(Verdict::Done(words.to_owned()));
    if verb == Verb::Stop {
        return match (seen.wanted, seen.runs) {
            (false, false) => done("it is parked: what it held is handed back, and it is logged out"),
            _ if seen.waited >= seen.patience => Some(late(seen, "is not parked")),
            _ => None,
        };
    }
    if let Some(verdict) = out_of_reach(verb, seen) {
        return Some(verdict);
    }
    match verb {
        Verb::Start if seen.online && seen.wanted => done("it is online"),
        Verb::Restart if seen.anew && seen.online => done("it is online in a fresh life"),
        Verb::Relogin if seen.anew && seen.online => done("it has logged in anew and is online"),
        Verb::Refresh | Verb::AgentState(_) if seen.waited >= seen.patience => {
            Some(late(seen, "has not answered"))
        }
        _ if seen.waited >= seen.patience => Some(late(seen, "is not online")),
        _ => None,
    }
}

/// The words for a wish that came before another one of its kind.
pub fn overtaken(by: Verb) -> Verdict {
    Verdict::Skipped(format!("another wish came after it: {by}"))
}

fn out_of_reach(verb: Verb, seen: &Seen) -> Option<Verdict> {
    if verb == Verb::Stop {
        return None;
    }
    if let Some(words) = &seen.held_off {
        return Some(Verdict::Failed(format!("it is held off ({words}): release it first")));
    }
    // A start takes its way through what is wanted.
    let parked = !seen.wanted && verb != Verb::Start;
    parked.then(|| Verdict::Failed("it is parked: start it first".to_owned()))
}

fn late(seen: &Seen, what: &str) -> Verdict {
    let cause = seen.cause.as_ref().map_or(String::new(), |cause| format!(": {cause}"));
    Verdict::Failed(format!("it {what} after {} s{cause}", seen.patience.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_mins(1);

    fn online() -> Seen {
        Seen { wanted: true, runs: true, online: true, patience: PATIENCE, ..Seen::default() }
    }

    fn parked() -> Seen {
        Seen { patience: PATIENCE, ..Seen::default() }
    }

    fn held() -> Seen {
        Seen { wanted: true, held_off: Some("why".to_owned()), patience: PATIENCE, ..Seen::default() }
    }

    #[test]
    fn each_verb_has_a_word_that_leads_back_to_it() {
        for verb in Verb::ALL {
            assert_eq!(Verb::of_words(verb.word(), verb.argument()), Ok(verb));
        }
        let away = Verb::AgentState(Availability::Away);
        assert_eq!(
            (Verb::of_words("agent-state", "AWAY"), away.to_string()),
            (Ok(away), "agent-state AWAY".to_owned())
        );
        for (word, argument, says) in [
            ("stopp", "", "there is no verb \"stopp\": known are start, stop, restart"),
            ("stop", "now", "stop takes no argument"),
            ("agent-state", "OFFLINE", "is no state to choose: write ONLINE"),
            ("agent-state", "", "is no state to choose"),
        ] {
            let words = Verb::of_words(word, argument).unwrap_err();
            assert!(words.contains(says), "{words}");
        }
        for verdict in [Verdict::Done("a".into()), Verdict::Failed("b".into()), Verdict::Skipped("c".into())]
        {
            assert_eq!(Verdict::of_words(verdict.word(), verdict.words().to_owned()), verdict);
        }
    }

    #[test]
    fn a_wish_is_begun_once_over_restarts() {
        use Beginning::{CarryOut, Watch};
        for (verb, seen, begun, older, what) in [
            (Verb::Restart, online(), false, false, CarryOut),
            (Verb::Restart, online(), true, false, Watch),
            (Verb::Restart, online(), false, true, Watch),
            (Verb::Relogin, online(), false, false, CarryOut),
            (Verb::Relogin, online(), false, true, CarryOut),
            (Verb::Relogin, online(), true, true, Watch),
            (Verb::Stop, online(), false, false, Watch),
            (Verb::Stop, parked(), false, true, CarryOut),
            (Verb::Start, parked(), false, false, Watch),
            (Verb::Refresh, online(), false, true, CarryOut),
        ] {
            assert_eq!(begin(verb, &seen, begun, older), what, "{verb} {begun} {older}");
        }
        for verb in [Verb::Restart, Verb::Relogin, Verb::Refresh, Verb::AgentState(Availability::Away)] {
            for (seen, says) in [(parked(), "it is parked"), (held(), "it is held off (why)")] {
                let Beginning::Answer(Verdict::Failed(words)) = begin(verb, &seen, false, false) else {
                    panic!("{verb} {seen:?}")
                };
                assert!(words.contains(says), "{words}");
            }
        }
    }

    #[test]
    fn a_wish_has_its_verdict_when_the_bot_is_as_wished_or_too_late() {
        let anew = Seen { anew: true, ..online() };
        let on_its_way = Seen { online: false, anew: true, cause: Some("waits".to_owned()), ..online() };
        let late = Seen { waited: PATIENCE, ..on_its_way.clone() };
        for (verb, seen, word) in [
            (Verb::Restart, online(), None),
            (Verb::Restart, on_its_way.clone(), None),
            (Verb::Restart, anew.clone(), Some("done")),
            (Verb::Restart, late.clone(), Some("failed")),
            (Verb::Restart, held(), Some("failed")),
            (Verb::Restart, parked(), Some("failed")),
            (Verb::Relogin, online(), None),
            (Verb::Relogin, anew, Some("done")),
            (Verb::Start, parked(), None),
            (Verb::Start, held(), Some("failed")),
            (Verb::Start, online(), Some("done")),
            (Verb::Start, late, Some("failed")),
            (Verb::Stop, online(), None),
            (Verb::Stop, Seen { wanted: false, ..online() }, None),
            (Verb::Stop, parked(), Some("done")),
            (Verb::Stop, Seen { waited: PATIENCE, ..online() }, Some("failed")),
            (Verb::Refresh, online(), None),
            (Verb::Refresh, Seen { waited: PATIENCE, ..online() }, Some("failed")),
        ] {
            let verdict = judge(verb, &seen);
            assert_eq!(verdict.as_ref().map(Verdict::word), word, "{verb} {seen:?}: {verdict:?}");
        }
        let late = judge(Verb::Start, &Seen { waited: PATIENCE, ..on_its_way }).unwrap();
        assert_eq!(late.words(), "it is not online after 60 s: waits");
    }
}
