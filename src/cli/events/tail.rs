//! `muster events tail`: goes on where it has read to, whoever writes the events.

use std::io::{self, Write as _};
use std::time::Duration;

use tokio::runtime::Handle;

use super::{Choice, line};
use crate::cli::Failure;
use crate::cli::chosen::failed;
use crate::store::{EventFilter, STREAM_PAGE, Store, StoreError};
use crate::telemetry::Chain;

/// How often the store is asked for more.
const ASK_EVERY: Duration = Duration::from_secs(1);

pub(super) async fn tail(choice: Choice, io: Handle) -> Result<(), Failure> {
    let store = choice.store.open(io).await?;
    let ended = follow(&store, &choice).await;
    store.close().await;
    ended
}

/// Prints events until nobody reads them any more. A store that is away later is waited for.
async fn follow(store: &Store, choice: &Choice) -> Result<(), Failure> {
    let filter = choice.filter();
    let mut after = beginning(store, choice).await.map_err(|error| failed(&error))?;
    let mut is_away = false;
    loop {
        match store.events_after(after, &filter, STREAM_PAGE).await {
            Ok(page) => {
                is_away = false;
                if page.bounds.gap_after(after) {
                    eprintln!("muster: some events before {} are not kept any more", page.bounds.whole_from);
                }
                let lines: Vec<_> =
                    page.events.into_iter().map(|event| line(&event.into(), choice.json)).collect();
                if !print(&lines) {
                    return Ok(());
                }
                after = page.through;
                if page.more {
                    continue;
                }
            }
            Err(error) if !is_away => {
                is_away = true;
                eprintln!("muster: {}; waits for the store", Chain(&error));
            }
            Err(_) => {}
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// The id after which it begins: now, or where the first event of the time asked for comes.
async fn beginning(store: &Store, choice: &Choice) -> Result<i64, StoreError> {
    let mut after = store.stream_bounds().await?.last;
    if choice.since.is_none() {
        return Ok(after);
    }
    let (since, all) = (choice.since_ms(), EventFilter::default());
    loop {
        let page = store.latest_events(since, Some(after + 1), &all, STREAM_PAGE).await?;
        let Some(first) = page.last() else { return Ok(after) };
        after = first.id - 1;
    }
}

/// Whether somebody still reads.
fn print(lines: &[String]) -> bool {
    let mut out = io::stdout().lock();
    let written = lines.iter().try_for_each(|line| writeln!(out, "{line}")).and_then(|()| out.flush());
    !matches!(written, Err(error) if error.kind() == io::ErrorKind::BrokenPipe)
}
