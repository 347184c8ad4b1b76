//! Those who follow the fleet's events: nothing missed, nothing twice, and nobody waited for.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::following::Following;
use super::hub::{Hub, HubRules};
use crate::happening::Happening;
use crate::metrics::Metrics;
use crate::store::{EVENTS_KEPT, EventFilter, NewEvent, Store, StoreOptions, StoreUrl};

/// Long enough for a machine under load.
const SOON: Duration = Duration::from_secs(30);

struct World {
    hub: Arc<Hub>,
    store: Store,
    metrics: Arc<Metrics>,
    _folder: TempDir,
}

async fn world(rules: HubRules) -> World {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions::new(StoreUrl::Sqlite(folder.path().join("store.db")));
    let store = Store::open(&options, tokio::runtime::Handle::current()).await.unwrap();
    store.migrate().await.unwrap();
    let metrics = Arc::new(Metrics::new("1.2.3").unwrap());
    World { hub: Hub::new(store.clone(), metrics.clone(), rules), store, metrics, _folder: folder }
}

fn quick() -> HubRules {
    HubRules { look_every: Duration::from_millis(1), ..HubRules::default() }
}

impl World {
    fn follows(&self, filter: &str, after: Option<i64>) -> Following {
        let place = self.hub.place().expect("there is a place");
        Following::new(self.hub.clone(), EventFilter::parse(filter).unwrap(), after, place)
    }

    async fn happens(&self, account: &str, causes: &[String]) {
        let event = |cause: &String| NewEvent {
            account: account.into(),
            bot: "ada".into(),
            at: 1_780_000_000_000,
            kind: Happening::State,
            state: Some("online".to_owned()),
            cause: Some(cause.clone()),
            who: None,
        };
        self.store.add_events(&causes.iter().map(event).collect::<Vec<_>>()).await.unwrap();
    }
}

fn numbered(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|n| n.to_string()).collect()
}

/// What a client reads: the blocks of the next piece.
async fn blocks(following: &mut Following) -> Option<Vec<String>> {
    let said = tokio::time::timeout(SOON, following.next()).await.expect("it says something")?;
    let text = String::from_utf8(said.to_vec()).unwrap();
    Some(text.split_terminator("\n\n").map(str::to_owned).collect())
}

/// The id and the cause of an event's block.
fn event(block: &str) -> Option<(i64, String)> {
    let line = |start: &str| block.lines().find_map(|line| line.strip_prefix(start));
    let data: serde_json::Value = serde_json::from_str(line("data: ")?).unwrap();
    let id = line("id: ")?.parse().unwrap();
    assert_eq!(data["id"], id);
    Some((id, data["cause"].as_str().unwrap().to_owned()))
}

/// Reads until so many events were read.
async fn read(following: &mut Following, count: usize) -> Vec<String> {
    let mut read = Vec::new();
    while read.len() < count {
        let blocks = blocks(following).await.expect("it goes on");
        read.extend(blocks.iter().filter_map(|block| event(block)).map(|(_, cause)| cause));
    }
    read
}

/// Reads until a heartbeat says that everything up to an id was told: then it is live, and its buffer empty.
async fn read_up_to(following: &mut Following, id: i64) -> Vec<String> {
    let mut read = Vec::new();
    let reading = async {
        loop {
            for block in blocks(following).await.expect("it goes on") {
                if block == format!(": heartbeat\nid: {id}") {
                    return;
                }
                read.extend(event(&block).map(|(_, cause)| cause));
            }
        }
    };
    tokio::time::timeout(SOON, reading).await.expect("a heartbeat with the last id");
    read
}

#[actix_web::test]
async fn a_client_that_comes_back_again_and_again_misses_nothing_and_reads_nothing_twice() {
    const ALL: u32 = 300;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let world = world(HubRules { page: 7, heartbeat: Duration::from_millis(2), ..quick() }).await;
    let mut sizes = chance.fork();
    let writing = async {
        let mut next = 0;
        while next < ALL {
            let end = ALL.min(next + sizes.u32(1..20));
            world.happens("1", &numbered(next..end)).await;
            next = end;
            tokio::task::yield_now().await;
        }
    };
    let (mut told, mut last) = (Vec::new(), 0);
    let reading = async {
        while told.len() < ALL as usize {
            let mut following = world.follows("", Some(last));
            for _ in 0..chance.usize(1..12) {
                for block in blocks(&mut following).await.expect("it goes on") {
                    if let Some((id, cause)) = event(&block) {
                        told.push(cause);
                        last = id;
                    } else if let Some(id) = block.lines().find_map(|line| line.strip_prefix("id: ")) {
                        // A heartbeat moves the place from which a client comes back.
                        last = id.parse().unwrap();
                    }
                }
            }
        }
    };
    tokio::join!(writing, reading);
    assert_eq!(told, numbered(0..ALL));
    assert!(world.hub.place().is_some() && world.hub.is_free(), "every place is free again");
}

#[actix_web::test]
async fn a_client_that_reads_too_slowly_is_dropped_with_a_word_and_costs_the_others_nothing() {
    let rules = HubRules { buffer: 8, page: 4, heartbeat: Duration::from_millis(1), ..quick() };
    let world = world(rules).await;
    world.happens("1", &numbered(0..1)).await;
    let (mut slow, mut quick) = (world.follows("", Some(0)), world.follows("", Some(0)));
    for following in [&mut slow, &mut quick] {
        assert_eq!(read_up_to(following, 1).await, ["0"]);
    }
    // From here on the slow one is not read.
    let mut told = Vec::new();
    for n in 1..60 {
        world.happens("1", &numbered(n..n + 1)).await;
        told.extend(read(&mut quick, 1).await);
        assert!(world.hub.longest_buffer() <= rules.buffer);
    }
    assert_eq!(told, numbered(1..60), "the quick one goes on");
    let text = world.metrics.scrape(&crate::board::Board::default()).unwrap();
    assert!(text.contains("muster_queue_full_total{queue=\"events\"} 1\n"), "{text}");
    assert_eq!(world.hub.taken(), 1, "its place is free though it has not read its last word");

    let (mut left, mut word) = (Vec::new(), None);
    while let Some(blocks) = blocks(&mut slow).await {
        for block in blocks {
            match event(&block) {
                Some((_, cause)) => left.push(cause),
                None => word = Some(block),
            }
        }
    }
    assert_eq!(left, numbered(1..1 + rules.buffer as u32), "what lay in its buffer it still gets");
    let word = word.unwrap();
    assert!(word.starts_with("event: dropped\ndata: {\"why\":\"more than 8 events wait"), "{word}");
    assert!(!word.contains("id: "), "it comes back with the last event's id");
}

#[actix_web::test]
async fn a_full_table_takes_nobody_more_until_somebody_leaves() {
    let world = world(HubRules { clients: 2, ..quick() }).await;
    let (mut one, other) = (world.follows("", None), world.follows("", None));
    assert!(world.hub.place().is_none());
    drop(other);
    assert!(world.hub.place().is_some(), "who left while it read");
    world.happens("1", &numbered(0..1)).await;
    let mut live = world.follows("", Some(0));
    assert_eq!(read(&mut live, 1).await, ["0"]);
    blocks(&mut one).await;
    assert!(world.hub.place().is_none());
    drop((live, one));
    assert!(world.hub.place().is_some(), "who left while it was live");
}

#[actix_web::test]
async fn a_silent_fleet_is_heard_of_by_heartbeats_that_tell_how_far_it_is() {
    let world = world(HubRules { heartbeat: Duration::from_millis(1), ..quick() }).await;
    world.happens("1", &numbered(0..3)).await;
    let mut following = world.follows("kind=theft", Some(1));
    assert_eq!(blocks(&mut following).await.unwrap(), ["retry: 1000"]);
    assert_eq!(blocks(&mut following).await.unwrap(), [": heartbeat\nid: 3"]);
    // What it does not want moves it on all the same.
    world.happens("1", &numbered(3..5)).await;
    assert_eq!(read_up_to(&mut following, 5).await, Vec::<String>::new());
}

#[actix_web::test]
async fn nobody_follows_longer_than_allowed() {
    let world = world(HubRules { longest: Duration::ZERO, ..quick() }).await;
    let mut following = world.follows("", None);
    assert_eq!(blocks(&mut following).await.unwrap(), ["retry: 1000"]);
    assert_eq!(blocks(&mut following).await, None);
    assert!(world.hub.is_free());
}

#[actix_web::test]
async fn whoever_asks_for_what_is_not_kept_is_told_of_the_gap() {
    let world = world(quick()).await;
    world.happens("1", &numbered(0..EVENTS_KEPT)).await;
    world.happens("1", &numbered(EVENTS_KEPT..EVENTS_KEPT + 5)).await;
    for (after, gap, first) in [
        (0, Some("{\"after\":0,\"whole_from\":6}"), "5"),
        (4, Some("{\"after\":4,\"whole_from\":6}"), "5"),
        (5, None, "5"),
        (1_000, None, "1000"),
    ] {
        let mut following = world.follows("", Some(after));
        assert_eq!(blocks(&mut following).await.unwrap(), ["retry: 1000"]);
        if let Some(gap) = gap {
            assert_eq!(blocks(&mut following).await.unwrap(), [format!("event: gap\ndata: {gap}")]);
        }
        assert_eq!(read(&mut following, 1).await[0], first, "after {after}");
    }
    // An id of another store, or of what a restored backup does not have.
    let mut following = world.follows("", Some(9_999));
    blocks(&mut following).await;
    assert_eq!(
        blocks(&mut following).await.unwrap(),
        ["event: gap\ndata: {\"after\":9999,\"whole_from\":6}"]
    );
    world.happens("1", &["next".to_owned()]).await;
    assert_eq!(read(&mut following, 1).await, ["next"]);
}

#[actix_web::test]
async fn everybody_hears_what_they_want_and_may_hear() {
    let world = world(HubRules { heartbeat: Duration::from_millis(1), ..quick() }).await;
    let place = || world.hub.place().unwrap();
    let limited = EventFilter::parse("kind=state").unwrap().within(["2"]);
    let mut limited = Following::new(world.hub.clone(), limited, Some(0), place());
    let mut all = world.follows("", Some(0));
    for account in ["1", "2"] {
        world.happens(account, &[format!("stored, of {account:?}")]).await;
    }
    assert_eq!(read_up_to(&mut limited, 2).await, ["stored, of \"2\""]);
    assert_eq!(read_up_to(&mut all, 2).await.len(), 2);
    for account in ["", "1", "2"] {
        world.happens(account, &[format!("live, of {account:?}")]).await;
    }
    assert_eq!(read_up_to(&mut limited, 5).await, ["live, of \"2\""]);
    assert_eq!(read_up_to(&mut all, 5).await.len(), 3);
}
