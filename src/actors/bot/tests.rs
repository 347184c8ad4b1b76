//! What waits for others of a bot fills up: the account's mailbox, the socket's, the recorder's tray.

use std::time::Duration;

use liveperson_proto::request::Request;
use muster_core::bot::Charter;
use muster_core::budget::Allowance;
use muster_core::dialog::{Rules, Tagging, Ticket};
use muster_core::pool::PoolNews;
use tokio::sync::{Mutex, oneshot};
use tokio::time::timeout;

use super::super::account;
use super::super::fleet::FleetActor;
use super::super::house::tests::{house, was_full};
use super::super::login_gate::{LoginGate, LoginHall};
use super::super::recorder::{Entry, Record, Recorded, Recorder};
use super::super::socket::{self, Transmit, tests::ticketed};
use super::super::tray::{Desk, Tray};
use super::*;

const LONG: Duration = Duration::from_secs(30);

fn front_door(house: &House) -> Arc<FrontDoor> {
    let allowance = Allowance { per_second: 1, burst: 1, in_flight: 1 };
    let hall = LoginHall::new(allowance, 1, LONG, house.clock, house.io.clone());
    FrontDoor::new("1".into(), 1, LoginGate::new(hall, None))
}

/// A bot that has not begun.
fn bot(house: &Arc<House>, supervisor: Addr<AccountActor>) -> BotActor {
    let author = Author { account: "1".into(), bot: "b".into(), pool: "p".into(), epoch: 1 };
    let charter = Charter {
        account: author.account.clone(),
        bot: author.bot.clone(),
        pool: author.pool.clone(),
        duty: Duty::default(),
        capacity: 1,
        rules: Rules { tagging: Tagging::default(), ..Rules::default() },
        rhythm: house.rhythm(),
        tokens: muster_core::bot::TokenSource::Login,
        theft: muster_core::bot::TheftRules::default(),
        seed: 1,
    };
    let core = Bot::new(charter, None, Vec::new(), house.clock.now());
    let post = Post {
        house: house.clone(),
        front_door: front_door(house),
        supervisor,
        credentials: Credentials::Password { username: "b".to_owned(), password: "planted".into() },
        duty: Duty::default(),
        logic: house.logics.chosen("echo").unwrap().decider,
        logic_name: "echo".to_owned(),
        author: Arc::new(author),
        seat: Arc::default(),
        bench: Arc::new(Mutex::new(())).try_lock_owned().unwrap(),
        life: 1,
        session: None,
    };
    BotActor::new(post, core, Guard::new("bot", |_| ()))
}

/// Does something until the bot gives its socket up; how often it went well before.
fn until_given_up(bot: &mut BotActor, mut step: impl FnMut(&mut BotActor)) -> usize {
    for times in 0..10_000 {
        step(bot);
        if bot.socket.is_none() {
            return times;
        }
    }
    panic!("it never fills");
}

#[actix::test]
async fn a_watcher_whose_account_is_full_gives_its_socket_up_and_what_is_rare_is_heard_all_the_same() {
    let (house, _folder) = house().await;
    let (left, leaves) = oneshot::channel::<Exit>();
    let guard = Guard::new("account", |exit| drop(left.send(exit)));
    let fleet = Context::<FleetActor>::new().address();
    let account =
        AccountActor::new(house.clone(), "1".into(), front_door(&house), fleet, Vec::new(), guard).start();
    account.send(Fence(None)).await.unwrap();
    let mut bot = bot(&house, account.clone());
    let platform = Context::<SocketActor>::new();
    bot.socket = Some(Held(platform.address()));

    let seen = || PoolNews::Seen { whole: true, open: Vec::new(), closed: Vec::new() };
    let taken = until_given_up(&mut bot, |bot| bot.report(seen()));
    assert!((account::MAILBOX..=account::MAILBOX + 1).contains(&taken), "{taken}");
    assert!(was_full(&house, "account"));

    bot.socket = Some(Held(platform.address()));
    bot.report(PoolNews::Unready);
    assert!(bot.socket.is_some() && was_full(&house, "account"), "what is rare goes past the bound");
    // An account without bots that is told to end has done so: its guard says nothing any more.
    command(&account, Drain { ending: Ending::Restart, within: LONG });
    timeout(LONG, leaves).await.expect("the command is heard").unwrap_err();
}

#[actix::test]
async fn a_socket_whose_mailbox_is_full_is_given_up() {
    let (house, _folder) = house().await;
    let seat = Arc::new(Mutex::new(()));
    let _taken = seat.clone().try_lock_owned().unwrap();
    let (left, leaves) = oneshot::channel();
    let guard = Guard::new("socket", |exit| drop(left.send(exit)));
    let socket = SocketActor::new(ticketed(&house, seat), guard).start();
    socket.send(Transmit(Vec::new())).await.unwrap();
    let mut bot = bot(&house, Context::<AccountActor>::new().address());
    bot.socket = Some(Held(socket));

    let taken = until_given_up(&mut bot, |bot| bot.transmit(vec![(Ticket(1), Request::GetClock)]));
    assert!((socket::QUEUE..=socket::QUEUE + 1).contains(&taken), "{taken}");
    assert!(was_full(&house, "socket"));
    // With the batch from before it is one more than the socket keeps: it goes, and its bot hears of it.
    let exit = timeout(LONG, leaves).await.expect("the socket is gone").unwrap();
    assert_eq!(exit, Exit::Orphaned);
}

#[actix::test]
async fn records_that_find_the_tray_full_stay_with_their_bot_and_are_offered_again() {
    let (house, _folder) = house().await;
    let (tray, recorder) = (Arc::new(Tray::default()), Context::<Recorder>::new());
    let desk = Desk { recorder: recorder.address(), tray: tray.clone() };
    house.recorder.put(desk.clone());
    let mut bot = bot(&house, Context::<AccountActor>::new().address());
    let mut life = Context::<BotActor>::new();
    let answer = life.address().recipient::<Recorded>();
    let others = || Record { author: bot.post.author.clone(), entries: Vec::new(), answer: answer.clone() };
    while desk.hand_over(others()) {}

    bot.records.add(Entry::Release("C".into(), "closed".to_owned(), true));
    bot.send_records(&mut life);
    assert!(!bot.records.is_empty() && was_full(&house, "recorder"), "it stays with its bot");
    assert!(tray.take_up().iter().all(|record| record.entries.is_empty()));

    let _bot = life.run(bot);
    let offered = async {
        loop {
            if let Some(record) = tray.take_up().pop_front() {
                break record.entries.len();
            }
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(timeout(LONG, offered).await.expect("it is offered again"), 1);
}
