//! Carrying out what the core decided.

use std::sync::Arc;
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use liveperson_proto::request::{Availability, Request};
use muster_core::bot::{Bystanders, Event};
use muster_core::dialog::{Decided, Effect, Note, Ticket};
use muster_core::duty::Intake;
use muster_core::pool::PoolNews;
use muster_core::quarantine::{Kind, Quarantine};
use muster_core::supervision::Exit;
use muster_core::turn::Turn;
use muster_core::wish::{Verb, Verdict};
use tracing::{debug, error, info, warn};

use super::super::account::{HoldsOff, PoolReport};
use super::super::command;
use super::super::recorder::Entry;
use super::super::socket::Transmit;
use super::{BotActor, Held};
use crate::crash::{self, Point};
use crate::logic::Thought;

impl BotActor {
    /// Performs effects in order; requests and records leave as one batch each.
    pub(super) fn perform(&mut self, effects: Vec<Effect>, ctx: &mut Context<Self>) {
        let mut requests = Vec::new();
        for effect in effects {
            match effect {
                Effect::Ask(ticket, request) => {
                    crash::pass_if(matches!(request, Request::ReadHistory { .. }), Point::Joined);
                    requests.push((ticket, request));
                }
                Effect::CloseSocket => {
                    self.transmit(std::mem::take(&mut requests));
                    self.socket = None;
                }
                Effect::Resolve => self.resolve(ctx),
                Effect::Login => self.login(ctx),
                Effect::Refresh => self.refresh(ctx),
                Effect::TokenDied => self.token_died(),
                Effect::LookAround => self.look_around(ctx),
                Effect::Logout => self.logout(ctx),
                Effect::Open { generation } => self.open(generation, ctx),
                Effect::Think(turn) => self.think(*turn, ctx),
                Effect::Commit(turn) => self.records.add(Entry::Commit(Arc::from(turn))),
                Effect::Done(key) => self.records.add(Entry::Done(key)),
                Effect::Dead(key, words) => self.records.add(Entry::Dead(key, words)),
                Effect::Claim { number, conversation } => {
                    crash::pass(Point::ClaimAsked);
                    let joins = self.post.duty.intake == Intake::All;
                    self.records.add(Entry::Claim { number, conversation, joins });
                }
                Effect::Release { conversation, reason, done } => {
                    debug!(conversation.id = %conversation, reason, "released");
                    self.metrics.claim_released();
                    self.records.add(Entry::Release(conversation, reason, done));
                }
                Effect::Report(news) => self.report(news),
                // Upward and rare.
                Effect::Quarantine(quarantine) => {
                    let (bot, life) = (self.bot().clone(), self.post.life);
                    command(&self.post.supervisor, HoldsOff { bot, life, quarantine });
                }
                Effect::Drained => self.drained = true,
                Effect::Note(note) => self.note(note),
            }
        }
        self.transmit(requests);
        self.send_records(ctx);
    }

    // Upward; all but what the watcher sees is rare.
    pub(super) fn report(&mut self, news: PoolNews) {
        let report = PoolReport { bot: self.bot().clone(), life: self.post.life, news };
        if !matches!(report.news, PoolNews::Seen { .. }) {
            return command(&self.post.supervisor, report);
        }
        if self.post.supervisor.try_send(report).is_err() {
            // What was seen is lost: with the next socket somebody is shown everything anew.
            self.post.house.metrics.mailbox_full("account");
            warn!("the account is behind; the socket that watches is given up");
            self.socket = None;
        }
    }

    pub(super) fn transmit(&mut self, requests: Vec<(Ticket, Request)>) {
        if requests.is_empty() {
            return;
        }
        let Some(Held(socket)) = &self.socket else { return };
        if socket.try_send(Transmit(requests)).is_err() {
            // A socket that does not keep up is given up; what was on its way is of unknown outcome.
            self.post.house.metrics.mailbox_full("socket");
            warn!("the socket does not keep up; it is given up");
            self.socket = None;
        }
    }

    /// Asks logic; a panic in it ends this life, and the next asks again with the same turn id.
    fn think(&mut self, turn: Turn, ctx: &mut Context<Self>) {
        crash::pass(Point::TurnBegun);
        let (conversation, id) = (turn.conversation.clone(), turn.id.clone());
        let thinker = self.post.house.thinker.clone();
        let logic = self.post.logic.clone();
        let share = self.share.clone();
        let thought = async move { thinker.think(&share, logic, turn).await };
        ctx.spawn(thought.into_actor(self).map(move |thought, bot, ctx| {
            crash::pass(Point::Decided);
            let decided = match thought {
                Thought::Actions(actions) => Decided::Actions(actions),
                Thought::Failed(words) => Decided::Failed(words),
                Thought::Abandoned { patience, stuck } => {
                    bot.post.house.metrics.logic_abandoned(bot.account());
                    if stuck {
                        let because = format!(
                            "its logic hangs: every run took longer than {patience:?} and none has returned; mend it and restart muster, for a run that never returns keeps its thread"
                        );
                        let stuck = Quarantine::of(bot.account(), bot.bot(), Kind::Stuck, &because);
                        bot.take(Event::Quarantined(stuck), ctx);
                        return;
                    }
                    Decided::Failed(format!("logic took longer than {patience:?}"))
                }
                Thought::Panicked => return bot.fail(Exit::Panicked { part: "logic".to_owned() }, ctx),
            };
            bot.take(Event::Decided { conversation, turn: id, decided }, ctx);
        }));
    }

    fn note(&mut self, note: Note) {
        match note {
            // Counted when the recorder answered.
            Note::TurnCommitted { millis } => {
                millis.map(Duration::from_millis).inspect(|after| self.metrics.message_committed(*after));
            }
            Note::TurnFailed { conversation, words } => {
                self.metrics.turn("failed");
                error!(conversation.id = %conversation, words, "a turn failed; its message gets what is declared for that case, or no answer");
                let board = &self.post.house.board;
                board.update(self.account(), self.bot(), |shown| shown.last_failure = Some(words));
            }
            Note::TurnRetried { conversation, words } => {
                warn!(conversation.id = %conversation, words, "logic failed; it will be asked again");
            }
            Note::Replied { millis } => self.metrics.replied(Duration::from_millis(millis)),
            Note::DeadLetter { conversation, words } => {
                self.metrics.dead_letter();
                error!(conversation.id = %conversation, words, "the platform refuses an action for good");
            }
            Note::JoinRefused { conversation, words } => {
                warn!(conversation.id = %conversation, words, "the platform does not let the bot join");
            }
            Note::Superseded { conversation } => {
                info!(conversation.id = %conversation, "a human answered first; an action is not sent");
            }
            Note::Duplicate => self.metrics.turn("duplicate"),
            Note::CaughtUp { conversation, proof } => {
                self.metrics.caught_up(proof.owed, proof.holes());
                if proof.owed > 0 {
                    info!(conversation.id = %conversation, owed = proof.owed, "caught up: {proof}");
                } else {
                    debug!(conversation.id = %conversation, "caught up: {proof}");
                }
            }
            Note::Dropped { conversation, actions, reason } => {
                self.metrics.actions_dropped(actions);
                warn!(conversation.id = %conversation, actions, reason, "actions that were not sent are dropped");
            }
            Note::SteppedUp { conversation } => {
                info!(conversation.id = %conversation, "the consumer has another id from here on");
            }
            Note::Attached(conversation) => debug!(conversation.id = %conversation, "handles a conversation"),
            Note::Hole { conversation } => {
                info!(conversation.id = %conversation, "events are missing; reads again");
            }
            Note::Doubted => debug!("an action's outcome is unknown"),
            Note::Reconciled => info!("an action in doubt was found done"),
            Note::Resent => info!("an action in doubt was not done; it is sent again"),
            Note::AnsweredAlready => info!("a message was found answered in the platform's history"),
            Note::Full { queue } => {
                self.post.house.metrics.queue_full(queue);
                debug!(queue, "has no room for more; it is asked for again");
            }
            Note::SessionTaken { times, taken_back } => {
                self.post.house.metrics.session_taken(self.account(), taken_back);
                warn!(times, taken_back, "a login elsewhere took the bot's session");
            }
            Note::TokenLost(Bystanders::Ourselves) => {
                info!("another life or process of this fleet has logged in as the bot");
            }
            Note::TokenLost(_) => info!("the bot's token died together with many of the account"),
            Note::StateUnwatched { words } => {
                info!(words, "the platform does not tell when it changes the bot's state");
            }
            Note::SetBack { availability, times } => {
                self.post.house.metrics.agent_state(self.account(), "set_back");
                warn!(
                    state = availability.wire(),
                    times, "the platform changed the bot's state; it is set back"
                );
            }
            Note::StaysAway { availability } => {
                self.post.house.metrics.agent_state(self.account(), "stays_away");
                let state = availability.wire();
                error!(
                    state,
                    "the platform changes the bot's state again and again; it stays so for a while, and nothing rings"
                );
            }
            Note::NotRefreshed { words } => {
                self.wish_answered(Verb::Refresh, Verdict::Failed(words.to_owned()));
            }
            Note::StateAnswered(verdict) => {
                self.wish_answered(Verb::AgentState(Availability::Online), verdict);
            }
            Note::StoreAway => warn!("a commit found the store away or the bot fenced"),
            Note::RingAccepted(ring) => debug!(ring.id = %ring, "accepts a ring"),
            Note::RingTaken { ring, lead } => {
                self.metrics.ring_taken(lead.map(Duration::from_millis));
                debug!(ring.id = %ring, lead_ms = lead, "took a ring");
            }
            Note::RingLost(ring) => {
                self.metrics.ring_lost();
                debug!(ring.id = %ring, "a ring went elsewhere");
            }
            Note::RingExpired(ring) => {
                self.metrics.ring_expired();
                info!(ring.id = %ring, "a ring expired unanswered");
            }
        }
    }
}
