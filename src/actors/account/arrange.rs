//! What is declared anew: bots begin, end and change one by one, and the others never notice.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use muster_core::BotId;
use muster_core::bot::{Ending, Event};
use muster_core::declared::{Change, Step};
use tracing::{info, warn};

use super::super::bot::{Adjusted, Drain};
use super::super::command;
use super::rotation::save;
use super::{AccountActor, CAPACITY, Place, Running, Seat};
use crate::board::{BotState, BotStatus};
use crate::settings::BOTS;
use crate::telemetry::Chain;

/// The wait before a store that was away is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// A bot is declared anew.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Arrange {
    /// What changes.
    pub change: Change,
    /// Its place, as it is declared now.
    pub place: Place,
}

/// What follows an ending on its way.
pub(super) struct Next {
    step: Step,
    place: Place,
    pub(super) drain: Drain,
}

impl Next {
    /// An ending of this kind, and what follows it.
    pub(super) fn after(ending: Ending, within: Duration, step: Step, place: Place) -> Self {
        Self { step, place, drain: Drain { ending, within } }
    }

    /// What is declared while it is on its way: it ends all the same.
    fn and_then(self, step: Step, place: Place) -> Self {
        let step = match step {
            Step::Renew | Step::Adjust => self.step,
            Step::Start | Step::Remove | Step::Park | Step::Move => step,
        };
        Self { step, place, ..self }
    }

    /// Whether the bot has to hand back first, and ended otherwise.
    fn is_cut_short(&self) -> bool {
        self.drain.ending == Ending::Restart && ending(self.step) == Ending::Retire
    }
}

fn ending(step: Step) -> Ending {
    match step {
        Step::Remove | Step::Park | Step::Move => Ending::Retire,
        Step::Start | Step::Renew | Step::Adjust => Ending::Restart,
    }
}

impl Handler<Arrange> for AccountActor {
    type Result = ();

    fn handle(&mut self, Arrange { change, mut place }: Arrange, ctx: &mut Context<Self>) {
        if self.draining.is_some() {
            return;
        }
        let Change { bot, step, what, rotates, .. } = change;
        info!(account.id = %self.id, bot.id = %bot, ?step, ?what, "a bot is declared anew");
        if !rotates {
            // The login that is declared may be one that was refused.
            let login = self.bots.get(&bot).map_or(&place.settings.login, |seat| &seat.place.settings.login);
            place.settings.login = login.clone();
        }
        let stays = step.is_none_or(|step| matches!(step, Step::Renew | Step::Move | Step::Adjust));
        if !rotates || !stays || !self.has_something_to_lose(&bot, &place) {
            return self.arrange(&bot, step.unwrap_or(Step::Renew), place, ctx);
        }
        if step == Some(Step::Adjust)
            && let Some(seat) = self.bots.get(&bot)
        {
            let mut adjusted = place.clone();
            adjusted.settings.login = seat.place.settings.login.clone();
            self.adjust(&bot, adjusted);
        }
        self.try_login(&bot, step, place, ctx);
    }
}

impl AccountActor {
    pub(super) fn arrange(&mut self, bot: &BotId, step: Step, place: Place, ctx: &mut Context<Self>) {
        let Some(seat) = self.bots.get_mut(bot) else { return self.move_in(bot, step, place, ctx) };
        if let Some(next) = seat.next.take() {
            seat.next = Some(next.and_then(step, place));
            return;
        }
        match step {
            Step::Adjust => self.adjust(bot, place),
            Step::Start => {
                seat.place = place;
                self.begin(bot, ctx);
            }
            Step::Remove | Step::Park | Step::Move | Step::Renew => self.leave(bot, step, place, ctx),
        }
    }

    fn move_in(&mut self, bot: &BotId, step: Step, place: Place, ctx: &mut Context<Self>) {
        if step == Step::Remove {
            return;
        }
        let (settings, now) = (&place.settings, self.house.clock.now().wall);
        let logic = settings.logic.as_str();
        self.house.board.put(BotStatus::parked(&self.id, bot, &settings.pool, logic, now));
        self.bots.insert(bot.clone(), Seat::new(place));
        if step == Step::Start {
            self.begin(bot, ctx);
        }
    }

    pub(super) fn begin(&mut self, bot: &BotId, ctx: &mut Context<Self>) {
        let Some(seat) = self.bots.get_mut(bot) else { return };
        seat.ended = false;
        self.pools.enrol(&seat.place);
        self.start(bot, ctx);
    }

    /// Ends the bot in order; what is to follow, follows then.
    fn leave(&mut self, bot: &BotId, step: Step, place: Place, ctx: &mut Context<Self>) {
        let Some(seat) = self.bots.get_mut(bot) else { return };
        let next = Next::after(ending(step), self.house.timing.drain, step, place);
        let drain = next.drain;
        seat.next = Some(next);
        if let Some(Running(addr)) = &seat.running {
            return command(addr, drain);
        }
        // A start that is on its way comes to nothing.
        seat.life += 1;
        self.pool_without(bot);
        self.follow(bot, ctx);
    }

    /// The bot has ended, and something may be to follow.
    pub(super) fn follow(&mut self, bot: &BotId, ctx: &mut Context<Self>) {
        let Some(seat) = self.bots.get_mut(bot).filter(|_| self.draining.is_none()) else { return };
        let Some(mut next) = seat.next.take() else { return };
        if next.is_cut_short() && seat.running.is_none() && seat.ended {
            next.drain.ending = Ending::Retire;
            seat.next = Some(next);
            return self.begin(bot, ctx);
        }
        let Next { step, place, .. } = next;
        self.pools.dismiss(&seat.place);
        match step {
            Step::Remove => self.forget(bot, ctx),
            Step::Park => {
                seat.place = place;
                self.show(bot, BotState::Parked, None);
            }
            Step::Start | Step::Move | Step::Renew | Step::Adjust => {
                seat.place = place;
                self.begin_as_successor(bot, ctx);
            }
        }
    }

    /// Begins, with the session of another user if one was tried, and without one if somebody wants that.
    fn begin_as_successor(&mut self, bot: &BotId, ctx: &mut Context<Self>) {
        if let Some(wish) = self.forgets_session(bot) {
            return self.begin_without_session(bot, wish, ctx);
        }
        let successor = self.bots.get_mut(bot).and_then(|seat| seat.successor.take());
        let Some(session) = successor else { return self.begin(bot, ctx) };
        let (house, account, bot) = (self.house.clone(), self.id.clone(), bot.clone());
        let name = bot.clone();
        let saving = async move { save(&house, &account, &name, &session).await };
        ctx.spawn(saving.into_actor(self).map(move |(), account, ctx| account.begin(&bot, ctx)));
    }

    fn begin_without_session(&mut self, bot: &BotId, wish: String, ctx: &mut Context<Self>) {
        let (store, key) = (self.house.store.clone(), (self.id.clone(), bot.clone()));
        let forgetting = async move { (store.begin_wish(&key, &wish, true).await, wish, key.1) };
        ctx.spawn(forgetting.into_actor(self).map(|(forgotten, wish, bot), account, ctx| match forgotten {
            Ok(()) => account.begin(&bot, ctx),
            Err(error) => {
                warn!(account.id = %account.id, bot.id = %bot, error = %Chain(&error), "a session cannot be forgotten; tries again");
                ctx.run_later(AGAIN, move |account, ctx| account.begin_without_session(&bot, wish, ctx));
            }
        }));
    }

    /// Whether the life that ends goes on in the next one: then it keeps what it holds.
    pub(super) fn renews(&self, bot: &BotId) -> bool {
        let next = self.bots.get(bot).and_then(|seat| seat.next.as_ref());
        self.draining.is_none() && next.is_some_and(|next| ending(next.step) == Ending::Restart)
    }

    fn forget(&mut self, bot: &BotId, ctx: &mut Context<Self>) {
        self.bots.remove(bot);
        self.house.board.remove(&self.id, bot);
        let (store, gone) = (self.house.store.clone(), vec![(self.id.to_string(), bot.to_string())]);
        let name = bot.clone();
        let forgetting = async move { store.forget_bots(BOTS, &gone).await };
        ctx.spawn(forgetting.into_actor(self).map(move |forgotten, account, _| match forgotten {
            Ok(()) => info!(account.id = %account.id, bot.id = %name, "a bot is removed"),
            Err(error) => {
                warn!(account.id = %account.id, bot.id = %name, error = %Chain(&error), "what is kept of a removed bot goes with the next start");
            }
        }));
    }

    /// The bot goes on with what is new; a life that begins later begins with it.
    fn adjust(&mut self, bot: &BotId, place: Place) {
        let Some(seat) = self.bots.get_mut(bot) else { return };
        seat.place = place;
        let settings = &seat.place.settings;
        let capacity = settings.capacity.map_or(CAPACITY, |capacity| capacity as usize);
        self.pools.resize(&seat.place, capacity);
        let Some(declared) = self.house.logics.chosen(settings.logic.as_str()) else { return };
        let Some(Running(addr)) = &seat.running else { return };
        let (attempts, on_failure) = (declared.failing.tries, declared.failing.then);
        let event = Event::Adjusted { capacity, attempts, on_failure };
        let (logic, logic_name) = (declared.decider, settings.logic.as_str().to_owned());
        command(addr, Adjusted { event, logic, logic_name });
    }
}
