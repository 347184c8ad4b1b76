//! Who is told of which conversations.

use std::collections::BTreeSet;

use liveperson_proto::{AccountId, AgentId, ConversationId, SubscriptionId};
use serde_json::{Value, json};

use super::conversations::{Conversation, Facts};
use super::requests::{Caller, Outcome, Refusal};
use super::sockets::SocketId;
use super::{World, shapes, wall};

/// Which conversations a subscription wants; fields combine with AND, values of one with OR.
#[derive(Default)]
pub(super) struct Query {
    states: Vec<Vec<String>>,
    stages: Option<Vec<String>>,
    agents: Option<Vec<AgentId>>,
    consumer: Option<String>,
    dialog_types: Option<Vec<String>>,
    updated_after: Option<i64>,
    updated_before: Option<i64>,
    conversation: Option<String>,
}

/// One subscription of one socket, and what it matched last.
pub(super) struct Watching {
    pub(super) id: SubscriptionId,
    query: Query,
    matched: BTreeSet<ConversationId>,
}

impl Watching {
    /// What a body asks for, under an id still to be given.
    pub(super) fn of(world: &World, account: &AccountId, body: &Value) -> Self {
        let query = Query::parse(world, account, body);
        Self { id: SubscriptionId::from(String::new()), query, matched: BTreeSet::new() }
    }

    /// What a changed conversation is to the subscription; `None` when it has nothing to do with it.
    pub(super) fn look(&mut self, facts: &Facts) -> Option<&'static str> {
        if self.query.matches(facts) {
            self.matched.insert(facts.id.clone());
            return Some("UPSERT");
        }
        self.matched.remove(&facts.id).then_some("DELETE")
    }
}

impl Query {
    fn parse(world: &World, account: &AccountId, body: &Value) -> Self {
        let states = ["convState", "state"];
        let mut agents = words(&body["agentIds"]);
        if let Some(one) = body["agentId"].as_str() {
            agents.get_or_insert_default().push(one.to_owned());
        }
        // An agent nobody knows matches nothing; it does not widen the query.
        let known = |id: String| world.agent_named(account, &id).unwrap_or_else(|| AgentId::from(id));
        Self {
            states: states.iter().filter_map(|name| words(&body[*name])).collect(),
            stages: words(&body["stage"]),
            agents: agents.map(|ids| ids.into_iter().map(known).collect()),
            consumer: body["consumerId"].as_str().map(str::to_owned),
            dialog_types: words(&body["dialogTypes"]),
            updated_after: body["minLastUpdatedTime"].as_i64(),
            updated_before: body["maxLastUpdatedTime"].as_i64(),
            conversation: body["conversationId"].as_str().map(str::to_owned),
        }
    }

    fn matches(&self, facts: &Facts) -> bool {
        // State and stage differ only during surveys.
        let word = |is_open: bool| if is_open { "OPEN" } else { "CLOSE" };
        let (state, whole) = (word(facts.is_open()), word(facts.is_staged()));
        let takes_part = |agent: &AgentId| facts.role_of(agent.as_str()).is_some();
        self.states.iter().all(|wanted| wanted.iter().any(|one| one == state))
            && self.stages.as_ref().is_none_or(|wanted| wanted.iter().any(|one| one == whole))
            && self.agents.as_ref().is_none_or(|agents| agents.iter().any(takes_part))
            && self.consumer.as_ref().is_none_or(|consumer| consumer == facts.consumer.as_str())
            && self.dialog_types.as_ref().is_none_or(|types| types.iter().any(|one| one == "MAIN"))
            && self.updated_after.is_none_or(|after| facts.updated >= after)
            && self.updated_before.is_none_or(|before| facts.updated <= before)
            && self.conversation.as_ref().is_none_or(|id| id == facts.id.as_str())
    }

    fn is_of_nobody_but(&self, agent: &AgentId) -> bool {
        self.agents.as_ref().is_some_and(|agents| agents.iter().all(|one| one == agent))
    }

    fn wants_closed(&self) -> bool {
        self.states.iter().all(|wanted| wanted.iter().any(|one| one == "CLOSE"))
            && self.stages.as_ref().is_none_or(|wanted| wanted.iter().any(|one| one == "CLOSE"))
    }
}

fn words(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(many) => Some(many.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        _ => None,
    }
}

const CHANGE: &str = ".ams.aam.ExConversationChangeNotification";

impl World {
    pub(super) fn subscribe_conversations(&mut self, caller: &Caller, body: &Value) -> Outcome {
        let query = Query::parse(self, &caller.account, body);
        self.check_watching(caller, &query)?;
        let matched = self.matches_of(&caller.account, &query);
        let socket_id = caller.socket.ok_or((400, "No socket"))?;
        let login = self.login_of(&caller.agent).to_owned();
        // One conversation is read by its id and given up again: that is no watching.
        let kind = if query.conversation.is_some() { "OneConversation" } else { "ExConversations" };
        self.counters.subscribed(&caller.account, &login, socket_id.0, kind);
        let socket = self.sockets.get(&socket_id).ok_or((400, "No socket"))?;
        let shows_suggested = socket.shows_suggested;
        let facts = matched.iter().filter_map(|id| self.conversations.get(id)).map(|one| &one.facts);
        let changes: Vec<Value> = facts
            .map(|facts| json!({"type": "UPSERT", "result": shapes::conversation(facts, shows_suggested)}))
            .collect();
        let id = self.new_subscription(socket_id)?;
        let note = json!({"subscriptionId": id, "sentTs": wall(), "changes": changes});
        self.send(socket_id, shapes::notification(CHANGE, &note));
        for conversation in &matched {
            if let Some(one) = self.conversations.get_mut(conversation) {
                one.shown_to.insert(socket_id);
            }
        }
        if !query.is_of_nobody_but(&caller.agent)
            && let Some(home) = self.accounts.get_mut(&caller.account)
        {
            home.watchers.insert(socket_id);
        }
        let socket = self.sockets.get_mut(&socket_id).ok_or((400, "No socket"))?;
        socket.watching.push(Watching { id: id.clone(), query, matched });
        Ok((200, json!({ "subscriptionId": id })))
    }

    /// Without the right, an agent may ask for nothing but its own conversations.
    fn check_watching(&self, caller: &Caller, query: &Query) -> Result<(), Refusal> {
        let watches_all = self.users.get(&caller.agent).is_some_and(|user| user.watches_all);
        if watches_all || query.is_of_nobody_but(&caller.agent) {
            return Ok(());
        }
        Err((401, "User may not see conversations of other agents"))
    }

    /// Whether the user may watch conversations that it takes no part in.
    pub(crate) fn let_watch_all(&mut self, account: &AccountId, login: &str, may: bool) {
        if let Some(user) = self.user_mut(account, login) {
            user.watches_all = may;
        }
    }

    fn matches_of(&self, account: &AccountId, query: &Query) -> BTreeSet<ConversationId> {
        let Some(home) = self.accounts.get(account) else { return BTreeSet::new() };
        let fits =
            |id: &&ConversationId| self.conversations.get(*id).is_some_and(|one| query.matches(&one.facts));
        if let Some(agents) = &query.agents {
            let users = agents.iter().filter_map(|agent| self.users.get(agent));
            return users.flat_map(|user| &user.takes_part).filter(fits).cloned().collect();
        }
        // A survey's conversation is in the archive already, and yet not over.
        let closed = home.closed.iter().filter(|_| query.wants_closed() || self.settings.surveys);
        home.open.iter().chain(closed).filter(fits).cloned().collect()
    }

    pub(super) fn new_subscription(
        &mut self,
        socket: SocketId,
    ) -> Result<SubscriptionId, (u16, &'static str)> {
        let socket = self.sockets.get_mut(&socket).ok_or((400, "No socket"))?;
        socket.subscriptions += 1;
        Ok(SubscriptionId::from(format!("s-{}", socket.subscriptions)))
    }

    pub(super) fn login_of(&self, agent: &AgentId) -> &str {
        self.users.get(agent).map_or("", |user| user.login.as_str())
    }

    pub(super) fn unsubscribe_conversations(&mut self, caller: &Caller, body: &Value) -> Outcome {
        let id = body["subscriptionId"].as_str().ok_or((400, "subscriptionId is missing"))?;
        let socket = caller.socket.and_then(|id| self.sockets.get_mut(&id)).ok_or((400, "No socket"))?;
        let before = socket.watching.len();
        socket.watching.retain(|one| one.id.as_str() != id);
        if socket.watching.len() == before {
            return Err((400, "Unknown subscription"));
        }
        Ok((200, "OK".into()))
    }

    /// Tells every subscription for which the conversation matches, or matched until now.
    pub(super) fn announce_conversation(&mut self, id: &ConversationId) {
        let concerned = self.concerned_by(id);
        let Some(conversation) = self.conversations.get_mut(id) else { return };
        let (facts, shown_to) = (&conversation.facts, &mut conversation.shown_to);
        shown_to.clear();
        let mut shown: [Option<String>; 2] = [None, None];
        for socket_id in &concerned {
            let Some(socket) = self.sockets.get_mut(socket_id) else { continue };
            for watching in &mut socket.watching {
                let Some(kind) = watching.look(facts) else { continue };
                if kind == "UPSERT" {
                    shown_to.insert(*socket_id);
                }
                // Written once for all sockets: with a hundred of them this is most of the work.
                let result = shown[usize::from(socket.shows_suggested)]
                    .get_or_insert_with(|| shapes::conversation(facts, socket.shows_suggested).to_string());
                let frame = change(&watching.id, kind, result);
                self.outbox.push((*socket_id, frame.into()));
            }
        }
    }

    /// Sockets that may have a subscription which the conversation matches, or matched until now.
    ///
    /// With a thousand sockets of an account it is dear to ask them all about each message.
    fn concerned_by(&self, id: &ConversationId) -> BTreeSet<SocketId> {
        let Some(Conversation { facts, shown_to, .. }) = self.conversations.get(id) else {
            return BTreeSet::new();
        };
        let watchers = self.accounts.get(&facts.account).into_iter().flat_map(|home| &home.watchers);
        let users = facts.participants.iter().filter_map(|one| self.users.get(&AgentId::new(&one.id)));
        users.flat_map(|user| &user.sockets).chain(watchers).chain(shown_to).copied().collect()
    }

    /// A conversation left the archive without a word.
    pub(super) fn forget_watched(&mut self, account: &AccountId, id: &ConversationId) {
        let Some(home) = self.accounts.get(account) else { return };
        for socket in &home.sockets {
            let Some(socket) = self.sockets.get_mut(socket) else { continue };
            for watching in &mut socket.watching {
                watching.matched.remove(id);
            }
        }
    }
}

fn change(subscription: &SubscriptionId, kind: &str, result: &str) -> String {
    format!(
        r#"{{"kind":"notification","type":"{CHANGE}","body":{{"subscriptionId":"{subscription}","sentTs":{},"changes":[{{"type":"{kind}","result":{result}}}]}}}}"#,
        wall()
    )
}
