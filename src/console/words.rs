//! Ages and states in words and signs.

use crate::board::BotState;

/// How long ago, in its largest unit: `42 s`, `5 min`, `3 h`, `12 d`.
pub(super) fn age(now_ms: i64, then_ms: i64) -> String {
    let seconds = now_ms.saturating_sub(then_ms).max(0) / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A sign for a state, so that colour is never all that tells states apart.
pub(super) fn sign(state: BotState) -> &'static str {
    match state {
        BotState::Parked => "‖",
        BotState::Waiting => "…",
        BotState::Resolving | BotState::LoggingIn | BotState::Connecting | BotState::Subscribing => "→",
        BotState::Online => "●",
        BotState::Draining => "↓",
        BotState::Fenced => "▣",
        BotState::Quarantined => "✕",
    }
}

/// How a state is coloured.
pub(super) fn tone(state: BotState) -> &'static str {
    match state {
        BotState::Online => "good",
        BotState::Parked => "quiet",
        BotState::Quarantined => "bad",
        BotState::Waiting | BotState::Fenced => "warn",
        BotState::Resolving
        | BotState::LoggingIn
        | BotState::Connecting
        | BotState::Subscribing
        | BotState::Draining => "busy",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_their_largest_unit() {
        for (seconds, words) in [
            (-5, "0 s"),
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (7200, "2 h"),
            (172_800, "2 d"),
        ] {
            assert_eq!(age(seconds * 1000, 0), words);
        }
        assert!(age(i64::MAX, i64::MIN).ends_with(" d"));
    }
}
