//! A platform, a store, a logic and a pool's memory as plain values around one to three bots, and a
//! reference model that checks every step.
//!
//! - [`swarm`]: which faults a run may meet
//! - [`aim`]: a run that is after one pair of state and event; `driving` and `ways`: how it gets there
//! - [`pace`]: what is slow in a run, so that the rest overtakes it
//! - [`platform`], [`store`], [`logic`]: what the bots have to do with
//! - [`member`]: one bot and what is under way around it
//! - `performing`: effects become what is under way
//! - `happenings`: what may happen next; `trouble`: what goes wrong
//! - `steering`, `by_hand`: what people do meanwhile
//! - `watching`: what must hold after each event; [`reference`]: the account of what was promised
//! - [`orders`]: bots end and are fenced all the while;
//!   [`releasing`]: bots are held off for every cause, and released
//! - `ending`: faults end, and every state has a way out
//! - [`coverage`]: which state has met which event; [`unreachable`]: which never can, and why

pub(crate) mod aim;
pub(crate) mod by_hand;
pub(crate) mod coverage;
pub(crate) mod logic;
pub(crate) mod member;
pub(crate) mod orders;
pub(crate) mod platform;
pub(crate) mod reference;
pub(crate) mod releasing;
pub(crate) mod steering;
mod store;
pub(crate) mod swarm;
pub(crate) mod unreachable;

mod driving;
mod ending;
mod happenings;
mod pace;
mod performing;
mod trouble;
mod watching;
mod ways;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use liveperson_proto::request::Request;
use liveperson_proto::{AgentId, ConversationId, PersistentId};
use muster_core::BotId;
use muster_core::bot::{Rhythm, TheftRules, TokenSource};
use muster_core::dialog::{Rules, Ticket};
use muster_core::duty::{Duty, Intake};
use muster_core::pool::{Pool, PoolNews};
use muster_core::time::{Moment, Now};

use aim::Aim;
use coverage::Coverage;
use member::{Member, Terms};
use orders::Tempter;
use pace::Pace;
use platform::Platform;
use reference::{Check, Reference};
use releasing::Warden;
use store::{Claims, Store};
use swarm::{Fault, Swarm};

pub(crate) const ACCOUNT: &str = "1";
pub(crate) const POOL: &str = "p";
pub(crate) const HUMAN: &str = "1.77";
pub(crate) const SETTLE: Duration = Duration::from_secs(5);

pub(crate) fn name(bot: usize) -> BotId {
    BotId::from(format!("b{bot}"))
}

pub(crate) fn agent(bot: usize) -> AgentId {
    AgentId::from(format!("1.1{bot}"))
}

pub(crate) fn persistent(bot: usize) -> PersistentId {
    PersistentId::from(format!("pid-1{bot}"))
}

/// A part of the promise that is switched off, to see the checks fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    Nothing,
    Reconciliation,
    CatchUp,
    Dedupe,
    Order,
    /// Deeds in doubt are sent again at once.
    Settle,
    /// The store does not ask who holds a claim.
    Claims,
    /// The bot never hears that it is fenced.
    Fence,
}

/// What one run is made of.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) intake: Intake,
    pub(crate) bots: usize,
    pub(crate) faults: bool,
    pub(crate) sabotage: Sabotage,
    /// Whether some things are slow, and some faults frequent.
    pub(crate) paced: bool,
    /// What the run is after, if anything.
    pub(crate) aim: Option<Aim>,
}

pub(crate) struct World {
    pub(crate) setup: Setup,
    pub(crate) steps: u64,
    now: Now,
    chance: fastrand::Rng,
    swarm: Swarm,
    pace: Option<Pace>,
    terms: Terms,
    platform: Platform,
    store: Store,
    pool: Option<Pool>,
    members: Vec<Member>,
    /// Reports on their way to the pool.
    reports: VecDeque<(usize, u64, PoolNews)>,
    /// Requests without a socket that are applied later: when, whose, and whether the claim was held.
    late: Vec<(Moment, usize, Request, bool)>,
    store_away: bool,
    /// Claims in the order in which the process's one recorder was handed them.
    claims: Vec<(usize, Ticket, ConversationId)>,
    /// Conversations that a bot was put out of before it held the claim: its pool knows, the store does not.
    shown_the_door: BTreeSet<ConversationId>,
    /// Conversations that a mate takes before their next commit.
    moving: BTreeSet<ConversationId>,
    backup: Option<(Store, Reference)>,
    reference: Reference,
    /// Counted only where a test asks for it.
    pub(crate) coverage: Option<Coverage>,
    /// The dice of those who steer, where somebody does.
    people: Option<fastrand::Rng>,
    steered: bool,
    by_hand: by_hand::ByHand,
    /// Who tempts bots under an order, where somebody does.
    pub(crate) tempter: Option<Tempter>,
    /// Who holds bots off and releases them, where somebody does.
    pub(crate) warden: Option<Warden>,
    last_answered: Option<(Ticket, Request)>,
    breach: Option<String>,
    lives: u64,
    calls: u64,
    /// Joins that the platform refused for no reason.
    refused_joins: BTreeMap<ConversationId, u32>,
    /// Conversations that a bot was last shown with a human, by bot.
    beside_human: BTreeSet<(usize, ConversationId)>,
    pub(crate) reads: BTreeMap<(usize, u64, u64, String), usize>,
    traced: bool,
}

impl World {
    pub(crate) fn new(setup: Setup) -> Self {
        let mut chance = fastrand::Rng::with_seed(setup.seed);
        let mut swarm = if setup.faults { Swarm::of(&mut chance) } else { Swarm::none() };
        let pace = setup.paced.then(|| Pace::of(setup.seed, setup.aim.as_ref()));
        if setup.aim.is_some() && setup.seed % 4 < 2 {
            // What else goes wrong would mostly undo what the run is after.
            swarm = Swarm::none();
        }
        swarm.extend(pace.iter().flat_map(|pace| pace.often.iter().copied()));
        let duty = Duty { intake: setup.intake, ..Duty::default() };
        // Tokens die at random here, again and again: that is no war.
        let theft = TheftRules { limit: usize::MAX, ..TheftRules::default() };
        let terms = Terms {
            rules: rules(&setup, &swarm),
            duty,
            capacity: capacity(&swarm),
            rhythm: rhythm(&swarm),
            theft,
            tokens: TokenSource::Login,
        };
        let most = if swarm.is_empty() { 1_000 } else { terms.rules.page + 2 };
        let platform = Platform::new(setup.intake, setup.bots, most, chance.bool());
        let claims = if setup.sabotage == Sabotage::Claims { Claims::Ignored } else { Claims::Checked };
        let mut world = Self {
            steps: 0,
            now: Now { moment: Moment(1_000), wall: 1_700_000_000_000 },
            chance,
            swarm,
            pace,
            terms,
            platform,
            store: Store::new(claims),
            pool: None,
            members: Vec::new(),
            reports: VecDeque::new(),
            late: Vec::new(),
            store_away: false,
            claims: Vec::new(),
            shown_the_door: BTreeSet::new(),
            moving: BTreeSet::new(),
            backup: None,
            reference: Reference::new(SETTLE),
            coverage: None,
            people: None,
            steered: false,
            by_hand: by_hand::ByHand::default(),
            tempter: None,
            warden: None,
            last_answered: None,
            breach: None,
            lives: setup.seed,
            calls: 0,
            refused_joins: BTreeMap::new(),
            beside_human: BTreeSet::new(),
            reads: BTreeMap::new(),
            traced: false,
            setup,
        };
        for number in 0..world.setup.bots {
            let bot = world.terms.bot(number, world.lives, false, Vec::new(), world.now);
            world.members.push(Member::new(number, bot, world.lives));
            world.lives += 1;
        }
        world.start_process();
        world
    }

    /// Prints all that happens from now on.
    pub(crate) fn traced(&mut self) {
        self.traced = true;
    }

    /// What is broken, with the seed and the step that replay it.
    pub(crate) fn verdict(&self) -> Check {
        let Setup { seed, intake, bots, sabotage, paced, aim, .. } = &self.setup;
        let place = || {
            format!(
                "seed {seed}, {intake:?}, {bots} bots, {sabotage:?} off, paced {paced}, {}, aim {aim:?}, step {}",
                self.meddlers(),
                self.steps
            )
        };
        self.breach.as_ref().map_or(Ok(()), |breach| Err(format!("{breach}\n  ({})", place())))
    }

    /// Who meddles beside the faults, as `replay` is told.
    fn meddlers(&self) -> &'static str {
        match (self.steered, &self.tempter, &self.warden) {
            (true, ..) => "PEOPLE=1",
            (_, Some(_), _) => "ORDERS=1",
            (.., Some(_)) => "WARDEN=1",
            _ => "nobody else",
        }
    }

    pub(crate) fn faults(&self) -> String {
        format!("{:?}, {:?}", self.swarm, self.pace)
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.breach.is_some()
    }

    fn check(&mut self, check: Check) {
        if let Err(words) = check {
            self.breach(words);
        }
    }

    /// The first breach counts; what follows may be its consequence.
    fn breach(&mut self, words: String) {
        self.trace(|| format!("BREACH {words}"));
        self.breach.get_or_insert(words);
    }

    fn trace(&self, line: impl FnOnce() -> String) {
        if self.traced {
            println!("{:>5} {:>9} ms  {}", self.steps, self.now.moment.0, line());
        }
    }
}

fn rules(setup: &Setup, swarm: &Swarm) -> Rules {
    // Small bounds, so that schedules meet them.
    let (inbox, page) = if swarm.is_empty() { (1_000, 1_000) } else { (4, 6) };
    let mut rules = Rules { settle: SETTLE, inbox, page, ..Rules::default() };
    match setup.sabotage {
        Sabotage::Reconciliation => rules.reconcile = false,
        Sabotage::CatchUp => rules.catch_up = false,
        Sabotage::Dedupe => rules.dedupe = false,
        Sabotage::Order => rules.in_order = false,
        Sabotage::Settle => rules.settle = Duration::ZERO,
        Sabotage::Nothing | Sabotage::Claims | Sabotage::Fence => {}
    }
    rules
}

fn rhythm(swarm: &Swarm) -> Rhythm {
    // Where connecting is trouble, tokens are refreshed often, so that schedules meet it in every state.
    let refresh_every = Duration::from_secs(if swarm.is_on(Fault::Connecting) { 10 } else { 300 });
    Rhythm { healthy_after: Duration::from_secs(2), refresh_every, ..Rhythm::default() }
}

fn capacity(swarm: &Swarm) -> usize {
    if swarm.is_on(Fault::Full) { 2 } else { 100 }
}
