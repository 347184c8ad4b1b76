//! `/livez` and `/readyz`: up while LivePerson is away, and down for what only a new process cures.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use muster::api::{self, ApiState, Progress};
use muster::app::Fleet;
use muster::console;
use muster::logic::{Logic, LogicError};
use muster::settings::ServerSettings;
use muster_core::bot::Ending;
use muster_core::turn::{Action, Turn, TurnEvent};

use crate::inside::{ACCOUNTS, World, story};
use crate::outside::{self, SOON, Store};
use crate::wait::until;

/// Logic that says of itself that it is instant, and blocks the bot's own thread.
struct Liar(Mutex<Receiver<()>>);

impl Logic for Liar {
    fn decide(&self, turn: &Turn) -> Result<Vec<Action>, LogicError> {
        let TurnEvent::Message { text, .. } = &turn.event else { return Ok(Vec::new()) };
        if text == "block" {
            let _ = self.0.lock().unwrap().recv();
        }
        Ok(vec![Action::Say { text: text.clone() }])
    }

    fn is_instant(&self) -> bool {
        true
    }
}

fn serve(world: &World, fleet: &Fleet) -> SocketAddr {
    let house = fleet.house.clone();
    let progress = Progress::by(move || house.progress());
    let state = ApiState::new(world.board.clone(), fleet.house.metrics.clone(), progress);
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = ServerSettings { listen, authentication: false, ..ServerSettings::default() };
    let (server, address) = api::serve(&server, state, console::configure).unwrap();
    actix::spawn(server);
    address
}

/// The API answers on a thread of its own: this one may wait for it.
fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

async fn answers(address: SocketAddr, path: &str, status: u16) -> String {
    until(&format!("{path} answers {status}"), SOON, async || {
        let answer = get(address, path);
        if answer.starts_with(&format!("HTTP/1.1 {status}")) { Ok(answer) } else { Err(answer) }
    })
    .await
}

#[test]
fn livez_fails_and_names_the_arbiter_that_is_stuck_for_good() {
    story(1, "mine", async |mut world| {
        let (free, blocks) = channel();
        world.logics.add("mine", Arc::new(Liar(Mutex::new(blocks))));
        world.settings.timing.stuck_after = Duration::from_secs(3);
        let fleet = world.launch().await;
        let address = serve(&world, &fleet);
        answers(address, "/livez", 200).await;
        let ada = world.platform.consumer(ACCOUNTS[0], "Ada");
        ada.opens_conversation("block").await;
        let said = answers(address, "/livez", 503).await;
        assert!(said.contains("the arbiter bots-"), "{said}");
        answers(address, "/readyz", 200).await;
        drop(free);
        answers(address, "/livez", 200).await;
        assert_eq!(ada.hears(1, SOON).await.unwrap(), ["block"]);
        world.end(fleet, Ending::Restart).await;
    });
}

#[tokio::test]
async fn livez_and_readyz_stay_up_while_the_platform_is_away() {
    let mut world = outside::World::new(Store::Sqlite, &["--bots", "3"]).await;
    let mut fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    world.platform_dies();
    until("no bot is online", SOON, async || {
        let bots = fleet.bots();
        if bots.iter().any(|bot| bot["state"] == "online") { Err(format!("{bots:?}")) } else { Ok(()) }
    })
    .await;
    // Until each bot has tried in vain once: an outage that is known.
    until("each says why", SOON, async || {
        let bots = fleet.bots();
        let says = |bot: &serde_json::Value| bot["cause"].is_string();
        if bots.iter().all(says) { Ok(()) } else { Err(format!("{bots:?}")) }
    })
    .await;
    for path in ["/livez", "/readyz"] {
        let answer = fleet.get(path);
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    fleet.process.terminate();
    assert_eq!(fleet.process.ended().await, 0, "{}", fleet.process.log());
}
