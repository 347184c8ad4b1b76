//! What people want of a bot while it runs.

use actix::{Context, Handler, Message};
use muster_core::bot::{Event, RefreshFault};
use muster_core::wish::{Verb, Verdict};

use super::super::account::WishTold;
use super::super::command;
use super::BotActor;
use crate::logic::Decider;

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

/// Somebody wants something of the running bot, and to know what came of it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Wished {
    /// Which wish.
    pub wish: String,
    /// What is wanted: a refresh, or a state.
    pub verb: Verb,
    /// Who wants it, and why, in words.
    pub why: String,
}

impl Handler<Wished> for BotActor {
    type Result = ();

    // Told again and again until it is answered.
    fn handle(&mut self, Wished { wish, verb, why }: Wished, ctx: &mut Context<Self>) {
        let again = self.wished.as_ref().is_some_and(|(before, _)| *before == wish);
        self.wished = Some((wish, verb));
        match verb {
            Verb::Refresh if again => {}
            Verb::Refresh => self.take(Event::RefreshAsked, ctx),
            Verb::AgentState(availability) => self.take(Event::StateAsked { availability, why }, ctx),
            _ => {}
        }
    }
}

impl BotActor {
    /// What came of a refresh, for whoever asked for one.
    pub(super) fn refresh_told(&mut self, event: &Event) {
        let failed = |words: &str| Verdict::Failed(words.to_owned());
        self.wish_answered(
            Verb::Refresh,
            match event {
                Event::Refreshed => Verdict::Done("refreshed".to_owned()),
                Event::RefreshFailed(RefreshFault::Unauthorized) => {
                    failed("the platform does not take the token any more: the bot logs in anew")
                }
                Event::RefreshFailed(RefreshFault::Unwell) => {
                    failed("the login service does not answer: the bot tries again by itself")
                }
                Event::RefreshFailed(RefreshFault::Impossible) => failed("this session cannot be refreshed"),
                _ => return,
            },
        );
    }

    // Upward and rare.
    pub(super) fn wish_answered(&mut self, verb: Verb, verdict: Verdict) {
        let is_about = |(_, wished): &mut (String, Verb)| wished.word() == verb.word();
        if let Some((wish, _)) = self.wished.take_if(is_about) {
            command(&self.post.supervisor, WishTold { bot: self.bot().clone(), wish, verdict });
        }
    }
}
