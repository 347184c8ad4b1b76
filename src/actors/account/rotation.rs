//! A login that is declared anew: it is tried while the old session goes on, and becomes the session if it
//! works. One that is refused is told, and changes nothing.

use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use liveperson::{Credentials, LoginError, Session};
use liveperson_proto::AccountId;
use muster_core::BotId;
use muster_core::declared::Step;
use muster_core::door::Urgency;
use secrecy::ExposeSecret;
use tracing::{error, info, warn};

use super::super::bot::answer;
use super::super::front_door::FrontDoor;
use super::super::house::House;
use super::{AccountActor, Place};
use crate::telemetry::Chain;

/// The wait before a login is tried again that was neither taken nor refused.
const PAUSE: Duration = Duration::from_secs(5);

/// What came of a trial.
enum Tried {
    /// It works, for the user of the session in hand: that one's token is dead now, and this one is stored.
    Same,
    /// It works, for another user: it is stored once the session in hand has ended.
    Other(Box<Session>),
    /// The platform refuses it.
    Refused(String),
    /// Nobody waits for it any more.
    Pointless,
}

/// Everything that a trial needs, away from the actor.
struct Trial {
    house: Arc<House>,
    front_door: Arc<FrontDoor>,
    account: AccountId,
    bot: BotId,
    credentials: Credentials,
    before: Credentials,
    wanted: Weak<()>,
}

impl AccountActor {
    /// Whether there is a session that must not be lost, and a login that can be tried.
    pub(super) fn has_something_to_lose(&self, bot: &BotId, place: &Place) -> bool {
        let Some(seat) = self.bots.get(bot) else { return false };
        seat.running.is_some() && seat.next.is_none() && place.settings.login.can_log_in()
    }

    /// Tries the login of this place; what else is declared with it waits for the outcome.
    pub(super) fn try_login(
        &mut self,
        bot: &BotId,
        step: Option<Step>,
        place: Place,
        ctx: &mut Context<Self>,
    ) {
        let Some(seat) = self.bots.get_mut(bot) else { return };
        let wanted = Arc::new(());
        let trial = Trial {
            house: self.house.clone(),
            front_door: self.front_door.clone(),
            account: self.id.clone(),
            bot: bot.clone(),
            credentials: place.settings.login.clone(),
            before: seat.place.settings.login.clone(),
            wanted: Arc::downgrade(&wanted),
        };
        // An older trial gives up.
        seat.trial = Some(wanted);
        let (bot, running) = (bot.clone(), self.house.io.spawn(trial.run()));
        ctx.spawn(running.into_actor(self).map(move |tried, account, ctx| {
            account.tried(&bot, step, place, tried.unwrap_or(Tried::Pointless), ctx);
        }));
    }

    fn tried(
        &mut self,
        bot: &BotId,
        step: Option<Step>,
        mut place: Place,
        tried: Tried,
        ctx: &mut Context<Self>,
    ) {
        let Some(seat) = self.bots.get_mut(bot) else { return };
        let session = match tried {
            Tried::Pointless => return,
            Tried::Refused(words) => {
                error!(account.id = %self.id, bot.id = %bot, words, "a new login is refused; the bot goes on with the old one");
                place.settings.login = seat.place.settings.login.clone();
                seat.trial = None;
                self.house.board.update(&self.id, bot, |shown| shown.login_rejected = Some(words));
                if let Some(step) = step.filter(|step| *step != Step::Adjust) {
                    self.arrange(bot, step, place, ctx);
                }
                return;
            }
            Tried::Same => None,
            Tried::Other(session) => Some(session),
        };
        info!(account.id = %self.id, bot.id = %bot, "a new login works; it becomes the session");
        seat.trial = None;
        self.house.board.update(&self.id, bot, |shown| shown.login_rejected = None);
        if step.is_none_or(|step| step == Step::Adjust) {
            let login = place.settings.login.clone();
            place = seat.place.clone();
            place.settings.login = login;
        }
        // Another user is another agent: what this one holds it cannot answer.
        let step = match (&session, step) {
            (Some(_), _) | (None, Some(Step::Move)) => Step::Move,
            (None, _) => Step::Renew,
        };
        seat.successor = session;
        self.arrange(bot, step, place, ctx);
    }
}

impl Trial {
    async fn run(self) -> Tried {
        loop {
            let permit = self.front_door.gate.permit(Urgency::Idle, |_| ()).await;
            let now = self.house.clock.now().moment;
            if self.wanted.strong_count() == 0 || !self.house.right.holds(now) {
                return Tried::Pointless;
            }
            let Ok(domains) = self.front_door.domains(&self.house).await else {
                drop(permit);
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let tried = self.house.client.login(&domains, &self.account, &self.credentials).await;
            permit.answered(answer(&tried)).await;
            match tried {
                Ok(session) => return self.works(session).await,
                Err(error @ (LoginError::Refused { .. } | LoginError::NoLogin)) => {
                    self.house.metrics.logins(&self.account, "refused");
                    return Tried::Refused(format!("the new login is not used: {}", Chain(&error)));
                }
                Err(error) => {
                    warn!(account.id = %self.account, bot.id = %self.bot, error = %Chain(&error), "a new login is tried again later");
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn works(self, session: Session) -> Tried {
        self.house.metrics.logins(&self.account, "ok");
        if !self.is_same_user(&session).await {
            return Tried::Other(Box::new(session));
        }
        save(&self.house, &self.account, &self.bot, &session).await;
        Tried::Same
    }

    async fn is_same_user(&self, session: &Session) -> bool {
        let sealed = self.house.store.load_session(&self.account, &self.bot).await.ok().flatten();
        match sealed.and_then(|sealed| Session::unseal(&sealed).ok()) {
            Some(before) => before.agent == session.agent,
            None => self.before.username() == self.credentials.username(),
        }
    }
}

/// Seals a session; the next life begins with it.
pub(super) async fn save(house: &House, account: &AccountId, bot: &BotId, session: &Session) {
    let sealed = session.seal();
    if let Err(error) = house.store.save_session(account, bot, sealed.expose_secret()).await {
        warn!(account.id = %account, bot.id = %bot, error = %Chain(&error), "the session is not stored; the next life needs a login");
    }
}
