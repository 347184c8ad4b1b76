//! What may happen next.

use std::time::Duration;

use liveperson_proto::request::{Outgoing, Request};
use muster_core::bot::{Event, State, TokenSource};
use muster_core::dialog::{CommitOutcome, Outcome, Ticket};
use muster_core::duty::Intake;
use muster_core::pool::{Pool, PoolEffect, PoolNews};
use muster_core::time::Now;

use super::World;
use super::aim::Fit;
use super::member::{Gone, InFlight, Member};
use super::pace::Slow;
use super::performing::{joins, sending_of};
use super::platform::dialog::words;
use super::platform::{News, WATCH};
use super::reference::Sending;
use super::store::Record;
use super::swarm::Fault;
use super::{HUMAN, agent, logic, name};

impl World {
    /// One random thing happens.
    pub(crate) fn step(&mut self) {
        self.steps += 1;
        self.people_steer();
        self.harm_and_release();
        self.tempt();
        self.go_on();
        self.pursue_aim();
        let bot = self.chance.usize(0..self.members.len());
        match self.chance.u32(0..100) {
            0..8 => self.consumer_writes(),
            8..11 => self.consumer_opens(),
            11..38 => self.deliver(bot),
            38..56 => self.serve(bot),
            56..66 => self.think(bot),
            66..80 => self.store(bot),
            80..84 => self.pool_hears(),
            84..90 => {
                let millis = self.chance.u64(1..1500);
                self.pass(millis);
            }
            90..98 => self.trouble(bot),
            _ => self.pass(50),
        }
    }

    /// A run with a pace of its own does not end with the last bot: another process starts.
    fn go_on(&mut self) {
        let held_off = |m: &Member| !m.runs() || m.bot.view().state == State::Quarantined;
        if self.pace.is_some() && self.members.iter().all(held_off) && self.chance.u32(0..40) == 0 {
            self.crash_all();
        }
    }

    pub(super) fn consumer_opens(&mut self) {
        // What happens to a few comes to pass in fewer steps.
        let few =
            self.aims().is_some() && self.platform.dialogs.iter().filter(|dialog| dialog.open).count() >= 2;
        if few {
            return;
        }
        let own_dialog = self.swarm.strikes(Fault::SeveralDialogs, 2, &mut self.chance);
        if let Some(at) = self.platform.consumer_opens(own_dialog) {
            for _ in 0..self.chance.usize(0..3) {
                self.platform.consumer_writes(at);
            }
        }
        self.platform.route(self.now.moment, &mut self.chance);
        self.flush();
    }

    pub(super) fn consumer_writes(&mut self) {
        let Some(at) = self.platform.some_open(&mut self.chance) else { return };
        let many = if self.swarm.strikes(Fault::LongHistory, 40, &mut self.chance) { 25 } else { 1 };
        for _ in 0..many {
            self.platform.consumer_writes(at);
        }
        self.flush();
    }

    /// A bot hears the next thing of one of those that talk to it.
    pub(super) fn deliver(&mut self, bot: usize) {
        if self.tell_copy(bot) {
            return;
        }
        let from = self.chance.usize(0..3);
        for which in (0..3).map(|n| (from + n) % 3) {
            if which == 2 {
                if let Some(generation) = self.members[bot].open
                    && let Some(news) = self.next_news(bot)
                {
                    return self.hear(bot, generation, news);
                }
            } else if let Some(event) = self.next_work(bot, which == 1) {
                return self.tell(bot, event);
            }
        }
    }

    /// The next of what the store and services answer, or of what the pool says.
    fn next_work(&mut self, bot: usize, of_pool: bool) -> Option<Event> {
        let at = self.place_of_work(bot, of_pool)?;
        let at = if of_pool { at } else { self.first_of_its_claims(bot, at) };
        let member = &mut self.members[bot];
        if of_pool { member.from_pool.remove(at) } else { member.work.remove(at) }
    }

    /// The store answers the claims of one conversation in their order.
    fn first_of_its_claims(&self, bot: usize, at: usize) -> usize {
        let work = &self.members[bot].work;
        let Some(Event::ClaimAnswered { conversation: meant, .. }) = work.get(at) else { return at };
        let is_it = |event: &Event| matches!(event, Event::ClaimAnswered { conversation, .. } if conversation == meant);
        work.iter().position(is_it).unwrap_or(at)
    }

    fn place_of_work(&mut self, bot: usize, of_pool: bool) -> Option<usize> {
        let queue = if of_pool { &self.members[bot].from_pool } else { &self.members[bot].work };
        let fits: Vec<_> = queue.iter().map(|event| self.fit(bot, event, None)).collect();
        let now = fits.iter().position(|fit| *fit == Fit::Now);
        if let Some(at) = now.filter(|at| !fits[..*at].contains(&Fit::Early) && (*at == 0 || !of_pool)) {
            return Some(at);
        }
        if fits.contains(&Fit::Early) && self.is_patient() {
            return fits.iter().position(|fit| *fit == Fit::Other).filter(|at| *at == 0 || !of_pool);
        }
        let Some(pace) = &self.pace else { return Some(0) };
        let member = &self.members[bot];
        let queue = if of_pool { &member.from_pool } else { &member.work };
        let first = queue.iter().position(|event| !pace.holds_up(event));
        let held = &queue.iter().take(first.unwrap_or(queue.len())).collect::<Vec<_>>();
        let new = held.iter().position(|event| self.is_new(bot, event, None));
        if let Some(at) = new.filter(|at| *at == 0 || !of_pool) {
            return Some(at);
        }
        if !held.is_empty() && pace.goes_on(&mut self.chance) { Some(0) } else { first }
    }

    /// The next news of the socket: only what is slow is overtaken.
    fn next_news(&mut self, bot: usize) -> Option<News> {
        let at = self.place_of_news(bot)?;
        self.members[bot].incoming.remove(at)
    }

    fn place_of_news(&mut self, bot: usize) -> Option<usize> {
        let Some(pace) = &self.pace else { return Some(0) };
        let member = &self.members[bot];
        let generation = member.open?;
        let asked = |news: &News| match news {
            News::Answer(ticket, _) => member.asked.get(ticket),
            _ => None,
        };
        let first = member.incoming.iter().position(|news| !pace.holds_back(news, asked(news)));
        let held = first.unwrap_or(member.incoming.len());
        let is_new = |news: &&News| self.is_new(bot, &(*news).clone().event(generation), asked(news));
        let new = member.incoming.iter().take(held.min(6)).position(|news| is_new(&news));
        if new.is_some() {
            return new;
        }
        if held > 0 && pace.goes_on(&mut self.chance) { Some(0) } else { first }
    }

    fn hear(&mut self, bot: usize, generation: u64, news: News) {
        self.copy(bot, generation, &news);
        self.note_humans(bot, &news);
        if let News::Answer(ticket, outcome) = &news
            && let Some(request) = self.members[bot].asked.remove(ticket)
        {
            self.hears_answer(bot, &request, outcome);
            if self.aims().is_some() {
                self.members[bot].asked_before.insert(*ticket, request.clone());
            }
            self.last_answered = Some((*ticket, request));
        }
        self.tell(bot, news.event(generation));
    }

    fn hears_answer(&mut self, bot: usize, request: &Request, outcome: &Outcome) {
        let unknown = matches!(outcome, Outcome::Unknown | Outcome::Refused { code: 500.., .. });
        if let Some(sending) = sending_of(bot, request).filter(|_| !unknown) {
            self.reference.is_certain(&sending);
        }
    }

    fn note_humans(&mut self, bot: usize, news: &News) {
        let News::Conversations { subscription, changes } = news else { return };
        if subscription.as_str() == WATCH {
            return;
        }
        for shown in changes.iter().map(|change| &change.conversation) {
            let key = (bot, shown.id.clone());
            if shown.participants.iter().any(|(who, _)| who == agent(bot).as_str()) {
                // Whoever is shown inside knows that the join was done, though no answer came.
                self.reference.is_certain(&Sending::Join(shown.id.clone(), bot));
            }
            if shown.participants.iter().any(|(who, _)| who == HUMAN) {
                self.beside_human.insert(key);
            } else {
                self.beside_human.remove(&key);
            }
        }
    }

    /// The platform takes a bot's next request.
    pub(super) fn serve(&mut self, bot: usize) {
        let Some(InFlight { ticket, request, held }) = self.members[bot].wire.pop_front() else { return };
        self.show_before(&request);
        if let Some(code) = self.aimed_code(&request) {
            return self.refuse_with(code, bot, ticket, &request, held);
        }
        if self.swarm.strikes(Fault::Refuse, 8, &mut self.chance) {
            return self.refuse(bot, ticket, &request, held);
        }
        if self.swarm.strikes(Fault::LoseAnswer, 8, &mut self.chance) {
            return self.lose_answer(bot, ticket, request, held);
        }
        let outcome = self.apply(bot, &request, held);
        let late = self.swarm.strikes(Fault::AnswerLate, 3, &mut self.chance);
        if late {
            self.flush();
        }
        self.post(bot, News::Answer(ticket, outcome));
        self.flush();
    }

    /// A request takes effect; the reference model sees what the consumer sees.
    pub(super) fn apply(&mut self, bot: usize, request: &Request, held: bool) -> Outcome {
        let outcome = self.platform.apply(bot, request);
        // A pool-mate that never heard that it lost the conversation may have pulled the claim to itself.
        let held = held || self.swarm.was_on(Fault::LoseChanges);
        // Whoever was not told that it is inside may ask once more.
        if let Some(breach) = self.platform.breach.take().filter(|_| !self.members[bot].lost_news) {
            self.breach(breach);
        }
        if let Request::Publish { conversation, external_ids, content, .. } = request {
            let tag = external_ids.last().cloned().unwrap_or_default();
            if let Outcome::Refused { .. } = outcome {
                self.reference.refused(conversation, &tag);
            } else if let Outgoing::Text { text } = content {
                let check = self.reference.shows(conversation, &tag, text, held);
                self.check(check);
            }
        }
        if let (Some(Sending::Change(id)), Outcome::Refused { .. }) = (sending_of(bot, request), &outcome) {
            self.refuse_changes(&id);
        }
        self.platform.route(self.now.moment, &mut self.chance);
        outcome
    }

    /// What could not be done was refused by the platform itself: a dead letter is right.
    pub(super) fn refuse_changes(&mut self, id: &liveperson_proto::ConversationId) {
        let Some(account) = self.reference.account(id) else { return };
        let unpublished: Vec<_> = account.unpublished();
        for tag in unpublished {
            self.reference.refused(id, &tag);
        }
    }

    pub(super) fn flush(&mut self) {
        for (bot, news) in std::mem::take(&mut self.platform.caused) {
            self.post(bot, news);
        }
    }

    pub(super) fn think(&mut self, bot: usize) {
        if self.members[bot].thinking.is_empty() || self.is_slow(Slow::Logic) {
            return;
        }
        let turns = self.members[bot].thinking.len();
        let fits = |at: &usize| self.fit_of_turn(bot, &self.members[bot].thinking[*at].conversation);
        let aimed = (0..turns).find(|at| fits(at) == Fit::Now);
        let at = aimed.unwrap_or_else(|| self.chance.usize(0..turns));
        let fit = self.fit_of_turn(bot, &self.members[bot].thinking[at].conversation);
        if fit == Fit::Early && self.is_patient() {
            return;
        }
        let turn = self.members[bot].thinking.swap_remove(at);
        self.calls += 1;
        let decided = logic::decide(&turn, self.calls, &self.swarm, &mut self.chance);
        let decided = self.aimed_decision(&turn, decided);
        self.tell(bot, Event::Decided { conversation: turn.conversation, turn: turn.id, decided });
    }

    fn is_slow(&mut self, what: Slow) -> bool {
        let slow = self.pace.as_ref().filter(|pace| pace.is_slow(what));
        slow.is_some_and(|pace| !pace.goes_on(&mut self.chance))
    }

    /// The store takes a bot's next record.
    pub(super) fn store(&mut self, bot: usize) {
        if self.is_slow(Slow::Store) {
            return;
        }
        if self.store_away {
            return self.store_is_away(bot);
        }
        if let Some(first) = self.first_to_claim(bot).filter(|first| *first != bot) {
            return self.store(first);
        }
        let Some(record) = self.members[bot].records.pop_front() else { return };
        if let Some(event) = self.keep(bot, record) {
            self.members[bot].work.push_back(event);
        }
        self.end_if_drained(bot);
    }

    /// Who asked first for the conversation that the bot's next record claims: one recorder writes for all
    /// bots, so that claims on one conversation land in the order in which they were asked for.
    fn first_to_claim(&mut self, bot: usize) -> Option<usize> {
        let Some(Record::Claim { conversation, .. }) = self.members[bot].records.front() else { return None };
        let conversation = conversation.clone();
        let members = &self.members;
        let waits = |of: usize, number: Ticket| {
            let is_it = |r: &Record| matches!(r, Record::Claim { number: waits, .. } if *waits == number);
            members[of].records.iter().any(is_it)
        };
        self.claims.retain(|(of, number, _)| waits(*of, *number));
        self.claims.iter().find(|(.., claimed)| *claimed == conversation).map(|(of, ..)| *of)
    }

    /// Makes a record durable; returns what its bot will hear.
    pub(super) fn keep(&mut self, bot: usize, record: Record) -> Option<Event> {
        match record {
            Record::Claim { number, conversation } => {
                let outcome = if self.swarm.strikes(Fault::StoreFences, 6, &mut self.chance) {
                    muster_core::dialog::ClaimOutcome::Fenced
                } else {
                    self.store.claim(bot, &conversation, joins(self.setup.intake))
                };
                Some(Event::ClaimAnswered { conversation, number, outcome })
            }
            Record::Commit(commit) => {
                let outcome = self.commit(bot, &commit);
                Some(Event::Committed { conversation: commit.conversation, turn: commit.turn, outcome })
            }
            Record::Done(key) | Record::Dead(key) => {
                self.store.settle(&key);
                None
            }
            Record::Release { conversation, done } => {
                for tag in self.store.release(bot, &conversation, done) {
                    self.reference.dropped(&conversation, &tag);
                }
                None
            }
        }
    }

    pub(super) fn commit(&mut self, bot: usize, commit: &muster_core::dialog::CommitTurn) -> CommitOutcome {
        if commit.actions.iter().any(|action| action.body.contains(logic::POISON)) {
            return CommitOutcome::Rejected("a text that no database keeps".to_owned());
        }
        if self.swarm.strikes(Fault::StoreFences, 10, &mut self.chance) {
            return CommitOutcome::Fenced;
        }
        self.moves(bot, commit);
        let holds = self.store.holder(&commit.conversation) == Some(bot);
        let outcome = self.store.commit(bot, commit);
        if outcome == CommitOutcome::Committed {
            let owed = self.owed(&commit.conversation);
            let check = self.reference.committed(commit, holds, &owed);
            self.check(check);
        }
        outcome
    }

    /// Messages that a turn has to answer: the consumer's, unless a person of the brand wrote after them
    /// or the consumer saw an answer before the database went back in time.
    pub(super) fn owed(&self, id: &liveperson_proto::ConversationId) -> Vec<liveperson_proto::Sequence> {
        let Some(dialog) = self.platform.dialog(id) else { return Vec::new() };
        let last = dialog.last_human();
        let consumers =
            dialog.events.iter().filter(|event| event.originator == "cons" && words(event).is_some());
        let sequences = consumers.filter_map(|event| event.sequence);
        sequences
            .filter(|s| last.is_none_or(|last| *s > last) && !self.reference.was_answered(id, *s))
            .collect()
    }

    /// The pool hears the next report.
    pub(super) fn pool_hears(&mut self) {
        let Some((bot, life, news)) = self.reports.pop_front() else { return };
        if self.members[bot].life != life {
            return;
        }
        self.trace(|| format!("pool <- b{bot}: {news:?}"));
        let effects = self.pool.as_mut().map(|pool| pool.take(&name(bot), news)).unwrap_or_default();
        self.carry_out(effects);
    }

    pub(super) fn carry_out(&mut self, effects: Vec<PoolEffect>) {
        for effect in effects {
            let (bot, event) = match effect {
                PoolEffect::Watch { bot, spell } => (bot, Event::Watch { spell }),
                PoolEffect::Place { bot, placement, conversations } => {
                    (bot, Event::Placed { placement, conversations })
                }
            };
            let member = self.members.iter_mut().find(|member| name(member.number) == bot);
            if let Some(member) = member.filter(|member| member.runs()) {
                member.from_pool.push_back(event);
            }
        }
    }

    /// Time passes; who asked to be woken is.
    pub(super) fn pass(&mut self, millis: u64) {
        let later = Duration::from_millis(millis);
        self.now = Now { moment: self.now.moment + later, wall: self.now.wall + millis as i64 };
        let now = self.now.moment;
        let due: Vec<_> = self.late.extract_if(.., |(at, ..)| *at <= now).collect();
        for (_, bot, request, held) in due {
            self.apply(bot, &request, held);
        }
        self.platform.route(now, &mut self.chance);
        self.flush();
        for bot in 0..self.members.len() {
            self.wake(bot);
        }
    }

    /// A process starts: the pool knows nothing, and every bot begins a life.
    pub(super) fn start_process(&mut self) {
        self.reports.clear();
        self.shown_the_door.clear();
        self.store.wishes_are_in_doubt();
        self.pool = joins(self.setup.intake).then(Pool::default);
        for bot in 0..self.members.len() {
            if let Some(pool) = &mut self.pool {
                pool.enrol(name(bot), self.terms.capacity);
            }
        }
        for bot in 0..self.members.len() {
            self.begin_life(bot);
        }
    }

    pub(super) fn begin_life(&mut self, bot: usize) {
        if self.stays_away(bot) {
            return;
        }
        let held = self.store.held(bot);
        let ids = held.iter().map(|restored| restored.conversation.clone()).collect();
        // Whoever releases a bot whose token was handed in has supplied a new one.
        let handed_in = self.terms.tokens == TokenSource::HandedIn;
        let sealed = handed_in || (self.members[bot].sealed && self.chance.u32(0..4) > 0);
        let seed = self.lives;
        self.lives += 1;
        let fresh = Member::new(bot, self.terms.bot(bot, seed, sealed, held, self.now), seed);
        self.members[bot] = Member { sealed, paused: self.members[bot].paused, ..fresh };
        self.trace(|| format!("b{bot} begins life {seed}"));
        let effects = self.pool.as_mut().map(|pool| pool.begins(&name(bot), ids)).unwrap_or_default();
        self.carry_out(effects);
        self.begins_with_what_is_taken(bot);
        self.tell(bot, Event::Started);
        self.is_told_of_its_pause(bot);
    }

    /// What the pool learns when a bot's life ends.
    pub(super) fn leave_pool(&mut self, bot: usize, for_good: bool) {
        // What a life reported comes before the news of its end.
        while !self.reports.is_empty() {
            self.pool_hears();
        }
        let Some(pool) = &mut self.pool else { return };
        let mut effects = pool.lost(&name(bot));
        if for_good {
            effects.extend(pool.take(&name(bot), PoolNews::Out));
        }
        self.carry_out(effects);
    }

    /// Bots that restarted in order begin again.
    pub(super) fn next_life(&mut self, bot: usize) {
        if self.members[bot].gone == Some(Gone::Restarts) {
            self.begin_life(bot);
        }
    }

    pub(super) fn is_routed(&self) -> bool {
        self.setup.intake == Intake::Rings
    }
}
