//! Agent states, rings and the queue.

use std::collections::BTreeSet;
use std::time::Instant;

use liveperson_proto::{AccountId, AgentId, ConversationId, RingId};
use serde_json::{Value, json};

use super::accounts::{Availability, User};
use super::conversations::{Conversation, Role};
use super::requests::{Caller, Outcome};
use super::timers::Timer;
use super::{World, shapes, wall};
use crate::settings::{Acceptance, LostRings};

/// An open conversation's wait for an agent.
pub(super) struct Task {
    place: u64,
    ring: Option<Ring>,
    /// Agents who had their chance in this round.
    passed: BTreeSet<AgentId>,
    transfer: bool,
    /// The agent it was suggested to, who is asked first.
    wanted: Option<AgentId>,
    pausing: bool,
}

/// One agent's phone ringing for one conversation.
#[derive(Clone)]
struct Ring {
    id: RingId,
    agent: AgentId,
    expires: i64,
    /// Its acceptance was received from a socket that has died since, and will be applied late.
    acceptance_travels: bool,
}

const TASK: &str = ".ams.routing.RoutingTaskNotification";
const STATE: &str = ".ams.routing.AgentStateNotification";

impl World {
    pub(super) fn set_agent_state(&mut self, caller: &Caller, body: &Value) -> Outcome {
        let word = body["availability"].as_str().ok_or((400, "availability is missing"))?;
        let availability = Availability::parse(word).ok_or((400, "Unknown availability"))?;
        let agent = match body["agentUserId"].as_str() {
            Some(id) => self.agent_named(&caller.account, id).ok_or((400, "Unknown agent"))?,
            None => caller.agent.clone(),
        };
        let user = self.users.get_mut(&agent).ok_or((400, "Unknown agent"))?;
        body["description"].as_str().unwrap_or_default().clone_into(&mut user.description);
        let login = user.login.clone();
        self.counters.state_set(&caller.account, &login);
        self.make_available(&agent, availability);
        Ok((202, "Agent state updated successfully".into()))
    }

    /// An agent's state is another from here on, and the routing follows.
    fn make_available(&mut self, agent: &AgentId, availability: Availability) {
        let Some(user) = self.users.get_mut(agent) else { return };
        user.availability = availability;
        let account = user.account.clone();
        self.stir();
        self.announce_agent_state(agent);
        match availability {
            Availability::Online | Availability::Occupied => self.offer_waiting(&account),
            Availability::Away | Availability::BackSoon | Availability::Offline => {
                self.cancel_rings_of(agent);
            }
        }
    }

    /// The platform sets an agent to AWAY; whether it is there and was not yet.
    pub(super) fn set_away(&mut self, agent: &AgentId) -> bool {
        let is_there = |user: &User| {
            !user.sockets.is_empty()
                && !matches!(user.availability, Availability::Away | Availability::Offline)
        };
        let was_there = self.users.get(agent).is_some_and(is_there);
        if was_there {
            self.make_available(agent, Availability::Away);
        }
        was_there
    }

    pub(super) fn subscribe_agent_states(&mut self, caller: &Caller, body: &Value) -> Outcome {
        let wanted = body["agentId"].as_str().and_then(|id| self.agent_named(&caller.account, id));
        let socket = caller.socket.ok_or((400, "No socket"))?;
        let id = self.new_subscription(socket)?;
        let users = self.users.iter().filter(|(_, user)| user.account == caller.account);
        let shown = users.filter(|(agent, _)| wanted.as_ref().is_none_or(|one| one == *agent));
        let changes: Vec<Value> = shown.map(|(agent, user)| agent_state(agent, user)).collect();
        let note = json!({"subscriptionId": id, "changes": changes});
        self.send(socket, shapes::notification(STATE, &note));
        if let Some(socket) = self.sockets.get_mut(&socket) {
            socket.agent_states.push((id.clone(), wanted));
        }
        let login = self.login_of(&caller.agent).to_owned();
        self.counters.subscribed(&caller.account, &login, socket.0, "AgentsState");
        Ok((200, json!({ "subscriptionId": id })))
    }

    pub(super) fn announce_agent_state(&mut self, agent: &AgentId) {
        let Some(user) = self.users.get(agent) else { return };
        let Some(home) = self.accounts.get(&user.account) else { return };
        for id in &home.sockets {
            let Some(socket) = self.sockets.get(id) else { continue };
            for (subscription, wanted) in &socket.agent_states {
                if wanted.as_ref().is_none_or(|one| one == agent) {
                    let note = json!({"subscriptionId": subscription, "changes": [agent_state(agent, user)]});
                    self.outbox.push((*id, shapes::notification(STATE, &note).into()));
                }
            }
        }
    }

    pub(super) fn subscribe_routing(&mut self, caller: &Caller) -> Outcome {
        let socket_id = caller.socket.ok_or((400, "No socket"))?;
        let id = self.new_subscription(socket_id)?;
        let waiting = self.users.get(&caller.agent).map(|user| user.rung.clone()).unwrap_or_default();
        let conversations =
            if self.settings.lost_rings == LostRings::OfferedAgain { waiting } else { BTreeSet::new() };
        let pending = conversations.iter().filter_map(|id| {
            let ring = self.conversations.get(id)?.task.as_ref()?.ring.clone()?;
            self.task_shape(id, &ring, "WAITING")
        });
        let changes: Vec<Value> = pending.collect();
        let note = json!({"subscriptionId": id, "changes": changes});
        self.send(socket_id, shapes::notification(TASK, &note));
        if let Some(socket) = self.sockets.get_mut(&socket_id) {
            socket.routing.push(id.clone());
        }
        let login = self.login_of(&caller.agent).to_owned();
        self.counters.subscribed(&caller.account, &login, socket_id.0, "RoutingTasks");
        self.offer_waiting(&caller.account);
        Ok((200, json!({ "subscriptionId": id })))
    }

    pub(super) fn update_ring(&mut self, caller: &Caller, body: &Value) -> Outcome {
        let ring = RingId::new(body["ringId"].as_str().ok_or((400, "ringId is missing"))?);
        let conversation = self.ringing.get(&ring).cloned().ok_or((400, "Ring is not waiting"))?;
        let waiting = self.conversations.get(&conversation).and_then(|one| one.task.as_ref()?.ring.as_ref());
        if waiting.is_none_or(|waiting| waiting.agent != caller.agent) {
            return Err((400, "Ring belongs to another agent"));
        }
        match body["ringState"].as_str() {
            Some("ACCEPTED") => self.accept(&conversation),
            Some("REJECTED") => self.pass_on(&conversation, "REJECTED"),
            _ => return Err((400, "Unknown ring state")),
        }
        Ok((202, "Ring state updated successfully".into()))
    }

    fn accept(&mut self, id: &ConversationId) {
        let Some(ring) = self.end_ring(id, "ACCEPTED") else { return };
        self.counters.accepted(&ring.id);
        self.leave_queue(id);
        let participant = self.participant(&ring.agent, Role::AssignedAgent);
        let Some(mut facts) = self.conversations.get(id).map(|one| one.facts.clone()) else { return };
        facts.participants.retain(|one| !one.suggested);
        facts.participants.push(participant);
        self.commit(facts);
    }

    /// The ring's agent will not take it: the next one's turn.
    fn pass_on(&mut self, id: &ConversationId, state: &str) {
        let Some(ring) = self.end_ring(id, state) else { return };
        if let Some(task) = self.task_mut(id) {
            task.passed.insert(ring.agent);
            task.wanted = None;
        }
        self.unsuggest(id);
        self.offer(id);
    }

    fn unsuggest(&mut self, id: &ConversationId) {
        let Some(facts) = self.conversations.get(id).map(|one| &one.facts) else { return };
        if facts.participants.iter().any(|one| one.suggested) {
            let mut facts = facts.clone();
            facts.participants.retain(|one| !one.suggested);
            self.commit(facts);
        }
    }

    pub(super) fn ring_expires(&mut self, id: &ConversationId, ring: &RingId) {
        if self.ringing.contains_key(ring) {
            self.pass_on(id, "EXPIRED");
        }
    }

    /// Everything that rings at an agent who can no longer hear it goes to others.
    pub(super) fn cancel_rings_of(&mut self, agent: &AgentId) {
        let conversations = self.users.get(agent).map(|user| user.rung.clone()).unwrap_or_default();
        for id in conversations {
            let ring = self.task_mut(&id).and_then(|task| task.ring.as_ref());
            if ring.is_some_and(|ring| !ring.acceptance_travels) {
                self.pass_on(&id, "CANCELLED");
            }
        }
    }

    /// The agent hears no rings any more.
    pub(super) fn lose_rings_of(&mut self, agent: &AgentId) {
        if self.settings.lost_rings == LostRings::OfferedAgain {
            self.cancel_rings_of(agent);
        }
    }

    /// The ring stays, though its agent is gone: its acceptance is on the way.
    pub(super) fn acceptance_travels(&mut self, ring: &RingId) {
        let Some(id) = self.ringing.get(ring).cloned() else { return };
        if let Some(ring) = self.task_mut(&id).and_then(|task| task.ring.as_mut()) {
            ring.acceptance_travels = true;
        }
    }

    /// Brings the queue in line with changed facts: who needs an agent waits, who has one does not.
    pub(super) fn review_queue(
        &mut self,
        id: &ConversationId,
        left_by: Option<AgentId>,
        wanted: Option<AgentId>,
    ) {
        let Some(conversation) = self.conversations.get(id) else { return };
        let account = conversation.facts.account.clone();
        let needs_agent =
            conversation.facts.is_open() && conversation.facts.holder(Role::AssignedAgent).is_none();
        if !needs_agent {
            self.end_ring(id, "CANCELLED");
            self.leave_queue(id);
        } else if conversation.task.is_none() {
            self.enqueue(id, left_by, wanted);
        } else if !self.ring_fits(id) {
            self.end_ring(id, "CANCELLED");
            self.offer(id);
        }
        self.offer_waiting(&account);
    }

    /// A conversation starts to wait; an agent who just left it is asked last.
    pub(super) fn enqueue(&mut self, id: &ConversationId, left_by: Option<AgentId>, wanted: Option<AgentId>) {
        let place = self.next_id();
        let Some(conversation) = self.conversations.get_mut(id) else { return };
        let transfer = left_by.is_some();
        let passed = left_by.into_iter().collect();
        conversation.task = Some(Task { place, ring: None, passed, transfer, wanted, pausing: false });
        if let Some(home) = self.accounts.get_mut(&conversation.facts.account) {
            home.queue.insert(place, id.clone());
        }
        self.offer(id);
    }

    fn leave_queue(&mut self, id: &ConversationId) {
        let Some(conversation) = self.conversations.get_mut(id) else { return };
        let Some(task) = conversation.task.take() else { return };
        if let Some(home) = self.accounts.get_mut(&conversation.facts.account) {
            home.queue.remove(&task.place);
        }
    }

    fn ring_fits(&self, id: &ConversationId) -> bool {
        let Some(conversation) = self.conversations.get(id) else { return true };
        let ring = conversation.task.as_ref().and_then(|task| task.ring.as_ref());
        let Some(user) = ring.and_then(|ring| self.users.get(&ring.agent)) else { return true };
        has_skill(user, conversation)
    }

    /// Offers whatever waits, as long as anybody may take it.
    pub(super) fn offer_waiting(&mut self, account: &AccountId) {
        let Some(home) = self.accounts.get(account) else { return };
        let waiting: Vec<ConversationId> = home.queue.values().cloned().collect();
        for id in waiting {
            if !self.anybody_is_free(account) {
                return;
            }
            self.offer(&id);
        }
    }

    fn anybody_is_free(&self, account: &AccountId) -> bool {
        let agents = self.accounts.get(account).into_iter().flat_map(|home| home.by_login.values());
        let mut users = agents.filter_map(|agent| Some((agent, self.users.get(agent)?)));
        users.any(|(agent, user)| self.is_free(agent, user, true))
    }

    pub(super) fn offer_again(&mut self, id: &ConversationId) {
        let Some(task) = self.task_mut(id) else { return };
        task.passed.clear();
        task.pausing = false;
        self.offer(id);
    }

    /// Rings at the best agent, or waits for one.
    fn offer(&mut self, id: &ConversationId) {
        let Some(conversation) = self.conversations.get(id) else { return };
        let Some(task) = conversation.task.as_ref().filter(|task| task.ring.is_none()) else { return };
        let Some(agent) = self.best_agent(conversation, task) else {
            self.pause(id);
            return;
        };
        let now = wall();
        self.last_ring = now.max(self.last_ring + 1);
        let ring_id = RingId::from(format!("{id}_{}_{}", conversation.facts.account, self.last_ring));
        let life = self.settings.ring_life;
        let ring = Ring {
            id: ring_id.clone(),
            agent: agent.clone(),
            expires: now + life.as_millis() as i64,
            acceptance_travels: false,
        };
        if let Some(task) = self.task_mut(id) {
            task.ring = Some(ring.clone());
        }
        let turn = self.next_id();
        if let Some(user) = self.users.get_mut(&agent) {
            user.rung.insert(id.clone());
            user.last_rung = turn;
        }
        self.ringing.insert(ring_id.clone(), id.clone());
        let timer = Timer::RingExpires { conversation: id.clone(), ring: ring_id };
        self.timers.add(Instant::now() + life, timer);
        self.stir();
        self.announce_ring(id, &ring, "WAITING");
        if self.settings.acceptance == Acceptance::Automatic {
            self.accept(id);
        }
    }

    /// When all had their chance, everybody gets a new one after a short pause.
    fn pause(&mut self, id: &ConversationId) {
        let at = Instant::now() + self.settings.ring_pause;
        let Some(task) = self.task_mut(id) else { return };
        if task.pausing || task.passed.is_empty() {
            return;
        }
        task.pausing = true;
        self.timers.add(at, Timer::OfferAgain { conversation: id.clone() });
    }

    fn best_agent(&self, conversation: &Conversation, task: &Task) -> Option<AgentId> {
        let account = &conversation.facts.account;
        if let Some(wanted) = &task.wanted {
            let user = self.users.get(wanted)?;
            if self.is_free(wanted, user, true) && !task.passed.contains(wanted) {
                return Some(wanted.clone());
            }
        }
        let home = self.accounts.get(account)?;
        let users = home.by_login.values().filter_map(|agent| Some((agent, self.users.get(agent)?)));
        let free = users.filter(|(agent, user)| {
            has_skill(user, conversation)
                && !task.passed.contains(*agent)
                && self.is_free(agent, user, task.transfer)
        });
        let best = free.min_by_key(|(_, user)| (user.assigned.len() + user.rung.len(), user.last_rung));
        best.map(|(agent, _)| agent.clone())
    }

    fn is_free(&self, agent: &AgentId, user: &User, transfer: bool) -> bool {
        let available = match user.availability {
            Availability::Online => true,
            Availability::Occupied => transfer,
            _ => false,
        };
        available && user.assigned.len() + user.rung.len() < user.capacity && self.hears_rings(agent)
    }

    /// Whether any socket of the agent asked for rings.
    pub(super) fn hears_rings(&self, agent: &AgentId) -> bool {
        let Some(user) = self.users.get(agent) else { return false };
        user.sockets.iter().filter_map(|id| self.sockets.get(id)).any(|socket| !socket.routing.is_empty())
    }

    fn task_mut(&mut self, id: &ConversationId) -> Option<&mut Task> {
        self.conversations.get_mut(id)?.task.as_mut()
    }

    /// Takes the ring off the phone, with a last word about why.
    fn end_ring(&mut self, id: &ConversationId, state: &str) -> Option<Ring> {
        let ring = self.task_mut(id)?.ring.take()?;
        self.ringing.remove(&ring.id);
        if let Some(user) = self.users.get_mut(&ring.agent) {
            user.rung.remove(id);
        }
        self.stir();
        self.announce_ring(id, &ring, state);
        Some(ring)
    }

    fn announce_ring(&mut self, id: &ConversationId, ring: &Ring, state: &str) {
        let Some(shape) = self.task_shape(id, ring, state) else { return };
        let sockets = self.users.get(&ring.agent).map(|user| user.sockets.clone()).unwrap_or_default();
        for socket_id in sockets {
            let Some(socket) = self.sockets.get(&socket_id) else { continue };
            for subscription in &socket.routing {
                let note = json!({"subscriptionId": subscription, "changes": [shape]});
                self.outbox.push((socket_id, shapes::notification(TASK, &note).into()));
            }
        }
    }

    fn task_shape(&self, id: &ConversationId, ring: &Ring, state: &str) -> Option<Value> {
        let facts = &self.conversations.get(id)?.facts;
        let accepted = state == "ACCEPTED";
        Some(json!({"type": "UPSERT", "result": {
            "routingTaskId": format!("rt-{id}"), "taskCompleted": accepted, "conversationId": id,
            "consumerId": facts.consumer, "skillId": facts.skill, "brandId": facts.account,
            "assignedAgentId": if accepted { Some(&ring.agent) } else { None },
            "ringsDetails": [{
                "ringId": ring.id, "ringState": state,
                "ringExpiration": self.settings.ring_life.as_millis() as u64, "ringExpirationTs": ring.expires,
                "weight": facts.started + 3_600_000, "convId": id, "consumerId": facts.consumer,
                "skillId": facts.skill, "brandId": facts.account,
            }],
        }}))
    }

    /// Rings that wait for an answer.
    pub(crate) fn rings_waiting(&self) -> usize {
        self.ringing.len()
    }

    /// Open conversations that wait for an agent.
    pub(crate) fn queued(&self) -> usize {
        self.accounts.values().map(|home| home.queue.len()).sum()
    }
}

/// Conversations without a skill ring everywhere.
fn has_skill(user: &User, conversation: &Conversation) -> bool {
    let skill = conversation.facts.skill.as_str();
    skill == "-1" || user.skills.iter().any(|one| one == skill)
}

fn agent_state(agent: &AgentId, user: &User) -> Value {
    json!({"type": "UPSERT", "result": {
        "agentUserId": agent, "channels": ["MESSAGING"], "availability": user.availability.as_str(),
        "description": user.description,
    }})
}
