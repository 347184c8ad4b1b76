//! `muster events`: what happened in the fleet and what people did, read from the store.

mod tail;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use tokio::runtime::Handle;

use super::Failure;
use super::chosen::failed;
use super::store::StoreArguments;
use super::table::{json, time};
use crate::api::FleetEvent;
use crate::settings::duration;
use crate::store::EventFilter;

/// What `muster events` takes.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the latest events, the last one at the end
    List(List),
    /// Print events as they happen, until it is interrupted
    Tail(Tail),
}

#[derive(Args)]
struct List {
    /// How many at most, the latest ones
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Args)]
struct Tail {
    #[command(flatten)]
    choice: Choice,
}

#[derive(Args)]
struct Choice {
    /// Only events that fit, such as "account=12345678 kind=quarantine,release state!=online"; the keys are
    /// account, bot, kind and state
    #[arg(long, value_name = "WORDS", value_parser = EventFilter::parse)]
    filter: Option<EventFilter>,
    /// Only from so long ago on, such as 10m or 1h
    #[arg(long, value_name = "TIME", value_parser = ago)]
    since: Option<Duration>,
    /// Answer as JSON, an event a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

fn ago(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "write a number and a unit, such as 10m or 1h".to_owned())
}

impl Choice {
    fn filter(&self) -> EventFilter {
        self.filter.clone().unwrap_or_default()
    }

    /// The beginning, in milliseconds since 1970; 0 where none is asked for.
    fn since_ms(&self) -> i64 {
        let Some(ago) = self.since else { return 0 };
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_1970.saturating_sub(ago).as_millis()).unwrap_or(0)
    }
}

pub(super) async fn events(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    match arguments.command {
        Command::List(arguments) => list(arguments, io).await,
        Command::Tail(Tail { choice }) => tail::tail(choice, io).await,
    }
}

async fn list(List { limit, choice }: List, io: Handle) -> Result<(), Failure> {
    let store = choice.store.open(io).await?;
    let events = store.latest_events(choice.since_ms(), None, &choice.filter(), limit).await;
    store.close().await;
    let events = events.map_err(|error| failed(&error))?;
    if events.is_empty() && !choice.json {
        println!("no such event is kept");
    }
    for event in events.into_iter().rev() {
        println!("{}", line(&event.into(), choice.json));
    }
    Ok(())
}

/// An event on one line.
fn line(event: &FleetEvent, as_json: bool) -> String {
    if as_json {
        return json(event);
    }
    let FleetEvent { id, at_ms, account, bot, kind, state, cause, who } = event;
    let place = match (account, bot) {
        (None, _) => "fleet".to_owned(),
        (Some(account), None) => account.clone(),
        (Some(account), Some(bot)) => format!("{account}/{bot}"),
    };
    let mut words = vec![time(Some(*at_ms)), id.to_string(), place, kind.clone()];
    words.extend(state.clone());
    words.extend(cause.as_ref().map(|cause| format!("({cause})")));
    words.extend(who.as_ref().map(|who| format!("by {who}")));
    words.join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StreamEvent;

    #[test]
    fn an_event_is_a_line_for_people_and_for_machines() {
        let fleet = StreamEvent {
            id: 7,
            account: String::new(),
            bot: String::new(),
            at: 1_709_210_096_789,
            kind: "fenced".to_owned(),
            state: None,
            cause: Some("the store is away".to_owned()),
            who: None,
        };
        let shown = line(&fleet.clone().into(), false);
        assert_eq!(shown, "2024-02-29T12:34:56Z  7  fleet  fenced  (the store is away)");
        let machine = r#"{"id":7,"at":"2024-02-29T12:34:56.789Z","account":null,"bot":null,"kind":"fenced","state":null,"cause":"the store is away","who":null}"#;
        assert_eq!(line(&fleet.clone().into(), true), machine);
        let bot = StreamEvent {
            account: "1".to_owned(),
            bot: "ada".to_owned(),
            kind: "act".to_owned(),
            state: Some("online".to_owned()),
            who: Some("eve".to_owned()),
            ..fleet
        };
        let shown = line(&bot.into(), false);
        assert_eq!(shown, "2024-02-29T12:34:56Z  7  1/ada  act  online  (the store is away)  by eve");
    }
}
