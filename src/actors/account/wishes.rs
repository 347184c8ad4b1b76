//! What people want of this account's bots: that they hold still; and wishes, which are begun once, watched,
//! and answered in words.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use muster_core::BotId;
use muster_core::bot::Ending;
use muster_core::declared::Step;
use muster_core::time::Moment;
use muster_core::wish::{Beginning, Seen, Verb, Verdict, begin, judge, overtaken};
use tracing::{info, warn};

use super::super::bot::{Hold, Wished};
use super::super::command;
use super::arrange::Next;
use super::{AccountActor, Running};
use crate::board::BotState;
use crate::settings::Wanted;
use crate::store::BotWish;
use crate::telemetry::Chain;

/// How often wishes that are on their way are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// So long after its ending a bot may take to be as wished.
const PATIENCE: Duration = Duration::from_mins(1);
/// Answered wishes that are remembered: the store may still tell of them once.
const REMEMBERED: usize = 16;

/// A bot's wishes: the one that is on its way, and those that were answered lately.
#[derive(Default)]
pub(super) struct Wishes {
    open: Option<OnItsWay>,
    answered: VecDeque<String>,
}

struct OnItsWay {
    row: BotWish,
    /// The life that it found.
    life: u64,
    since: Moment,
    /// Its life begins without the session, once.
    logs_in_anew: bool,
    /// What came of it, until the store knows.
    verdict: Option<Verdict>,
}

/// People hold other bots still than before.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Held;

impl Handler<Held> for AccountActor {
    type Result = ();

    fn handle(&mut self, _: Held, _: &mut Context<Self>) {
        for (bot, seat) in &self.bots {
            if let Some(Running(addr)) = &seat.running {
                command(addr, Hold(self.house.pauses.words(&self.id, bot)));
            }
        }
    }
}

/// The open wishes for this account's bots, oldest first.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Wanting(pub Vec<BotWish>);

impl Handler<Wanting> for AccountActor {
    type Result = ();

    // Downward, at the pace of people; told again until each is answered.
    fn handle(&mut self, Wanting(rows): Wanting, ctx: &mut Context<Self>) {
        if self.draining.is_some() {
            return;
        }
        let mut wishes: BTreeMap<BotId, Vec<BotWish>> = BTreeMap::new();
        for row in rows {
            wishes.entry(row.bot.clone()).or_default().push(row);
        }
        for (bot, rows) in wishes {
            self.hear(&bot, rows, ctx);
        }
    }
}

/// What came of something that a bot was told to do.
#[derive(Message)]
#[rtype(result = "()")]
pub struct WishTold {
    /// Which bot.
    pub bot: BotId,
    /// Which wish.
    pub wish: String,
    /// What came of it.
    pub verdict: Verdict,
}

impl Handler<WishTold> for AccountActor {
    type Result = ();

    fn handle(&mut self, WishTold { bot, wish, verdict }: WishTold, ctx: &mut Context<Self>) {
        let open = self.bots.get(&bot).and_then(|seat| seat.wishes.open.as_ref());
        if open.is_some_and(|open| open.row.id == wish) {
            self.answer(&bot, verdict, ctx);
        }
    }
}

impl AccountActor {
    fn hear(&mut self, bot: &BotId, mut rows: Vec<BotWish>, ctx: &mut Context<Self>) {
        let Some(seat) = self.bots.get(bot) else {
            let gone = Verdict::Failed("it is not declared any more".to_owned());
            for row in rows {
                self.tell_store(row, gone.clone(), ctx);
            }
            return;
        };
        rows.retain(|row| !seat.wishes.answered.contains(&row.id));
        let last = rows.iter().rfind(|row| row.verb.concerns_the_life()).cloned();
        for row in rows {
            match &last {
                Some(last) if row.verb.concerns_the_life() && row.id != last.id => {
                    self.drop_wish(bot, row, overtaken(last.verb), ctx);
                }
                _ => self.take_up(bot, row, ctx),
            }
        }
    }

    /// A wish that another one overtook.
    fn drop_wish(&mut self, bot: &BotId, row: BotWish, verdict: Verdict, ctx: &mut Context<Self>) {
        let Some(seat) = self.bots.get_mut(bot) else { return };
        if seat.wishes.open.as_ref().is_some_and(|open| open.row.id == row.id) {
            return self.answer(bot, verdict, ctx);
        }
        self.tell_store(row, verdict, ctx);
    }

    /// One wish of a bot at a time; the others are told of again.
    fn take_up(&mut self, bot: &BotId, row: BotWish, ctx: &mut Context<Self>) {
        let now = self.house.clock.now().moment;
        let Some(seat) = self.bots.get_mut(bot) else { return };
        if let Some(open) = &seat.wishes.open {
            let (same, verdict) = (open.row.id == row.id, open.verdict.clone());
            match verdict {
                Some(verdict) if same => self.tell_store(row, verdict, ctx),
                None if same => self.tell_bot(bot, &row),
                _ => {}
            }
            return;
        }
        let (verb, begun, older) = (row.verb, row.begun, row.older);
        // All lives of this process are younger than what was wanted before.
        let life = if begun || older { 0 } else { seat.life };
        let open = OnItsWay { row: row.clone(), life, since: now, logs_in_anew: false, verdict: None };
        seat.wishes.open = Some(open);
        info!(account.id = %self.id, bot.id = %bot, %verb, by = row.by, reason = row.reason, "somebody wants something of a bot");
        let Some(seen) = self.seen(bot) else { return };
        match begin(verb, &seen, begun, older) {
            Beginning::Answer(verdict) => self.answer(bot, verdict, ctx),
            Beginning::CarryOut => self.carry_out_wish(bot, row, ctx),
            Beginning::Watch => self.look_at_wishes_soon(ctx),
        }
    }

    fn carry_out_wish(&mut self, bot: &BotId, row: BotWish, ctx: &mut Context<Self>) {
        match row.verb {
            Verb::Restart => self.begin_anew(bot, row, ctx),
            Verb::Relogin => self.log_in_anew(bot, ctx),
            Verb::Stop => self.hand_back_what_was_left(bot, ctx),
            _ => self.tell_bot(bot, &row),
        }
        self.look_at_wishes_soon(ctx);
    }

    /// The store knows first: a process that dies in between has begun it anew by its next start.
    fn begin_anew(&mut self, bot: &BotId, row: BotWish, ctx: &mut Context<Self>) {
        let (store, key) = (self.house.store.clone(), (self.id.clone(), bot.clone()));
        let beginning = async move { (store.begin_wish(&key, &row.id, false).await, row, key.1) };
        ctx.spawn(beginning.into_actor(self).map(|(begun, row, bot), account, ctx| match begun {
            Ok(()) => account.renew(&bot, ctx),
            Err(error) => {
                warn!(account.id = %account.id, bot.id = %bot, error = %Chain(&error), "a restart cannot be noted; it is heard of again");
                // As if it had not been heard of.
                let seat = account.bots.get_mut(&bot);
                seat.map(|seat| seat.wishes.open.take_if(|open| open.row.id == row.id));
            }
        }));
    }

    fn log_in_anew(&mut self, bot: &BotId, ctx: &mut Context<Self>) {
        let Some(seat) = self.bots.get_mut(bot) else { return };
        if !seat.place.settings.login.can_log_in() {
            let words = "its token was handed in: there is nothing to log in with".to_owned();
            return self.answer(bot, Verdict::Failed(words), ctx);
        }
        if let Some(open) = &mut seat.wishes.open {
            open.logs_in_anew = true;
        }
        self.renew(bot, ctx);
    }

    fn renew(&mut self, bot: &BotId, ctx: &mut Context<Self>) {
        let Some(place) = self.bots.get(bot).map(|seat| seat.place.clone()) else { return };
        self.arrange(bot, Step::Renew, place, ctx);
    }

    /// Whoever was to stop it died: it begins once more, and leaves in order.
    fn hand_back_what_was_left(&mut self, bot: &BotId, ctx: &mut Context<Self>) {
        let within = self.house.timing.drain;
        let Some(seat) = self.bots.get_mut(bot).filter(|seat| seat.next.is_none()) else { return };
        let parked = seat.place.clone();
        seat.place.settings.wanted = Wanted::Running;
        seat.next = Some(Next::after(Ending::Retire, within, Step::Park, parked));
        self.begin(bot, ctx);
    }

    /// The wish that the next life begins without a session for, once.
    pub(super) fn forgets_session(&mut self, bot: &BotId) -> Option<String> {
        let open = self.bots.get_mut(bot)?.wishes.open.as_mut()?;
        std::mem::take(&mut open.logs_in_anew).then(|| open.row.id.clone())
    }

    fn tell_bot(&self, bot: &BotId, row: &BotWish) {
        if !matches!(row.verb, Verb::Refresh | Verb::AgentState(_)) {
            return;
        }
        let running = self.bots.get(bot).and_then(|seat| seat.running.as_ref());
        if let Some(Running(addr)) = running {
            let why = format!("{} wants it: {}", row.by, row.reason);
            command(addr, Wished { wish: row.id.clone(), verb: row.verb, why });
        }
    }

    fn look_at_wishes_soon(&mut self, ctx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.looks_at_wishes, true) {
            ctx.run_later(LOOK_EVERY, Self::look_at_wishes);
        }
    }

    fn look_at_wishes(&mut self, ctx: &mut Context<Self>) {
        self.looks_at_wishes = false;
        let open = |seat: &super::Seat| seat.wishes.open.as_ref().is_some_and(|open| open.verdict.is_none());
        let bots: Vec<_> =
            self.bots.iter().filter(|(_, seat)| open(seat)).map(|(bot, _)| bot.clone()).collect();
        for bot in bots {
            let verb =
                self.bots.get(&bot).and_then(|seat| seat.wishes.open.as_ref()).map(|open| open.row.verb);
            let verdict = verb.zip(self.seen(&bot)).and_then(|(verb, seen)| judge(verb, &seen));
            match verdict {
                Some(verdict) => self.answer(&bot, verdict, ctx),
                None => self.look_at_wishes_soon(ctx),
            }
        }
    }

    fn seen(&self, bot: &BotId) -> Option<Seen> {
        let seat = self.bots.get(bot)?;
        let open = seat.wishes.open.as_ref()?;
        let shown = self.house.board.get(&self.id, bot);
        let state = shown.as_ref().map_or(BotState::Parked, |shown| shown.state);
        Some(Seen {
            wanted: seat.place.settings.wanted == Wanted::Running,
            runs: seat.running.is_some() || seat.next.is_some(),
            online: state == BotState::Online && seat.running.is_some(),
            anew: seat.life > open.life && seat.next.is_none(),
            held_off: seat.held.as_ref().map(super::holding::Hold::words),
            cause: shown.and_then(|shown| shown.cause),
            waited: self.house.clock.now().moment.since(open.since),
            patience: self.house.timing.drain + PATIENCE,
        })
    }

    fn answer(&mut self, bot: &BotId, verdict: Verdict, ctx: &mut Context<Self>) {
        let Some(seat) = self.bots.get_mut(bot) else { return };
        let Some(open) = seat.wishes.open.as_mut().filter(|open| open.verdict.is_none()) else { return };
        info!(account.id = %self.id, bot.id = %bot, verb = %open.row.verb, verdict = verdict.word(), words = verdict.words(), "a wish is answered");
        open.verdict = Some(verdict.clone());
        let row = open.row.clone();
        self.tell_store(row, verdict, ctx);
    }

    /// A store that is away is told when it tells of the wish again.
    fn tell_store(&mut self, row: BotWish, verdict: Verdict, ctx: &mut Context<Self>) {
        let (store, key) = (self.house.store.clone(), (self.id.clone(), row.bot.clone()));
        let telling = async move { (store.answer_wish(&key, &row.id, &verdict).await, row) };
        ctx.spawn(telling.into_actor(self).map(|(told, row), account, _| match told {
            Ok(()) => account.is_answered(&row),
            Err(error) => {
                warn!(account.id = %account.id, bot.id = %row.bot, error = %Chain(&error), "nobody was told what came of a wish; tries again");
            }
        }));
    }

    fn is_answered(&mut self, row: &BotWish) {
        let Some(seat) = self.bots.get_mut(&row.bot) else { return };
        seat.wishes.open.take_if(|open| open.row.id == row.id);
        if seat.wishes.answered.len() >= REMEMBERED {
            seat.wishes.answered.pop_front();
        }
        seat.wishes.answered.push_back(row.id.clone());
    }
}
