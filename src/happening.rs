//! What can happen in a fleet: the closed set of words of its events.
//!
//! `docs/reference/events.md` says what each means, and a test compares the two.

macro_rules! happenings {
    ($($(#[$doc:meta])* $name:ident = $word:literal),+ $(,)?) => {
        /// What kind of thing happened, to a bot, an account or the fleet.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Happening { $($(#[$doc])* $name),+ }

        impl Happening {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The word for it, in the store and wherever it is shown.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
        }
    };
}

happenings! {
    /// A bot is in another state, or in the same for another cause.
    State = "state",
    /// Something about a bot is not as it should be, or is again: the cause names all of it.
    Degraded = "degraded",
    /// A bot logged in.
    Login = "login",
    /// A login of a bot failed.
    LoginFailed = "login-failed",
    /// A refresh of a bot's token failed.
    RefreshFailed = "refresh-failed",
    /// Somebody else logged in with a bot's identity.
    Theft = "theft",
    /// A bot failed and starts again.
    Restart = "restart",
    /// A bot is held off.
    Quarantine = "quarantine",
    /// A person released a bot.
    Release = "release",
    /// An account's login service is in trouble.
    LoginTrouble = "login-trouble",
    /// An account's login service is well again.
    LoginTroubleOver = "login-trouble-over",
    /// A process runs the fleet from now on.
    FleetStarted = "fleet-started",
    /// The fleet ended in order.
    FleetEnded = "fleet-ended",
    /// A process may not be sure of its ownership: its bots begin nothing.
    Fenced = "fenced",
    /// The ownership is certain again.
    FenceLifted = "fence-lifted",
    /// A process took the fleet from a live one.
    TookOver = "took-over",
    /// What was declared anew is taken up.
    Declared = "declared",
    /// What was declared anew cannot be taken up.
    DeclarationRefused = "declaration-refused",
    /// The running fleet holds bots still, because a person paused them.
    Paused = "paused",
    /// The running fleet lets bots go on.
    Resumed = "resumed",
    /// A person did something; the cause is what and why.
    Act = "act",
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_reference_lists_every_kind_and_no_other() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/events.md");
        let page = std::fs::read_to_string(page).unwrap();
        let (_, kinds) = page.split_once("## Kinds").unwrap();
        let rows = kinds.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let told: Vec<_> = rows.map(|(word, _)| word).collect();
        let known: BTreeSet<_> = Happening::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(told.len(), known.len(), "each once: {told:?}");
        assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), known);
    }
}
