//! What people want of a bot while it runs.

use actix::{Context, Handler, Message};
use muster_core::bot::{Event, RefreshFault};
use tracing::warn;

use super::BotActor;
use crate::logic::Decider;
use crate::telemetry::Chain;

/// Its settings changed in a way that needs no new life.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Adjusted {
    /// For the core.
    pub event: Event,
    /// What decides its replies from now on.
    pub logic: Decider,
    /// The logic's name.
    pub logic_name: String,
}

impl Handler<Adjusted> for BotActor {
    type Result = ();

    fn handle(&mut self, Adjusted { event, logic, logic_name }: Adjusted, ctx: &mut Context<Self>) {
        let board = &self.post.house.board;
        board.update(self.account(), self.bot(), |shown| shown.logic.clone_from(&logic_name));
        self.post.logic = logic;
        self.post.logic_name = logic_name;
        self.take(event, ctx);
    }
}

/// People hold the bot still (with who and why), or do not any more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Hold(pub Option<String>);

impl Handler<Hold> for BotActor {
    type Result = ();

    fn handle(&mut self, Hold(why): Hold, ctx: &mut Context<Self>) {
        self.take(why.map_or(Event::Resumed, |why| Event::Paused { why }), ctx);
    }
}

/// Somebody wants the token refreshed now, and to know what came of it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RefreshNow;

impl Handler<RefreshNow> for BotActor {
    type Result = ();

    // Told again and again until it is answered.
    fn handle(&mut self, asked: RefreshNow, ctx: &mut Context<Self>) {
        if self.refresh_asked.replace(asked).is_none() {
            self.take(Event::RefreshAsked, ctx);
        }
    }
}

impl BotActor {
    /// What came of a refresh, for whoever asked for one.
    pub(super) fn refresh_told(&mut self, event: &Event) {
        self.refresh_answered(match event {
            Event::Refreshed => "refreshed",
            Event::RefreshFailed(RefreshFault::Unauthorized) => {
                "the platform does not take the token any more: the bot logs in anew"
            }
            Event::RefreshFailed(RefreshFault::Unwell) => {
                "the login service does not answer: the bot tries again by itself"
            }
            Event::RefreshFailed(RefreshFault::Impossible) => "this session cannot be refreshed",
            _ => return,
        });
    }

    pub(super) fn refresh_answered(&mut self, words: &'static str) {
        if self.refresh_asked.take().is_none() {
            return;
        }
        let (store, author) = (self.post.house.store.clone(), self.post.author.clone());
        self.post.house.io.spawn(async move {
            if let Err(error) = store.answer_refresh(&author.account, &author.bot, words).await {
                warn!(account.id = %author.account, bot.id = %author.bot, error = %Chain(&error), "nobody was told what came of a refresh");
            }
        });
    }
}
