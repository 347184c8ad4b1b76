//! What bots want done is on its way.

use liveperson_proto::ConversationId;
use liveperson_proto::request::{FieldChange, Request};
use muster_core::bot::{Bystanders, Event, LoginFault, RefreshFault};
use muster_core::dialog::{Effect, Ticket};
use muster_core::duty::Intake;
use muster_core::turn::{Turn, TurnEvent};

use super::World;
use super::member::{Gone, InFlight, identity};
use super::reference::Sending;
use super::store::Record;
use super::swarm::Fault;

impl World {
    /// A bot hears something; what it wants follows.
    pub(super) fn tell(&mut self, bot: usize, event: Event) {
        if !self.members[bot].runs() {
            return;
        }
        self.trace(|| format!("b{bot} <- {event:?}"));
        self.note_coverage(bot, &event);
        self.note_temptation(bot, &event);
        let mut effects = Vec::new();
        self.members[bot].bot.on(event, self.now, &mut effects);
        self.must_stay_held_off(bot, &effects);
        for effect in effects {
            self.trace(|| format!("b{bot} -> {effect:?}"));
            self.must_take_nothing_new(bot, &effect);
            self.perform(bot, effect);
        }
        self.watch_over(bot);
    }

    fn perform(&mut self, bot: usize, effect: Effect) {
        match effect {
            Effect::Resolve => {
                let fails = self.swarm.strikes(Fault::Connecting, 4, &mut self.chance);
                let words = "no answer".to_owned();
                self.work(bot, if fails { Event::ResolveFailed { words } } else { Event::Resolved });
            }
            Effect::Login => {
                self.must_not_be_fenced(bot, "logs in");
                let event = self.login(bot);
                self.work(bot, event);
            }
            Effect::Refresh => {
                let event = self.refresh();
                self.work(bot, event);
            }
            Effect::LookAround => {
                let found = [Bystanders::Nobody, Bystanders::Many, Bystanders::Ourselves];
                let found = found[self.chance.usize(0..3)];
                let found = if self.is_robbed() { Bystanders::Nobody } else { found };
                self.work(bot, Event::LookedAround(found));
            }
            Effect::Logout => self.members[bot].sealed = false,
            Effect::Open { generation } => self.open_socket(bot, generation),
            Effect::CloseSocket => self.lose_wire(bot),
            Effect::Ask(ticket, request) => self.ask(bot, ticket, request),
            Effect::Think(turn) => self.thinks(bot, *turn),
            Effect::Claim { number, conversation } => {
                self.record(bot, Record::Claim { number, conversation });
            }
            Effect::Commit(commit) => self.record(bot, Record::Commit(*commit)),
            Effect::Done(key) => {
                let check = self.reference.done(&key);
                self.check(check);
                self.record(bot, Record::Done(key));
            }
            Effect::Dead(key, words) => {
                // Whoever lost the claim gives up what its pool-mate goes on with.
                if self.store.holder(&key.conversation) == Some(bot) {
                    let check = self.reference.dead(&key, &words);
                    self.check(check);
                }
                self.record(bot, Record::Dead(key));
            }
            Effect::Release { conversation, done, .. } => {
                if done && self.store.holder(&conversation) != Some(bot) {
                    self.shown_the_door.insert(conversation.clone());
                }
                self.record(bot, Record::Release { conversation, done });
            }
            Effect::Report(news) => {
                let life = self.members[bot].life;
                self.reports.push_back((bot, life, news));
            }
            Effect::Drained => {
                self.members[bot].drained = true;
                self.end_if_drained(bot);
            }
            Effect::Quarantine(quarantine) => self.hold(bot, quarantine),
            Effect::TokenDied | Effect::Note(_) => {}
        }
    }

    fn work(&mut self, bot: usize, event: Event) {
        self.members[bot].work.push_back(event);
    }

    fn record(&mut self, bot: usize, record: Record) {
        if let Record::Claim { number, conversation } = &record {
            self.claims.push((bot, *number, conversation.clone()));
        }
        self.members[bot].records.push_back(record);
    }

    fn login(&mut self, bot: usize) -> Event {
        if self.refuses_login() {
            return Event::LoginFailed(LoginFault::Refused);
        }
        if !self.swarm.strikes(Fault::Connecting, 4, &mut self.chance) {
            self.members[bot].sealed = true;
            return Event::LoggedIn(identity(bot));
        }
        let is_aimed = self.aims().is_some_and(|aim| aim.event == "login refused");
        Event::LoginFailed(match self.chance.u32(0..8) {
            _ if is_aimed => LoginFault::Refused,
            0 => LoginFault::Refused,
            1 => LoginFault::Blocked,
            2..5 => LoginFault::TooMany { retry_after: None },
            _ => LoginFault::Unwell { words: "503".to_owned() },
        })
    }

    fn refresh(&mut self) -> Event {
        if !self.swarm.strikes(Fault::Connecting, 3, &mut self.chance) {
            return Event::Refreshed;
        }
        Event::RefreshFailed(match self.chance.u32(0..3) {
            0 => RefreshFault::Unauthorized,
            1 => RefreshFault::Impossible,
            _ => RefreshFault::Unwell,
        })
    }

    fn open_socket(&mut self, bot: usize, generation: u64) {
        self.must_not_be_fenced(bot, "connects");
        if self.members[bot].open.is_some() {
            self.breach(format!("b{bot} opens a second socket"));
        }
        let moves = self.aims().is_some_and(|aim| ["Resolving", "Waiting"].contains(&aim.state.as_str()));
        let once_in = if moves { 2 } else { 6 };
        if self.swarm.strikes(Fault::Connecting, once_in, &mut self.chance) {
            let (unauthorized, words) = (self.chance.bool(), "refused".to_owned());
            return self.work(bot, Event::SocketFailed { generation, unauthorized, words });
        }
        self.members[bot].open = Some(generation);
        self.platform.connected(bot);
        self.work(bot, Event::SocketOpened { generation });
    }

    fn ask(&mut self, bot: usize, ticket: Ticket, request: Request) {
        let held = conversation_of(&request).is_none_or(|id| self.store.holder(id) == Some(bot));
        self.check_request(bot, &request);
        let member = &mut self.members[bot];
        if let (Request::ReadHistory { dialog, .. }, Some(generation)) = (&request, member.open) {
            *self.reads.entry((bot, member.life, generation, dialog.to_string())).or_default() += 1;
        }
        if member.open.is_some() {
            member.asked.insert(ticket, request.clone());
            member.wire.push_back(InFlight { ticket, request, held });
        }
    }

    fn thinks(&mut self, bot: usize, turn: Turn) {
        self.must_not_be_fenced(bot, "begins a turn");
        // One that retires ends what was closed.
        if !self.members[bot].retires {
            self.must_not_be_paused(bot, "begins a turn");
        }
        let closed = matches!(turn.event, TurnEvent::Closed { .. });
        if !closed && self.is_taken_over(bot, &turn.conversation) {
            self.breach(format!("{}: a turn begins while a person has taken it over", turn.conversation));
        }
        self.must_not_be_answered_by_hand(&turn);
        let holds = self.store.holder(&turn.conversation) == Some(bot);
        let of = |record: &Record| matches!(record, Record::Commit(c) if c.conversation == turn.conversation);
        if self.members[bot].records.iter().any(of) {
            self.breach(format!("{}: two turns at once", turn.conversation));
        }
        let check = self.reference.thinks(&turn, holds);
        self.check(check);
        self.members[bot].thinking.push(turn);
    }

    /// A bot that has drained ends when its records are durable.
    pub(super) fn end_if_drained(&mut self, bot: usize) {
        let member = &mut self.members[bot];
        if !member.drained || !member.records.is_empty() || !member.runs() {
            return;
        }
        let retires = member.retires;
        member.gone = Some(if retires { Gone::ForGood } else { Gone::Restarts });
        self.leave_pool(bot, retires);
    }
}

/// What a request may not be repeated as before `settle`.
pub(super) fn sending_of(bot: usize, request: &Request) -> Option<Sending> {
    match request {
        Request::Publish { conversation, external_ids, .. } => {
            Some(Sending::Tag(conversation.clone(), external_ids.last()?.clone()))
        }
        Request::UpdateConversation { conversation, changes } => {
            let adds = changes.iter().any(|change| matches!(change, FieldChange::Add { .. }));
            let hands_back = matches!(changes[..], [FieldChange::Remove { .. }]);
            match (adds, hands_back) {
                (true, _) => Some(Sending::Join(conversation.clone(), bot)),
                // Handing back twice changes nothing the second time.
                (false, true) => None,
                (false, false) => Some(Sending::Change(conversation.clone())),
            }
        }
        _ => None,
    }
}

fn conversation_of(request: &Request) -> Option<&ConversationId> {
    match request {
        Request::Publish { conversation, .. } | Request::UpdateConversation { conversation, .. } => {
            Some(conversation)
        }
        _ => None,
    }
}

pub(super) fn joins(intake: Intake) -> bool {
    intake == Intake::All
}
