//! Two fleets on one identity: each login takes the other's session, and it must not become a war.

use std::collections::BTreeMap;

use liveperson_proto::close_code::CloseCode;
use liveperson_proto::request::Request;
use muster_core::bot::{Bystanders, Event, OnTheft, RefreshFault, State, TheftRules};
use muster_core::dialog::{Effect, Outcome};
use muster_core::quarantine::Kind;

use crate::life::{Life, identity};

/// What a second login does to the sockets of the first.
#[derive(Clone, Copy, Debug)]
enum SecondLogin {
    Never,
    Closes { after: u64, code: u16 },
}

/// What is on its way, for one of the two.
#[derive(Debug)]
enum Due {
    Hears(Event),
    LogsIn,
    /// With this token.
    Refreshes(u64),
    Opens(u64, u64),
    /// The platform closes a socket.
    Closes(u64, u16),
}

/// The identity on the platform, and the two fleets that want it.
struct War {
    fleets: [Life; 2],
    tokens: [u64; 2],
    sockets: [Option<(u64, u64)>; 2],
    token: u64,
    logins: Vec<usize>,
    second_login: SecondLogin,
    found: Bystanders,
    due: BTreeMap<(u64, u64), (usize, Due)>,
    count: u64,
    now: u64,
    chance: fastrand::Rng,
}

const HOUR: u64 = 3_600_000;

impl War {
    fn of(seed: u64, rules: TheftRules, found: Bystanders) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let codes = [4401, 4407, 1006, 1008, 1011];
        let code = codes[chance.usize(0..codes.len())];
        let second_login = match chance.u32(0..3) {
            0 => SecondLogin::Never,
            1 => SecondLogin::Closes { after: 0, code },
            _ => SecondLogin::Closes { after: chance.u64(1..600_000), code },
        };
        let fleets = [0, 1].map(|n| Life::robbed_by_seeded(rules, seed * 2 + n));
        let (due, count, now) = (BTreeMap::new(), 0, fleets[0].now.moment.0);
        let mut war = Self {
            fleets,
            tokens: [0; 2],
            sockets: [None; 2],
            token: 0,
            logins: Vec::new(),
            second_login,
            found,
            due,
            count,
            now,
            chance,
        };
        war.perform(0);
        war
    }

    fn later(&mut self, who: usize, after: u64, due: Due) {
        self.count += 1;
        self.due.insert((self.now + after, self.count), (who, due));
    }

    /// A moment on the wire.
    fn soon(&mut self, who: usize, due: Due) {
        let after = self.chance.u64(1..800);
        self.later(who, after, due);
    }

    fn perform(&mut self, who: usize) {
        for effect in self.fleets[who].effects.clone() {
            match effect {
                Effect::Resolve => self.soon(who, Due::Hears(Event::Resolved)),
                Effect::Login => self.soon(who, Due::LogsIn),
                Effect::Refresh => self.soon(who, Due::Refreshes(self.tokens[who])),
                Effect::LookAround => self.soon(who, Due::Hears(Event::LookedAround(self.found))),
                Effect::Open { generation } => self.soon(who, Due::Opens(generation, self.tokens[who])),
                Effect::CloseSocket => self.sockets[who] = None,
                Effect::Ask(ticket, request) => {
                    self.later(who, 2, Due::Hears(Event::Answered { ticket, outcome: Outcome::Done }));
                    if let (Request::SubscribeConversations { .. }, Some((generation, _))) =
                        (request, self.sockets[who])
                    {
                        let (subscription, changes) = (None, Vec::new());
                        let event = Event::Conversations { generation, subscription, changes, lost: 0 };
                        self.later(who, 3, Due::Hears(event));
                    }
                }
                _ => {}
            }
        }
    }

    fn tell(&mut self, who: usize, event: Event) {
        let life = &mut self.fleets[who];
        life.now.wall += (self.now - life.now.moment.0) as i64;
        life.now.moment.0 = self.now;
        life.tell(event);
        self.perform(who);
    }

    fn logs_in(&mut self, who: usize) {
        self.token += 1;
        self.logins.push(who);
        self.tokens[who] = self.token;
        if let SecondLogin::Closes { after, code } = self.second_login {
            for of in 0..2 {
                if let Some((generation, _)) = self.sockets[of] {
                    self.later(of, after, Due::Closes(generation, code));
                }
            }
        }
        self.soon(who, Due::Hears(Event::LoggedIn(identity())));
    }

    fn happens(&mut self, who: usize, due: Due) {
        match due {
            Due::Hears(event) => self.tell(who, event),
            Due::LogsIn => self.logs_in(who),
            Due::Refreshes(token) if token == self.token => self.tell(who, Event::Refreshed),
            Due::Refreshes(_) => self.tell(who, Event::RefreshFailed(RefreshFault::Unauthorized)),
            Due::Opens(generation, token) if token == self.token => {
                self.sockets[who] = Some((generation, token));
                self.tell(who, Event::SocketOpened { generation });
            }
            Due::Opens(generation, _) => {
                let words = "401".to_owned();
                self.tell(who, Event::SocketFailed { generation, unauthorized: true, words });
            }
            Due::Closes(generation, code) => {
                if self.sockets[who].take_if(|(open, _)| *open == generation).is_some() {
                    let (code, words) = (CloseCode(code), String::new());
                    self.tell(who, Event::SocketClosed { generation, code, words });
                }
            }
        }
    }

    fn go_on_until(&mut self, end: u64, fleets: usize) {
        loop {
            let deadline = |who: usize| self.fleets[who].bot.deadline().map(|at| (at.0.max(self.now), who));
            let tick = (0..fleets).filter_map(deadline).min();
            let due = self.due.first_key_value().map(|((at, _), _)| *at);
            match (tick, due) {
                (Some((at, who)), due) if due.is_none_or(|due| at < due) && at <= end => {
                    self.now = at;
                    self.tell(who, Event::Tick);
                }
                (_, Some(at)) if at <= end => {
                    self.now = at;
                    let (_, (who, due)) = self.due.pop_first().expect("it is there");
                    self.happens(who, due);
                }
                _ => return,
            }
        }
    }

    fn view(&self, who: usize) -> muster_core::bot::View {
        self.fleets[who].bot.view()
    }

    /// One fleet is at home, then the other comes; for two hours they may fight.
    fn fight(&mut self) {
        let comes = self.now + self.chance.u64(5_000..1_800_000);
        self.go_on_until(comes, 1);
        assert_eq!(self.view(0).state, State::Online);
        self.now = comes;
        self.perform(1);
        self.go_on_until(comes + 2 * HOUR, 2);
    }

    /// Logins from the second fleet's first one on.
    fn contested(&self) -> usize {
        self.logins.iter().skip_while(|who| **who == 0).count()
    }
}

const SEEDS: u64 = 1_500;

fn each_war(rules: TheftRules, found: Bystanders, judge: impl Fn(&War) -> Result<(), String>) {
    for seed in 0..SEEDS {
        let mut war = War::of(seed, rules, found);
        war.fight();
        if let Err(words) = judge(&war) {
            panic!(
                "seed {seed}, {:?}: {words}; logins by {:?}\n{:?}\n{:?}",
                war.second_login,
                war.logins,
                war.view(0),
                war.view(1)
            );
        }
    }
}

/// Exactly one has the identity, and the other says why it has not.
fn is_settled(war: &War, logins: usize) -> Result<(), String> {
    if war.contested() > logins {
        return Err(format!("{} logins", war.contested()));
    }
    let (loser, winner) = if war.view(0).quarantine.is_some() { (0, 1) } else { (1, 0) };
    let (lost, won) = (war.view(loser), war.view(winner));
    if lost.quarantine != Some(Kind::StolenSession) || won.state != State::Online {
        return Err("it is not settled".to_owned());
    }
    let words = lost.cause.unwrap_or_default();
    let explained = words.contains("a login elsewhere took the bot's session") && words.contains("release");
    if explained { Ok(()) } else { Err(words) }
}

#[test]
fn two_fleets_on_one_identity_settle_within_three_logins() {
    each_war(TheftRules::default(), Bystanders::Nobody, |war| is_settled(war, 3));
}

#[test]
fn whoever_stands_down_leaves_the_identity_to_the_second_fleet_at_once() {
    let rules = TheftRules { on_theft: OnTheft::StandDown, ..TheftRules::default() };
    each_war(rules, Bystanders::Nobody, |war| {
        is_settled(war, 1)?;
        if war.view(1).state == State::Online { Ok(()) } else { Err("the first went on".to_owned()) }
    });
}

#[test]
fn two_whole_fleets_that_look_like_a_revocation_settle_too() {
    each_war(TheftRules::default(), Bystanders::Many, |war| is_settled(war, 5));
}

/// The proof itself can fail: without the limit they fight to the end.
#[test]
fn without_the_limit_it_is_a_war() {
    let rules = TheftRules { limit: usize::MAX, ..TheftRules::default() };
    each_war(rules, Bystanders::Nobody, |war| {
        if war.contested() > 10 { Ok(()) } else { Err("it ended by itself".to_owned()) }
    });
}
