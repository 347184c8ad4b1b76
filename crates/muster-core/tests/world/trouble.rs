//! What goes wrong, or at least not as usual.

use std::time::Duration;

use liveperson_proto::ConversationId;
use liveperson_proto::close_code::CloseCode;
use liveperson_proto::request::{Availability, FieldChange, Request};
use muster_core::bot::{Ending, Event};
use muster_core::dialog::{CommitOutcome, CommitTurn, Outcome, Ticket};
use muster_core::duty::Intake;
use muster_core::quarantine::{Kind, Quarantine};

use super::member::Gone;
use super::performing::sending_of;
use super::platform::News;
use super::reference::Sending;
use super::store::{Memory, Record};
use super::swarm::Fault;
use super::{ACCOUNT, SETTLE, Sabotage, World, name};

const STATUSES: [u16; 7] = [400, 401, 403, 404, 429, 500, 503];
const CODES: [u16; 9] = [1000, 1001, 1006, 1006, 1008, 1011, 1011, 4401, 4407];

impl World {
    /// One of the faults that come by themselves.
    pub(super) fn trouble(&mut self, bot: usize) {
        let fault = [
            Fault::DropSocket,
            Fault::DropSocket,
            Fault::DropSocket,
            Fault::Crash,
            Fault::CrashAll,
            Fault::Fence,
            Fault::Fence,
            Fault::StoreAway,
            Fault::StoreAway,
            Fault::OldBackup,
            Fault::Requeue,
            Fault::Humans,
            Fault::Humans,
            Fault::Humans,
            Fault::Closing,
            Fault::Drain,
            Fault::Quarantine,
            Fault::SeveralDialogs,
            Fault::RingsLapse,
            Fault::LongHistory,
            Fault::ClaimMoves,
        ][self.chance.usize(0..21)];
        let fault = self.often().unwrap_or(fault);
        self.next_life(bot);
        if !self.swarm.is_on(fault) {
            return;
        }
        match fault {
            Fault::DropSocket => self.drop_socket(bot),
            Fault::Crash => self.crash(bot),
            Fault::CrashAll => self.crash_all(),
            Fault::Fence => self.fence(bot),
            Fault::StoreAway => self.store_away = !self.store_away,
            Fault::OldBackup => self.back_up_or_restore(),
            Fault::Drain => self.drain(bot),
            Fault::Quarantine => self.quarantine(bot),
            Fault::RingsLapse if self.is_routed() && self.chance.u32(0..3) == 0 => self.set_away(bot),
            Fault::ClaimMoves => self.move_claim(bot),
            _ => self.people(fault),
        }
    }

    /// The platform sets a bot to another state by itself.
    fn set_away(&mut self, bot: usize) {
        if self.members[bot].open.is_some() {
            let states = [Availability::Away, Availability::BackSoon, Availability::Offline];
            self.platform.make_available(bot, states[self.chance.usize(0..3)]);
            self.flush();
        }
    }

    /// A fault of which this run is full, every other time.
    fn often(&mut self) -> Option<Fault> {
        let often = &self.pace.as_ref()?.often;
        self.chance.bool().then(|| self.chance.choice(often).copied())?
    }

    fn people(&mut self, fault: Fault) {
        let Some(at) = self.platform.some_open(&mut self.chance) else { return };
        match fault {
            Fault::Requeue if self.is_routed() => self.platform.take_out(at),
            Fault::Requeue if self.chance.u32(0..6) == 0 => self.platform.take_out(at),
            Fault::Humans if self.platform.dialogs[at].human => {
                if self.chance.bool() {
                    drop(self.platform.human_answers(at));
                } else {
                    self.platform.human_leaves(at);
                }
            }
            Fault::Humans => self.platform.human_comes(at),
            Fault::Closing if self.chance.u32(0..3) == 0 => self.platform.close(at),
            Fault::SeveralDialogs => self.platform.survey_speaks(at),
            Fault::RingsLapse => self.platform.disturb_rings(at, &mut self.chance),
            _ => self.platform.controller_speaks(at),
        }
        self.platform.route(self.now.moment, &mut self.chance);
        self.flush();
    }

    /// A socket tells something, unless something happens to it on the way.
    pub(super) fn post(&mut self, bot: usize, news: News) {
        if self.members[bot].open.is_none() {
            return;
        }
        let lost = match &news {
            News::Message(_) => self.swarm.strikes(Fault::LoseMessages, 8, &mut self.chance),
            News::Conversations { .. } | News::Rings(_) => {
                !is_whole(&news) && self.swarm.strikes(Fault::LoseChanges, 12, &mut self.chance)
            }
            News::Answer(..) | News::State(..) => false,
        };
        if lost {
            self.members[bot].lost_news = true;
            return self.trace(|| format!("b{bot} never hears {news:?}"));
        }
        let doubled = match &news {
            News::Answer(..) => self.swarm.strikes(Fault::DoubleAnswer, 6, &mut self.chance),
            _ => self.swarm.strikes(Fault::DoubleNews, 6, &mut self.chance),
        };
        if doubled {
            self.enqueue(bot, news.clone());
        }
        self.enqueue(bot, news);
    }

    fn enqueue(&mut self, bot: usize, news: News) {
        let swaps = self.swarm.strikes(Fault::ReorderNews, 4, &mut self.chance);
        let incoming = &mut self.members[bot].incoming;
        incoming.push_back(news);
        let last = incoming.len() - 1;
        // A socket's pictures of conversations and rings come in order: each shows the whole state.
        let is_picture =
            |news: &News| matches!(news, News::Conversations { .. } | News::Rings(_) | News::State(..));
        if swaps && last > 0 && !(is_picture(&incoming[last]) && is_picture(&incoming[last - 1])) {
            incoming.swap(last, last - 1);
        }
    }

    /// The platform refuses; a failure of its own says nothing about whether the request is done.
    pub(super) fn refuse(&mut self, bot: usize, ticket: Ticket, request: &Request, held: bool) {
        let code = STATUSES[self.chance.usize(0..STATUSES.len())];
        self.refuse_with(code, bot, ticket, request, held);
    }

    pub(super) fn refuse_with(
        &mut self,
        code: u16,
        bot: usize,
        ticket: Ticket,
        request: &Request,
        held: bool,
    ) {
        if code >= 500 && self.chance.bool() && !is_of_the_socket(request) {
            self.apply(bot, request, held);
        }
        if code < 500 {
            self.excuse(bot, request);
        }
        let words = "no reason".to_owned();
        self.post(bot, News::Answer(ticket, Outcome::Refused { code, words }));
        self.flush();
    }

    /// What the platform refuses without a reason the bot may give up.
    fn excuse(&mut self, bot: usize, request: &Request) {
        match (request, sending_of(bot, request)) {
            (_, Some(Sending::Tag(id, tag))) => self.reference.refused(&id, &tag),
            (_, Some(Sending::Change(id))) => self.refuse_changes(&id),
            (Request::UpdateConversation { conversation, changes }, _) => {
                if matches!(changes[..], [FieldChange::Add { .. }]) {
                    *self.refused_joins.entry(conversation.clone()).or_default() += 1;
                }
            }
            _ => {}
        }
    }

    pub(super) fn lose_answer(&mut self, bot: usize, ticket: Ticket, request: Request, held: bool) {
        if is_of_the_socket(&request) {
            return self.post(bot, News::Answer(ticket, Outcome::Unknown));
        }
        self.happens_perhaps(bot, request, held);
        if self.chance.bool() {
            // Its echo is lost too: only a look at the history tells.
            self.platform.caused.retain(|(to, news)| *to != bot || !matches!(news, News::Message(_)));
        }
        self.post(bot, News::Answer(ticket, Outcome::Unknown));
        self.flush();
    }

    /// A request whose outcome nobody hears is done never, at once, or later, below `settle`.
    fn happens_perhaps(&mut self, bot: usize, request: Request, held: bool) {
        match self.chance.u32(0..3) {
            0 => {}
            1 if self.swarm.is_on(Fault::ApplyLate) => {
                let millis = self.chance.u64(0..SETTLE.as_millis() as u64 - 100);
                self.late.push((self.now.moment + Duration::from_millis(millis), bot, request, held));
            }
            _ => drop(self.apply(bot, &request, held)),
        }
    }

    /// The socket is gone, for the bot and for the platform.
    pub(super) fn lose_wire(&mut self, bot: usize) {
        let member = &mut self.members[bot];
        member.open = None;
        member.lost_news = false;
        member.asked.clear();
        member.asked_before.clear();
        member.copies.clear();
        member.incoming.clear();
        member.work.retain(|event| !matches!(event, Event::SocketOpened { .. }));
        let requests = std::mem::take(&mut member.wire);
        self.platform.disconnected(bot);
        self.beside_human.retain(|(of, _)| *of != bot);
        for flight in requests {
            if !is_of_the_socket(&flight.request) {
                self.happens_perhaps(bot, flight.request, flight.held);
            }
        }
        self.platform.route(self.now.moment, &mut self.chance);
        self.flush();
    }

    pub(super) fn drop_socket(&mut self, bot: usize) {
        if self.members[bot].open.is_some() {
            let code = CloseCode(CODES[self.chance.usize(0..CODES.len())]);
            self.drop_socket_with(bot, code);
        }
    }

    pub(super) fn drop_socket_with(&mut self, bot: usize, code: CloseCode) {
        let Some(generation) = self.members[bot].open else { return };
        self.lose_wire(bot);
        self.tell(bot, Event::SocketClosed { generation, code, words: String::new() });
    }

    /// kill -9: what was handed to the store lands up to some point.
    pub(super) fn die(&mut self, bot: usize) {
        if self.members[bot].open.is_some() {
            self.lose_wire(bot);
        }
        let records = std::mem::take(&mut self.members[bot].records);
        let landed = self.chance.usize(0..=records.len());
        for record in records.into_iter().take(landed) {
            self.keep(bot, record);
        }
        for (id, memory) in self.store.conversations().filter(|(_, memory)| memory.holder == Some(bot)) {
            let tags: Vec<_> = memory.outbox.iter().map(|row| row.tag.as_str()).collect();
            self.reference.owes_again(id, &tags);
        }
    }

    pub(super) fn crash(&mut self, bot: usize) {
        if !self.members[bot].runs() {
            return;
        }
        self.trace(|| format!("b{bot} is killed"));
        self.die(bot);
        self.leave_pool(bot, false);
        let quarantined = self.members[bot].bot.view().state == muster_core::bot::State::Quarantined;
        if quarantined {
            self.leave_pool(bot, true);
            // Held off until a new process starts it; or a person releases it, and a new life begins.
            if self.chance.bool() {
                self.members[bot].gone = Some(Gone::ForGood);
                return;
            }
        }
        self.begin_life(bot);
    }

    pub(super) fn crash_all(&mut self) {
        self.trace(|| "the process is killed".to_owned());
        for bot in 0..self.members.len() {
            if self.members[bot].runs() {
                self.die(bot);
            }
        }
        self.start_process();
    }

    /// The database is put back to an older copy of itself, which takes longer than `settle`.
    fn back_up_or_restore(&mut self) {
        let Some((store, reference)) = self.backup.take() else {
            self.backup = Some((self.store.clone(), self.reference.clone()));
            return;
        };
        self.trace(|| "the database is an older backup".to_owned());
        for bot in 0..self.members.len() {
            if self.members[bot].runs() {
                self.die(bot);
                self.members[bot].gone = Some(Gone::Restarts);
            }
        }
        self.pass(SETTLE.as_millis() as u64);
        self.store = store;
        self.reference.goes_back_to(&reference);
        for (id, memory) in self.store.conversations() {
            let tags: Vec<_> = memory.outbox.iter().map(|row| row.tag.as_str()).collect();
            self.reference.owes_again(id, &tags);
        }
        self.start_process();
    }

    pub(super) fn fence(&mut self, bot: usize) {
        let member = &mut self.members[bot];
        if !member.runs() {
            return;
        }
        member.fenced = !member.fenced;
        let fenced = member.fenced;
        if self.setup.sabotage != Sabotage::Fence {
            let why = "the store is away".to_owned();
            self.tell(bot, if fenced { Event::Fenced { why } } else { Event::Unfenced });
        }
    }

    fn drain(&mut self, bot: usize) {
        if !self.members[bot].runs() {
            return;
        }
        let ending = if self.chance.u32(0..3) == 0 { Ending::Retire } else { Ending::Restart };
        let within = Duration::from_millis(self.chance.u64(0..20_000));
        self.drain_as(bot, ending, within);
    }

    pub(super) fn drain_as(&mut self, bot: usize, ending: Ending, within: Duration) {
        if !self.members[bot].drained {
            self.members[bot].retires |= ending == Ending::Retire;
        }
        self.members[bot].ending.get_or_insert(ending);
        self.tell(bot, Event::Drain { ending, within });
    }

    fn quarantine(&mut self, bot: usize) {
        if self.chance.u32(0..4) == 0 {
            self.quarantine_now(bot);
        }
    }

    pub(super) fn quarantine_now(&mut self, bot: usize) {
        let (account, because) = (ACCOUNT.into(), "a person says so");
        let quarantine = Quarantine::of(&account, &name(bot), Kind::Suspended, because);
        self.tell(bot, Event::Quarantined(quarantine));
    }

    /// The next commit of one of its conversations finds that a mate held it meanwhile.
    pub(super) fn move_claim(&mut self, bot: usize) {
        let held =
            |(id, memory): (&ConversationId, &Memory)| (memory.holder == Some(bot)).then(|| id.clone());
        let held: Vec<_> = self.store.conversations().filter_map(held).collect();
        self.moving.extend(self.chance.choice(held));
    }

    /// A mate of another process takes it and lets go of it again before the bot hears of either.
    pub(super) fn moves(&mut self, bot: usize, commit: &CommitTurn) {
        let id = &commit.conversation;
        let inside = self.platform.dialog(id).is_some_and(|dialog| dialog.bots.contains(&bot));
        if !inside || !self.moving.remove(id) || !self.store.moves(id, &commit.turn) {
            return;
        }
        self.trace(|| format!("{id} moves to a mate and back"));
        if self.is_joining()
            && let Some(at) = self.platform.place_of(id)
        {
            // Whoever took it put the bot out.
            self.platform.dialogs[at].bots.remove(&bot);
            self.members[bot].lost_news = true;
        }
    }

    /// Commits are answered without an outcome; everything else waits.
    pub(super) fn store_is_away(&mut self, bot: usize) {
        let Some(Record::Commit(commit)) = self.members[bot].records.front().cloned() else { return };
        self.members[bot].records.pop_front();
        if self.chance.bool() {
            self.commit(bot, &commit);
        }
        let (conversation, turn) = (commit.conversation, commit.turn);
        let outcome = CommitOutcome::Unavailable;
        self.members[bot].work.push_back(Event::Committed { conversation, turn, outcome });
    }

    pub(super) fn is_joining(&self) -> bool {
        self.setup.intake == Intake::All
    }
}

/// The first picture of a subscription; a socket without one is no socket.
fn is_whole(news: &News) -> bool {
    matches!(news, News::Conversations { changes, .. } if changes.len() != 1)
}

/// What belongs to a socket dies with it.
fn is_of_the_socket(request: &Request) -> bool {
    matches!(
        request,
        Request::SubscribeConversations { .. }
            | Request::FindConversation { .. }
            | Request::Unsubscribe { .. }
            | Request::SubscribeRings { .. }
            | Request::SetAgentState { .. }
            | Request::SubscribeAgentState { .. }
    )
}
