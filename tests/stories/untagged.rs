//! Reconciliation by own words: where tags are off, and where the platform returns no metadata.

use std::time::Duration;

use crate::kill::killed;
use crate::outside::{Store, World};

const LOAD: [&str; 11] = [
    "--bots",
    "3",
    "--consumers",
    "12",
    "--think",
    "60",
    "--burst",
    "2",
    "--answer-within",
    "180000",
    "--no-metadata-in-history",
];

/// What is under way when the process is killed is applied late: after the next one has looked once.
const LATE: Option<Duration> = Some(Duration::from_secs(1));

/// Its tags never come back: what it said itself is known by its words.
#[tokio::test]
async fn a_platform_that_returns_no_metadata_is_answered_once_on_sqlite() {
    let world = World::new(Store::Sqlite, &LOAD).await;
    let (settled, ledger) = killed(&world, LATE, "").await;
    assert!(settled && ledger.is_clean(), "{ledger}\n{:?}", ledger.details);
}

#[tokio::test]
async fn an_account_without_tags_is_answered_once_on_postgres() {
    let world = World::new(Store::Postgres, &LOAD).await;
    world.without_tags();
    let (settled, ledger) = killed(&world, LATE, "").await;
    assert!(settled && ledger.is_clean(), "{ledger}\n{:?}", ledger.details);
}
