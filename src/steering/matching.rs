//! Which bots a filter means, by what the store knows of them.

use crate::filter::Filter;
use crate::store::{DeclaredRow, Store, StoreError};

/// What a filter of bots may speak of.
pub const KEYS: [&str; 6] = ["account", "bot", "pool", "state", "quarantine", "logic"];

/// The states that the store knows: whether a bot that should run is online, only its process does.
const STATES: [&str; 3] = ["wanted", "parked", "quarantined"];

/// Reads a filter of bots.
///
/// # Errors
/// In words that name what can be written.
pub fn filter(text: &str) -> Result<Filter, String> {
    let filter = Filter::parse(text, &KEYS)?;
    filter.allows("state", &STATES)?;
    Ok(filter)
}

/// The declared bots that match, by account and name.
pub async fn matching(store: &Store, filter: &Filter) -> Result<Vec<DeclaredRow>, StoreError> {
    let rows = store.declared().await?;
    Ok(rows.into_iter().filter(|row| takes(filter, row)).collect())
}

fn takes(filter: &Filter, row: &DeclaredRow) -> bool {
    let declared: serde_json::Value = serde_json::from_str(&row.bot.declared_json).unwrap_or_default();
    let logic = declared["logic"].as_str().unwrap_or_default();
    filter.takes(|key| match key {
        "account" => Some(row.bot.account.as_str()),
        "bot" => Some(row.bot.bot.as_str()),
        "pool" => Some(row.bot.pool.as_str()),
        "quarantine" => row.quarantine.as_ref().map(|held| held.quarantine.kind.word()),
        "logic" => Some(logic),
        _ => Some(state(row)),
    })
}

fn state(row: &DeclaredRow) -> &'static str {
    match (row.is_parked(), &row.quarantine) {
        (true, _) => "parked",
        (false, Some(_)) => "quarantined",
        (false, None) => "wanted",
    }
}

#[cfg(test)]
mod tests {
    use muster_core::quarantine::{Kind, Quarantine};

    use super::*;
    use crate::store::{DeclaredBot, HeldOff, Wanted};

    fn row(wanted: Wanted, quarantine: Option<HeldOff>) -> DeclaredRow {
        let bot = DeclaredBot {
            account: "1".into(),
            bot: "night-1".into(),
            pool: "desk".into(),
            declared_json: r#"{"logic":"echo"}"#.to_owned(),
        };
        DeclaredRow { bot, wanted, quarantine }
    }

    #[test]
    fn a_bot_matches_by_what_is_declared_of_it_and_what_people_decided() {
        let held = || {
            let quarantine = Quarantine { kind: Kind::Suspended, words: "why".to_owned() };
            Some(HeldOff { quarantine, since: 1 })
        };
        let (wanted, parked) = (row(Wanted::Running, None), row(Wanted::Parked, held()));
        let quarantined = row(Wanted::Running, held());
        for (text, expected) in [
            ("", [true, true, true]),
            ("account=1 pool=desk logic=echo bot=night-*", [true, true, true]),
            ("account=2", [false, false, false]),
            ("state=quarantined", [false, false, true]),
            ("state!=parked", [true, false, true]),
            ("state=parked,wanted", [true, true, false]),
            ("quarantine=suspended", [false, true, true]),
        ] {
            let filter = filter(text).unwrap();
            assert_eq!([&wanted, &parked, &quarantined].map(|row| takes(&filter, row)), expected, "{text}");
        }
        for (text, says) in
            [("state=online", "known are wanted, parked, quarantined"), ("skill=1", "known are account")]
        {
            let words = filter(text).unwrap_err();
            assert!(words.contains(says), "{words}");
        }
    }
}
