//! Bots are held off for every cause there is, whatever happens before and meanwhile. Each time the cause is
//! said, nothing is begun until a person releases the bot, and then its next life is as good as any.

use std::collections::{BTreeMap, BTreeSet};

use liveperson_proto::close_code::CloseCode;
use muster_core::bot::{State, TokenSource};
use muster_core::dialog::Effect;
use muster_core::quarantine::{Kind, Quarantine};
use muster_core::supervision::{Decision, Exit, History, Policy};

use super::member::Gone;
use super::swarm::Fault;
use super::{ACCOUNT, Setup, World, name};

/// What leads to a quarantine when it comes again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    /// The platform refuses the login, or a token that was handed in.
    Refuses,
    /// A login elsewhere.
    Robs,
    /// Frames over the limit.
    TooBig,
    Panics,
    Hangs,
    KillsProcess,
    Suspends,
}

const HARMS: [Harm; 7] =
    [Harm::Refuses, Harm::Robs, Harm::TooBig, Harm::Panics, Harm::Hangs, Harm::KillsProcess, Harm::Suspends];

/// What the process around the bots knows of those that are held off.
pub(crate) struct Warden {
    chance: fastrand::Rng,
    harms: Vec<Harm>,
    exits: Vec<History>,
    held: BTreeMap<usize, Quarantine>,
    /// The platform works from here on: who was released since stays at work.
    at_rest: Option<BTreeSet<usize>>,
    /// How often bots were released, by what had held them off.
    pub(crate) released: BTreeMap<Kind, u64>,
}

impl World {
    /// The run of this setup, in which bots are held off and released.
    pub(crate) fn with_warden(setup: Setup) -> Self {
        let mut chance = fastrand::Rng::with_seed(setup.seed ^ 0x7761_7264_656e);
        let harms: Vec<_> = (0..chance.usize(1..=3)).map(|_| HARMS[chance.usize(0..HARMS.len())]).collect();
        let exits = vec![History::default(); setup.bots];
        let mut world = Self::new(setup);
        world.terms.theft.limit = 2;
        if harms.contains(&Harm::Refuses) {
            world.swarm.extend([Fault::Connecting].into_iter());
            if chance.bool() {
                world.terms.tokens = TokenSource::HandedIn;
            }
        }
        let (held, released) = (BTreeMap::new(), BTreeMap::new());
        world.warden = Some(Warden { chance, harms, exits, held, at_rest: None, released });
        // The lives so far were begun under other terms.
        world.start_process();
        world
    }

    /// One of this run's harms comes, or a person releases somebody.
    pub(super) fn harm_and_release(&mut self) {
        let Some(mut warden) = self.warden.take() else { return };
        let harms_now = warden.chance.u32(0..12) == 0;
        let bot = warden.chance.usize(0..self.members.len());
        let harm = warden.harms[warden.chance.usize(0..warden.harms.len())];
        let releases = warden.chance.u32(0..60) == 0;
        self.warden = Some(warden);
        if harms_now && !self.is_held_off(bot) && self.members[bot].runs() {
            self.harm(bot, harm);
        }
        if releases {
            self.release(bot);
        }
    }

    fn harm(&mut self, bot: usize, harm: Harm) {
        match harm {
            // What the login service says is asked for in `refuses_login`.
            Harm::Refuses => self.drop_socket_with(bot, CloseCode(4401)),
            Harm::Robs => self.drop_socket_with(bot, CloseCode(4407)),
            Harm::TooBig => self.drop_socket_with(bot, CloseCode::TOO_BIG),
            Harm::Panics => self.exits(bot, &Exit::Panicked { part: "logic".to_owned() }),
            Harm::Hangs => self.exits(bot, &Exit::Hung { part: "bot".to_owned() }),
            Harm::KillsProcess => {
                let words = "kills the process: its start took the process down 3 times; mend its logic";
                let quarantine = Quarantine::of(&ACCOUNT.into(), &name(bot), Kind::KillsProcess, words);
                self.hold(bot, quarantine);
                self.crash_all();
            }
            Harm::Suspends => self.quarantine_now(bot),
        }
    }

    /// A life ended without being told to: another follows, unless that came too often.
    fn exits(&mut self, bot: usize, exit: &Exit) {
        let now = self.now.moment;
        let Some(warden) = &mut self.warden else { return };
        match Policy::default().decide(&mut warden.exits[bot], exit, now) {
            Decision::Restart { .. } => self.crash(bot),
            Decision::Quarantine { kind, because } => {
                let quarantine = Quarantine::of(&ACCOUNT.into(), &name(bot), kind, &because);
                self.hold(bot, quarantine);
                self.crash(bot);
            }
        }
    }

    /// Whether the login service refuses this bot's login.
    pub(super) fn refuses_login(&mut self) -> bool {
        let Some(warden) = &mut self.warden else { return false };
        let refuses = warden.harms.contains(&Harm::Refuses) && warden.chance.u32(0..3) > 0;
        refuses && self.swarm.is_on(Fault::Connecting)
    }

    /// Whether it is a login elsewhere that the token died of.
    pub(super) fn is_robbed(&self) -> bool {
        self.warden.as_ref().is_some_and(|warden| warden.harms.contains(&Harm::Robs))
    }

    /// The bot, or whoever supervises it, holds it off: that is said, and kept.
    pub(super) fn hold(&mut self, bot: usize, quarantine: Quarantine) {
        if self.warden.is_none() {
            return;
        }
        if let Err(words) = is_explained(bot, &quarantine) {
            return self.breach(words);
        }
        let Some(warden) = &mut self.warden else { return };
        if warden.at_rest.as_ref().is_some_and(|released| released.contains(&bot)) {
            return self.breach(format!("b{bot} is held off again on a platform that works: {quarantine:?}"));
        }
        warden.held.insert(bot, quarantine);
    }

    fn held(&self, bot: usize) -> Option<&Quarantine> {
        self.warden.as_ref()?.held.get(&bot)
    }

    pub(super) fn is_held_off(&self, bot: usize) -> bool {
        self.held(bot).is_some()
    }

    /// A start asks the store first: whoever is held off stays so.
    pub(super) fn stays_away(&mut self, bot: usize) -> bool {
        let stays = self.is_held_off(bot);
        if stays {
            self.members[bot].gone = Some(Gone::ForGood);
        }
        stays
    }

    /// A bot that is held off says why, whatever it is told, and begins nothing.
    pub(super) fn must_stay_held_off(&mut self, bot: usize, effects: &[Effect]) {
        let anew = effects.iter().rev().find_map(|effect| match effect {
            // Only people hold off what is held off.
            Effect::Quarantine(quarantine) if quarantine.kind == Kind::Suspended => Some(quarantine),
            _ => None,
        });
        let Some(quarantine) = self.held(bot).map(|held| anew.unwrap_or(held)) else { return };
        let view = self.members[bot].bot.view();
        let says = (view.state, view.quarantine, view.cause.as_deref());
        if says != (State::Quarantined, Some(quarantine.kind), Some(quarantine.words.as_str())) {
            return self.breach(format!("b{bot} is held off and shows {says:?}"));
        }
        if let Some(begun) = effects.iter().find(|effect| is_begun(effect)) {
            self.breach(format!("b{bot} is held off and wants {begun:?}"));
        }
    }

    /// A person releases it: a new life begins with what the store knows.
    fn release(&mut self, bot: usize) {
        let Some(warden) = &mut self.warden else { return };
        let Some(quarantine) = warden.held.remove(&bot) else { return };
        *warden.released.entry(quarantine.kind).or_default() += 1;
        if let Some(released) = &mut warden.at_rest {
            released.insert(bot);
        }
        self.trace(|| format!("b{bot} is released"));
        if self.members[bot].runs() {
            self.die(bot);
        }
        self.leave_pool(bot, true);
        self.begin_life(bot);
    }

    /// Nothing harms any more. Everybody who is held off is released, once; also for what came to light later.
    pub(super) fn release_all(&mut self) {
        let Some(warden) = &mut self.warden else { return };
        warden.at_rest.get_or_insert_default();
        for bot in 0..self.members.len() {
            self.release(bot);
        }
    }
}

/// Whether its words name the cause and the way out.
fn is_explained(bot: usize, quarantine: &Quarantine) -> Result<(), String> {
    let Quarantine { kind, words } = quarantine;
    let causes: &[&str] = match kind {
        Kind::BadCredentials => &["the platform refused the login twice", "no longer takes the bot's token"],
        Kind::StolenSession => &["a login elsewhere took the bot's session"],
        Kind::CrashLoop => &["logic panicked ("],
        Kind::Stuck => &["bot hung ("],
        Kind::OversizeFrames => &["the socket closed twice with 1009"],
        Kind::KillsProcess => &["took the process down"],
        Kind::Suspended => &["a person says so"],
    };
    let way_out = format!("`muster bots release {ACCOUNT}/{} --reason WHY`", name(bot));
    if causes.iter().any(|cause| words.contains(cause)) && words.ends_with(&way_out) {
        return Ok(());
    }
    Err(format!("b{bot} is held off as {kind} with the words {words:?}"))
}

fn is_begun(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Resolve
            | Effect::Login
            | Effect::Refresh
            | Effect::Open { .. }
            | Effect::Ask(..)
            | Effect::Think(_)
            | Effect::Claim { .. }
    )
}
