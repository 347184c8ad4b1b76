//! The faults end: every state has a way out, and what was owed is done.

use liveperson_proto::ConversationId;
use liveperson_proto::close_code::CloseCode;
use muster_core::bot::{Event, LoginFault, State};
use muster_core::time::Moment;

use super::World;
use super::member::Gone;
use super::reference::{Check, Fate};

/// The time within which everything must be well again: the longest wait of a bot is ten minutes.
const WITHIN: u64 = 40 * 60 * 1_000;
/// Things that may happen meanwhile.
const ROUNDS: usize = 60_000;
/// A join that was refused so often is left alone.
const REFUSED: u32 = 3;

impl World {
    /// No more faults: within bounds everybody is online and nothing is owed.
    pub(crate) fn quiesce(&mut self) {
        if self.is_broken() {
            return;
        }
        self.swarm.end();
        self.pace = None;
        self.store_away = false;
        self.moving.clear();
        self.no_login_is_refused();
        self.people_rest();
        self.release_all();
        self.everybody_comes_back();
        let until = Moment(self.now.moment.0 + WITHIN);
        for _ in 0..ROUNDS {
            self.turn_the_world();
            if self.is_broken() {
                return;
            }
            let busy = self.members.iter().any(super::member::Member::is_busy) || !self.reports.is_empty();
            if busy {
                continue;
            }
            let unwell = self.unwell();
            if unwell.is_ok() && self.late.is_empty() {
                return;
            }
            if self.now.moment > until {
                return self.check(unwell.map_err(|words| format!("there is no way out: {words}")));
            }
            self.make_room();
            self.sleep();
        }
        let unwell = self.unwell().err().unwrap_or_else(|| "it goes on for ever".to_owned());
        self.breach(format!("there is no rest: {unwell}"));
    }

    /// What only a person or a new process can end ends; what was lost shows at the next connect.
    fn everybody_comes_back(&mut self) {
        let held_off = |m: &super::member::Member| {
            m.bot.view().state == State::Quarantined || m.gone == Some(Gone::ForGood) || m.retires
        };
        if self.members.iter().any(held_off) {
            self.crash_all();
        }
        for bot in 0..self.members.len() {
            if self.members[bot].fenced {
                self.fence(bot);
            }
            if self.members[bot].lost_news {
                self.drop_socket_with(bot, CloseCode(1001));
            }
        }
    }

    /// Nor is one that was refused already, and of which the bot has yet to hear.
    fn no_login_is_refused(&mut self) {
        for event in self.members.iter_mut().flat_map(|member| &mut member.work) {
            if let Event::LoginFailed(fault @ LoginFault::Refused) = event {
                *fault = LoginFault::Unwell { words: "503".to_owned() };
            }
        }
    }

    fn turn_the_world(&mut self) {
        for at in 0..self.platform.dialogs.len() {
            self.platform.human_leaves(at);
        }
        self.flush();
        self.release_all();
        for bot in 0..self.members.len() {
            self.next_life(bot);
            self.deliver(bot);
            self.serve(bot);
            self.think(bot);
            self.store(bot);
        }
        self.pool_hears();
        self.hear_last_wishes();
    }

    /// Until somebody wants to be woken.
    fn sleep(&mut self) {
        let deadlines = self.members.iter().filter(|m| m.runs()).filter_map(|member| member.bot.deadline());
        let late = self.late.iter().map(|(at, ..)| *at);
        let next = deadlines.chain(late).min().map_or(1_000, |at| at.0.saturating_sub(self.now.moment.0));
        self.pass(next.clamp(1, 5_000));
    }

    /// A pool that is full takes the next conversation when one ends.
    fn make_room(&mut self) {
        let waits = |at: usize| {
            let dialog = &self.platform.dialogs[at];
            dialog.open && dialog.bots.is_empty() && self.excuse_of(&dialog.id).is_none()
        };
        let full = self.members.iter().all(|m| m.bot.view().conversations >= self.terms.capacity);
        if !full || !(0..self.platform.dialogs.len()).any(waits) {
            return;
        }
        let answered = |at: &usize| {
            let dialog = &self.platform.dialogs[*at];
            dialog.open && !dialog.bots.is_empty() && self.is_answered(&dialog.id).is_ok()
        };
        let answered = (0..self.platform.dialogs.len()).find(answered);
        if let Some(at) = answered {
            self.platform.close(at);
            self.flush();
        }
    }

    /// Why nothing is owed in a conversation any more, if so.
    fn excuse_of(&self, id: &ConversationId) -> Option<&'static str> {
        let dialog = self.platform.dialog(id)?;
        if !dialog.open {
            return Some("it is closed");
        }
        if self.is_joining() && (self.store.is_done(id) || self.shown_the_door.contains(id)) {
            return Some("the pool has done with it");
        }
        if self.refused_joins.get(id).is_some_and(|times| *times >= REFUSED) {
            return Some("the platform does not let anybody in");
        }
        None
    }

    fn is_answered(&self, id: &ConversationId) -> Check {
        let account = self.reference.account(id);
        for message in self.owed(id) {
            if account.is_none_or(|account| !account.has_turn_for(message)) {
                return Err(format!("{id}: message {} has no committed turn", message.0));
            }
        }
        for (tag, action) in account.into_iter().flat_map(|account| &account.actions) {
            // What people wished waits for whoever takes the conversation up next.
            let waits = self.reference.is_wish(id, tag) && self.store.holder(id).is_none();
            if action.fate == Fate::Owed && !waits {
                return Err(format!("{id}: {tag} is committed, and neither done nor given up"));
            }
        }
        Ok(())
    }

    /// What is still missing, if anything.
    fn unwell(&self) -> Check {
        for member in &self.members {
            let view = member.bot.view();
            if view.state != State::Online || view.outbox > 0 {
                return Err(format!("b{}: {view:?}", member.number));
            }
        }
        for dialog in &self.platform.dialogs {
            if self.excuse_of(&dialog.id).is_none() {
                self.is_answered(&dialog.id)?;
            }
        }
        Ok(())
    }
}
