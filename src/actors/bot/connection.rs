//! Domains, login, refresh, socket: what the connection needs done.

use std::future::Future;
use std::sync::Arc;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, WrapFuture};
use liveperson::{LoginError, RefreshError, ServiceFault, Session};
use muster_core::bot::{Bystanders, Event, Identity, LoginFault, RefreshFault};
use muster_core::door::{Answer, Urgency};
use muster_core::time::Now;
use secrecy::ExposeSecret;
use tracing::{info, warn};

use super::super::command;
use super::super::guard::Guard;
use super::super::house::House;
use super::super::recorder::Author;
use super::super::socket::{SocketActor, Ticketed};
use super::{AtTheDoor, BotActor, Held, SocketGone};
use crate::crash::{self, Point};
use crate::happening::Happening;
use crate::telemetry::Chain;

/// A token that died before its time, and the session that it was of.
pub(super) struct Death {
    at: Now,
    session: Option<Arc<Session>>,
}

impl BotActor {
    /// Runs a job on the I/O runtime, where its connections live, and takes up its result here.
    fn on_io<T: Send + 'static>(
        &self,
        ctx: &mut Context<Self>,
        job: impl Future<Output = T> + Send + 'static,
        then: impl FnOnce(&mut Self, Option<T>, &mut Context<Self>) + 'static,
    ) {
        let running = self.post.house.io.spawn(job);
        ctx.spawn(running.into_actor(self).map(move |result, bot, ctx| then(bot, result.ok(), ctx)));
    }

    pub(super) fn resolve(&mut self, ctx: &mut Context<Self>) {
        let (house, front_door) = (self.post.house.clone(), self.post.front_door.clone());
        self.on_io(ctx, async move { front_door.domains(&house).await }, |bot, result, ctx| {
            let event = match result {
                Some(Ok(domains)) => {
                    bot.domains = Some(domains);
                    Event::Resolved
                }
                Some(Err(error)) => Event::ResolveFailed { words: Chain(&*error).to_string() },
                None => Event::ResolveFailed { words: "the domain request failed inside muster".to_owned() },
            };
            bot.take(event, ctx);
        });
    }

    pub(super) fn login(&mut self, ctx: &mut Context<Self>) {
        let Some(domains) = self.domains.clone() else { return resolve_first(ctx) };
        let (house, front_door) = (self.post.house.clone(), self.post.front_door.clone());
        let (author, credentials) = (self.post.author.clone(), self.post.credentials.clone());
        let life = Arc::downgrade(&self.alive);
        let urgency = self.urgency();
        let me = ctx.address();
        let job = async move {
            // A word that finds the mailbox full is no loss: what comes of the login tells more.
            let tell = |why| drop(me.try_send(AtTheDoor(why)));
            let permit = front_door.gate.permit(urgency, tell).await;
            // The wait may have been long: whoever owns the bot now, or its next life, must not lose its
            // session to us.
            if life.strong_count() == 0 || !house.right.holds(house.clock.now().moment) {
                return Ok(None);
            }
            let session = house.client.login(&domains, &author.account, &credentials).await;
            permit.answered(answer(&session)).await;
            let mut session = session?;
            crash::pass(Point::LoggedIn);
            let now = house.clock.now().wall;
            (session.logged_in, session.refreshed) = (Some(now), Some(now));
            if let Err(error) =
                house.store.save_session(&author.account, &author.bot, session.seal().expose_secret()).await
            {
                warn!(error = %Chain(&error), "the session is not stored; the next start needs a login");
            }
            crash::pass(Point::SessionSealed);
            Ok(Some(session))
        };
        self.on_io(ctx, job, |bot, result, ctx| {
            let result = result.unwrap_or(Err(ServiceFault::Server { status: 0 }.into()));
            if let Some(outcome) = login_outcome(&result) {
                bot.post.house.metrics.logins(bot.account(), outcome);
            }
            let event = match result {
                Ok(None) => {
                    let words = "the ownership is in doubt".to_owned();
                    Event::LoginFailed(LoginFault::Unwell { words })
                }
                Ok(Some(session)) => {
                    info!(parent: &bot.span, "logged in");
                    bot.note_happening(Happening::Login, None, None);
                    Event::LoggedIn(bot.use_session(session))
                }
                Err(error) => {
                    bot.note_happening(Happening::LoginFailed, None, Some(&Chain(&error).to_string()));
                    Event::LoginFailed(login_fault(&error))
                }
            };
            bot.take(event, ctx);
        });
    }

    fn urgency(&self) -> Urgency {
        if self.core.view().conversations > 0 { Urgency::Conversations } else { Urgency::Idle }
    }

    fn use_session(&mut self, session: Session) -> Identity {
        let identity = Identity { agent: session.agent.clone(), persistent: session.persistent.clone() };
        self.session = Some(Arc::new(session));
        identity
    }

    pub(super) fn refresh(&mut self, ctx: &mut Context<Self>) {
        let (Some(domains), Some(session)) = (self.domains.clone(), self.session.clone()) else {
            return ctx.notify_event(Event::RefreshFailed(RefreshFault::Impossible));
        };
        let (house, author) = (self.post.house.clone(), self.post.author.clone());
        let (front_door, urgency) = (self.post.front_door.clone(), self.urgency());
        let (me, spread) = (ctx.address(), house.timing.reconnect_first * super::SPREAD);
        let job = async move {
            let tell = |why| drop(me.try_send(AtTheDoor(why)));
            let passage = front_door.gate.passage(urgency, spread, tell).await;
            let refreshed = house.client.refresh(&domains, &session).await;
            passage.answered(answer_to_refresh(&refreshed)).await;
            refreshed?;
            Ok(seal_refreshed(&house, &author, &session).await)
        };
        self.on_io(ctx, job, |bot, result, ctx| {
            let result = result.unwrap_or(Err(ServiceFault::Server { status: 0 }.into()));
            bot.post.house.metrics.refreshes(bot.account(), refresh_outcome(&result));
            let event = match result {
                Ok(session) => {
                    crash::pass(Point::Refreshed);
                    bot.session = Some(Arc::new(session));
                    Event::Refreshed
                }
                Err(error) => {
                    bot.note_happening(Happening::RefreshFailed, None, Some(&Chain(&error).to_string()));
                    Event::RefreshFailed(refresh_fault(&error))
                }
            };
            bot.refresh_told(&event);
            bot.take(event, ctx);
        });
    }

    /// Remembers a death until it is looked into; the account's bots count theirs together.
    pub(super) fn token_died(&mut self) {
        let at = self.post.house.clock.now();
        self.post.front_door.token_died(at.moment);
        self.deaths.push_back(Death { at, session: self.session.clone() });
    }

    /// Finds out who else may be the cause of the token's death; the core always hears.
    pub(super) fn look_around(&mut self, ctx: &mut Context<Self>) {
        let Some(Death { at, session: ours }) = self.deaths.pop_front() else {
            return ctx.notify_event(Event::LookedAround(Bystanders::Nobody));
        };
        let (house, author) = (self.post.house.clone(), self.post.author.clone());
        let job = async move {
            let sealed = house.store.load_session(&author.account, &author.bot);
            let sealed = tokio::time::timeout(house.timing.request_timeout, sealed).await;
            let Ok(Ok(Some(sealed))) = sealed else { return false };
            let Ok(sealed) = Session::unseal(&sealed) else { return false };
            // A later one is what this bot did about it.
            let before = sealed.logged_in.is_none_or(|logged_in| logged_in < at.wall);
            before && ours.is_some_and(|ours| !ours.is_same_login(&sealed))
        };
        self.on_io(ctx, job, move |bot, ourselves, ctx| {
            let found = match ourselves {
                Some(true) => Bystanders::Ourselves,
                _ if bot.post.front_door.died_together(at.moment) => Bystanders::Many,
                _ => Bystanders::Nobody,
            };
            bot.take(Event::LookedAround(found), ctx);
        });
    }

    pub(super) fn logout(&mut self, ctx: &mut Context<Self>) {
        let Some(session) = self.session.take() else { return };
        let (house, author, domains) =
            (self.post.house.clone(), self.post.author.clone(), self.domains.clone());
        self.logging_out = true;
        let job = async move {
            // A token that was handed in is not ours to end.
            if let Some(domains) = domains.filter(|_| session.can_refresh())
                && let Err(error) = house.client.logout(&domains, &session).await
            {
                warn!(error = %Chain(&error), "the logout was not confirmed; the session ends by itself");
            }
            if let Err(error) = house.store.forget_session(&author.account, &author.bot).await {
                warn!(error = %Chain(&error), "the ended session is still stored");
            }
        };
        self.on_io(ctx, job, |bot, _, ctx| {
            bot.logging_out = false;
            bot.leave_when_done(ctx);
        });
    }

    pub(super) fn open(&mut self, generation: u64, ctx: &mut Context<Self>) {
        let (Some(domains), Some(session)) = (self.domains.clone(), self.session.clone()) else {
            let words = "there is no session to connect with".to_owned();
            return ctx.notify_event(Event::SocketFailed { generation, unauthorized: true, words });
        };
        let me = ctx.address();
        let opening = Ticketed {
            house: self.post.house.clone(),
            domains,
            session,
            generation,
            bot: me.clone(),
            seat: self.post.seat.clone(),
            tap: self.post.house.tapped(self.account(), self.bot()),
        };
        let guard = Guard::new("socket", move |_| {
            command(&me, SocketGone { generation });
        });
        self.socket = Some(Held(SocketActor::new(opening, guard).start()));
    }
}

/// Seals a session that was refreshed just now, so that the next start knows how old its token is.
async fn seal_refreshed(house: &House, author: &Author, session: &Session) -> Session {
    let session = session.refreshed_at(house.clock.now().wall);
    let sealed = session.seal();
    if let Err(error) = house.store.save_session(&author.account, &author.bot, sealed.expose_secret()).await {
        warn!(error = %Chain(&error), "the refreshed session is not stored; the next start thinks it older than it is");
    }
    session
}

// The core resolves before it logs in; a life that lost its domains asks once more.
fn resolve_first(ctx: &mut Context<BotActor>) {
    let words = "the account's domains are not known".to_owned();
    ctx.notify_event(Event::LoginFailed(LoginFault::Unwell { words }));
}

/// Hands an event to the bot after the one it is at work on.
trait NotifyEvent {
    fn notify_event(&mut self, event: Event);
}

impl NotifyEvent for Context<BotActor> {
    fn notify_event(&mut self, event: Event) {
        self.spawn(actix::fut::ready(()).map(move |(), bot: &mut BotActor, ctx| bot.take(event, ctx)));
    }
}

fn login_fault(error: &LoginError) -> LoginFault {
    match error {
        LoginError::Refused { .. } | LoginError::NoLogin => LoginFault::Refused,
        LoginError::Blocked { .. } => LoginFault::Blocked,
        LoginError::Service(ServiceFault::TooMany { retry_after }) => {
            LoginFault::TooMany { retry_after: *retry_after }
        }
        LoginError::Service(_) | LoginError::Malformed(..) => {
            LoginFault::Unwell { words: Chain(error).to_string() }
        }
    }
}

/// What a login says of the account's login service.
pub(in crate::actors) fn answer(result: &Result<Session, LoginError>) -> Answer {
    let Err(error) = result else { return Answer::Works };
    match login_fault(error) {
        LoginFault::Refused => Answer::Works,
        LoginFault::TooMany { retry_after } => Answer::TooMany { retry_after },
        LoginFault::Blocked => Answer::Blocked,
        LoginFault::Unwell { words } => Answer::Unwell { words },
    }
}

/// What a refresh says of it.
fn answer_to_refresh(result: &Result<(), RefreshError>) -> Answer {
    match result {
        Ok(()) | Err(RefreshError::Unauthorized) => Answer::Works,
        Err(RefreshError::NotRefreshable) => Answer::Nothing,
        Err(RefreshError::Service(ServiceFault::TooMany { retry_after })) => {
            Answer::TooMany { retry_after: *retry_after }
        }
        Err(RefreshError::Service(fault)) => Answer::Unwell { words: Chain(fault).to_string() },
    }
}

fn login_outcome(result: &Result<Option<Session>, LoginError>) -> Option<&'static str> {
    Some(match result {
        Ok(None) => return None,
        Ok(Some(_)) => "ok",
        Err(LoginError::Refused { .. }) => "refused",
        Err(LoginError::Blocked { .. }) => "forbidden",
        Err(LoginError::Service(fault)) => service_outcome(fault),
        Err(LoginError::Malformed(..) | LoginError::NoLogin) => "failed",
    })
}

fn refresh_fault(error: &RefreshError) -> RefreshFault {
    match error {
        RefreshError::Unauthorized => RefreshFault::Unauthorized,
        RefreshError::NotRefreshable => RefreshFault::Impossible,
        RefreshError::Service(_) => RefreshFault::Unwell,
    }
}

fn refresh_outcome<T>(result: &Result<T, RefreshError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(RefreshError::Unauthorized) => "refused",
        Err(RefreshError::NotRefreshable) => "failed",
        Err(RefreshError::Service(fault)) => service_outcome(fault),
    }
}

fn service_outcome(fault: &ServiceFault) -> &'static str {
    match fault {
        ServiceFault::TooMany { .. } => "throttled",
        ServiceFault::Server { .. } => "unavailable",
        ServiceFault::NoAnswer { .. } => "timeout",
        ServiceFault::NoDomain { .. } => "failed",
    }
}
