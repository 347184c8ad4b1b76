//! The closed sets that labels come from.

/// What became of opening a socket.
pub(super) const CONNECTS: &[&str] = &["ok", "refused", "timeout", "failed"];
/// What became of a login.
pub(super) const LOGINS: &[&str] =
    &["ok", "refused", "throttled", "forbidden", "unavailable", "timeout", "failed"];
/// What became of a token refresh.
pub(super) const REFRESHES: &[&str] = &["ok", "refused", "throttled", "unavailable", "timeout", "failed"];
/// What became of a state that the platform changed by itself.
pub(super) const AGENT_STATES: &[&str] = &["set_back", "stays_away"];
/// What became of a turn.
pub(super) const TURNS: &[&str] = &["committed", "failed", "duplicate", "stale", "fenced", "shed"];
/// What became of a claim.
pub(super) const CLAIM_CHANGES: &[&str] = &["taken", "released"];
/// What a history held that was read after the cursor.
pub(super) const CATCH_UPS: &[&str] = &["nothing", "messages"];
/// What became of a ring.
pub(super) const RINGS: &[&str] = &["taken", "lost", "expired"];
/// What is forgotten when it is old.
pub(super) const PRUNED: &[&str] = &["claims", "dead_letters", "events", "operations", "wishes"];
/// Who was restarted, or had a full mailbox.
pub(super) const ACTORS: &[&str] =
    &["fleet", "account", "bot", "socket", "dialog", "recorder", "publisher", "logic", "owner"];

/// What had no room.
pub(super) const QUEUES: &[&str] = &["rings", "inbox", "news", "history", "requests", "timeline", "events"];

/// The value itself if the set has it, else `other`.
pub(super) fn closed(value: &str, set: &[&'static str]) -> &'static str {
    set.iter().find(|known| **known == value).copied().unwrap_or("other")
}

/// The close codes that the platform and its proxies are known to use.
pub(super) fn close_code(code: u16) -> &'static str {
    match code {
        1000 => "1000",
        1001 => "1001",
        1002 => "1002",
        1003 => "1003",
        1006 => "1006",
        1008 => "1008",
        1009 => "1009",
        1011 => "1011",
        1012 => "1012",
        1013 => "1013",
        4400 => "4400",
        4401 => "4401",
        4407 => "4407",
        4500 => "4500",
        _ => "other",
    }
}
