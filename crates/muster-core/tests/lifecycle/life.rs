//! One bot under a given clock.

use std::time::Duration;

use liveperson_proto::close_code::CloseCode;
use liveperson_proto::request::Request;
use liveperson_proto::ring::{Ring, RingState};
use muster_core::bot::{Bot, Charter, Event, Identity, Rhythm, Sealed, State, TheftRules, TokenSource};
use muster_core::dialog::{Effect, Outcome, Restored, Rules, Ticket};
use muster_core::duty::Duty;
use muster_core::quarantine::{Kind, Quarantine};
use muster_core::time::{Moment, Now};

/// One bot under a given clock, with what it wanted last and ever.
pub(crate) struct Life {
    pub(crate) bot: Bot,
    pub(crate) now: Now,
    pub(crate) effects: Vec<Effect>,
    pub(crate) all: Vec<Effect>,
}

pub(crate) fn identity() -> Identity {
    Identity { agent: "1.2".into(), persistent: Some("pid".into()) }
}

pub(crate) fn quarantined() -> Event {
    let words = "a person says so".to_owned();
    Event::Quarantined(Quarantine { kind: Kind::Suspended, words })
}

fn began() -> Now {
    Now { moment: Moment(1_000), wall: 1_700_000_000_000 }
}

fn charter(duty: Duty, rules: Rules, tokens: TokenSource) -> Charter {
    Charter {
        account: "1".into(),
        bot: "b".into(),
        pool: "p".into(),
        duty,
        capacity: 2,
        rules,
        rhythm: Rhythm::default(),
        tokens,
        theft: TheftRules::default(),
        seed: 7,
    }
}

impl Life {
    pub(crate) fn new(sealed: bool) -> Self {
        Self::by(Rules::default(), sealed)
    }

    /// A bot of a pool with this duty, online.
    pub(crate) fn of_pool(duty: Duty) -> Self {
        let mut life = Self::with(duty, Rules::default(), TokenSource::Login, true);
        life.tell(Event::Resolved);
        life.connect();
        life
    }

    /// A bot whose token somebody handed in.
    pub(crate) fn with_token() -> Self {
        Self::with(Duty::default(), Rules::default(), TokenSource::HandedIn, true)
    }

    /// Under rules of its own.
    pub(crate) fn by(rules: Rules, sealed: bool) -> Self {
        Self::with(Duty::default(), rules, TokenSource::Login, sealed)
    }

    /// Its next life, online, with what the store gave back.
    pub(crate) fn after_a_restart(held: Restored) -> Self {
        let mut life = Self::holding(vec![held], Duty::default(), Rules::default(), TokenSource::Login, true);
        life.tell(Event::Resolved);
        let generation = life.generation();
        life.tell(Event::SocketOpened { generation });
        life.answer_all();
        life
    }

    /// Under rules of its own about logins elsewhere.
    pub(crate) fn robbed_by(theft: TheftRules, sealed: bool) -> Self {
        let now = began();
        let sealed = sealed.then(|| Sealed {
            identity: identity(),
            logged_in: Some(now.wall),
            refreshed: Some(now.wall),
        });
        let charter = charter(Duty::default(), Rules::default(), TokenSource::Login);
        Self::starting(Charter { theft, ..charter }, sealed, Vec::new())
    }

    /// The same from nothing, with chances of its own.
    pub(crate) fn robbed_by_seeded(theft: TheftRules, seed: u64) -> Self {
        let charter = charter(Duty::default(), Rules::default(), TokenSource::Login);
        Self::starting(Charter { theft, seed, ..charter }, None, Vec::new())
    }

    /// With a sealed session that says how old it is.
    pub(crate) fn sealed(sealed: Sealed) -> Self {
        let charter = charter(Duty::default(), Rules::default(), TokenSource::Login);
        Self::starting(charter, Some(sealed), Vec::new())
    }

    /// Wakes it until it wants something of that kind.
    pub(crate) fn wake_until(&mut self, wanted: fn(&Effect) -> bool) {
        for _ in 0..100 {
            if self.wake().iter().any(wanted) {
                return;
            }
        }
        panic!("it never wants that: {:?}", self.bot.view());
    }

    fn with(duty: Duty, rules: Rules, tokens: TokenSource, sealed: bool) -> Self {
        Self::holding(Vec::new(), duty, rules, tokens, sealed)
    }

    fn holding(held: Vec<Restored>, duty: Duty, rules: Rules, tokens: TokenSource, sealed: bool) -> Self {
        let sealed = sealed.then(|| identity().into());
        Self::starting(charter(duty, rules, tokens), sealed, held)
    }

    fn starting(charter: Charter, sealed: Option<Sealed>, held: Vec<Restored>) -> Self {
        let now = began();
        let bot = Bot::new(charter, sealed, held, now);
        let mut life = Self { bot, now, effects: Vec::new(), all: Vec::new() };
        life.tell(Event::Started);
        life
    }

    pub(crate) fn tell(&mut self, event: Event) -> &[Effect] {
        self.effects.clear();
        self.bot.on(event, self.now, &mut self.effects);
        self.all.extend(self.effects.iter().cloned());
        &self.effects
    }

    pub(crate) fn pass(&mut self, time: Duration) -> &[Effect] {
        self.now.moment = self.now.moment + time;
        self.now.wall += time.as_millis() as i64;
        self.tell(Event::Tick)
    }

    /// Passes time until the bot wants to be woken, and wakes it.
    pub(crate) fn wake(&mut self) -> &[Effect] {
        let at = self.bot.deadline().expect("a bot that waits has a deadline");
        self.pass(at.since(self.now.moment))
    }

    /// The number of the last claim that was asked for.
    pub(crate) fn claim_number(&self) -> Ticket {
        let asked = |e: &Effect| if let Effect::Claim { number, .. } = e { Some(*number) } else { None };
        self.all.iter().rev().find_map(asked).expect("a claim was asked for")
    }

    pub(crate) fn generation(&self) -> u64 {
        let opened = |e: &Effect| if let Effect::Open { generation } = e { Some(*generation) } else { None };
        self.all.iter().rev().find_map(opened).expect("a socket was opened")
    }

    pub(crate) fn answer_all(&mut self) {
        let asked: Vec<Ticket> = self
            .effects
            .iter()
            .filter_map(|e| if let Effect::Ask(t, _) = e { Some(*t) } else { None })
            .collect();
        for ticket in asked {
            self.tell(Event::Answered { ticket, outcome: Outcome::Done });
        }
    }

    pub(crate) fn online(sealed: bool) -> Self {
        Self::new(sealed).into_online(sealed)
    }

    pub(crate) fn into_online(mut self, sealed: bool) -> Self {
        let life = &mut self;
        life.tell(Event::Resolved);
        if !sealed {
            life.tell(Event::LoggedIn(identity()));
        }
        life.connect();
        self
    }

    pub(crate) fn connect(&mut self) {
        let generation = self.generation();
        self.tell(Event::SocketOpened { generation });
        self.answer_all();
        self.tell(Event::Conversations { generation, subscription: None, changes: Vec::new(), lost: 0 });
        assert_eq!(self.bot.view().state, State::Online);
    }

    pub(crate) fn close(&mut self, code: u16) {
        let generation = self.generation();
        self.tell(Event::SocketClosed { generation, code: CloseCode(code), words: String::new() });
    }

    pub(crate) fn count(&self, wanted: fn(&Effect) -> bool) -> usize {
        self.all.iter().filter(|e| wanted(e)).count()
    }
}

pub(crate) fn is_login(effect: &Effect) -> bool {
    matches!(effect, Effect::Login)
}

pub(crate) fn is_acceptance(effect: &Effect) -> bool {
    matches!(effect, Effect::Ask(_, Request::AcceptRing { .. }))
}

pub(crate) fn ring(n: u32, expires_at: i64) -> Ring {
    Ring {
        id: format!("r{n}").into(),
        conversation: format!("C{n}").into(),
        skill: None,
        state: RingState::Waiting,
        expires_at: Some(expires_at),
    }
}
