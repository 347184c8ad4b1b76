//! Consumers that are real clients: they sign up, come over the wire, and meet the fleet's bots.

use liveperson::proto::consumer::{ConsumerRequest, Stage};
use liveperson::proto::frame::Notification;
use liveperson::proto::message::{EventBody, MessageEvent, Role};
use liveperson::proto::{ConversationId, Sequence};
use liveperson::{
    Client, ClientSettings, ConsumerIdentity, ConsumerSocket, Domains, Heard, OpenError, Outcome,
};
use liveperson_proto::conversation::ConversationChange;
use muster_core::bot::Ending;
use tokio::time::timeout;

use crate::inside::{ACCOUNTS, World, story};
use crate::outside::SOON;

/// The client and what it knows of the account.
struct Visitors {
    client: Client,
    domains: Domains,
}

impl Visitors {
    async fn of(world: &World) -> Self {
        let settings = ClientSettings {
            csds_domain: world.platform.host(),
            ca_pem: Some(world.platform.ca_pem().into()),
            ..ClientSettings::default()
        };
        let client = Client::new(settings).unwrap();
        let domains = client.domains(&ACCOUNTS[0].into()).await.unwrap();
        Self { client, domains }
    }

    async fn signs_up(&self) -> ConsumerIdentity {
        self.client.sign_up(&self.domains, &ACCOUNTS[0].into()).await.unwrap()
    }

    async fn connects(&self, identity: &ConsumerIdentity) -> Visitor {
        let socket = self.client.open_consumer_socket(&self.domains, identity).await.unwrap();
        Visitor { socket, told: Vec::new(), shown: Vec::new() }
    }
}

/// A consumer on the line, and all it was told.
struct Visitor {
    socket: ConsumerSocket,
    told: Vec<MessageEvent>,
    shown: Vec<ConversationChange>,
}

impl Visitor {
    /// Listens until something is seen.
    async fn until<T>(&mut self, mut seen: impl FnMut(&mut Self, Option<Outcome>) -> Option<T>) -> T {
        let looking = async {
            loop {
                let outcome = match self.socket.next().await {
                    Heard::Answered { outcome, .. } => Some(outcome),
                    Heard::Notification(Notification::Messages { events, .. }) => {
                        self.told.extend(events);
                        None
                    }
                    Heard::Notification(Notification::Conversations { changes, .. }) => {
                        self.shown.extend(changes);
                        None
                    }
                    Heard::Closed { code, reason } => panic!("closed with {code}: {reason}"),
                    _ => None,
                };
                if let Some(found) = seen(self, outcome) {
                    return found;
                }
            }
        };
        timeout(SOON, looking).await.unwrap()
    }

    async fn asks(&mut self, request: ConsumerRequest) -> Option<ConversationId> {
        self.socket.send(1, &request).await.unwrap();
        let done = |outcome| match outcome {
            Some(Outcome::Done(response)) => Some(response.conversation()),
            Some(other) => panic!("{request:?}: {other:?}"),
            None => None,
        };
        self.until(|_, outcome| done(outcome)).await
    }

    async fn subscribes(&mut self, id: &ConversationId) {
        let (dialog, conversation) = (id.main_dialog(), id.clone());
        self.asks(ConsumerRequest::SubscribeMessages { dialog, conversation, from: Sequence(0) }).await;
    }

    async fn says(&mut self, id: &ConversationId, text: &str) {
        let (dialog, conversation, text) = (id.main_dialog(), id.clone(), text.to_owned());
        self.asks(ConsumerRequest::Publish { dialog, conversation, text }).await;
    }

    /// What was said so far, by whom.
    fn lines(&self) -> Vec<(Role, String)> {
        let line = |event: &MessageEvent| match &event.body {
            EventBody::Content { text, .. } => Some((event.role, text.clone())),
            _ => None,
        };
        self.told.iter().filter_map(line).collect()
    }

    async fn hears(&mut self, token: &str) {
        self.until(|this, _| {
            let lines = this.lines();
            lines.iter().any(|(role, text)| *role != Role::Consumer && text.contains(token)).then_some(())
        })
        .await;
    }
}

#[test]
fn an_anonymous_consumer_opens_says_hears_the_bots_answer_and_closes() {
    story(1, "echo", async |world| {
        let fleet = world.launch().await;
        let visitors = Visitors::of(&world).await;
        let identity = visitors.signs_up().await;
        let mut ada = visitors.connects(&identity).await;
        ada.asks(ConsumerRequest::SubscribeConversations { stage: Stage::Open }).await;
        let opening = ConsumerRequest::OpenConversation { account: ACCOUNTS[0].into(), skill: None };
        let id = ada.asks(opening).await.unwrap();
        ada.subscribes(&id).await;
        for token in ["m-1", "m-2"] {
            ada.says(&id, &format!("hello {token}")).await;
            ada.hears(token).await;
        }
        assert!(ada.lines().iter().any(|(role, _)| *role == Role::AssignedAgent), "{:?}", ada.lines());
        ada.asks(ConsumerRequest::Close { conversation: id }).await;
        ada.until(|this, _| this.shown.iter().any(|change| !change.conversation.main_open).then_some(()))
            .await;
        world.judge().await;
        assert_eq!(world.platform.ledger().once, 2);
        world.end(fleet, Ending::Restart).await;
    });
}

#[test]
fn a_consumer_that_comes_back_is_shown_what_was_said_and_its_conversation_goes_on() {
    story(1, "echo", async |world| {
        let fleet = world.launch().await;
        let visitors = Visitors::of(&world).await;
        let identity = visitors.signs_up().await;
        let mut ada = visitors.connects(&identity).await;
        let opening = ConsumerRequest::OpenConversation { account: ACCOUNTS[0].into(), skill: None };
        let id = ada.asks(opening).await.unwrap();
        ada.subscribes(&id).await;
        ada.says(&id, "hello m-1").await;
        ada.hears("m-1").await;
        let before = ada.lines();
        world.platform.drop_socket_of_consumer(identity.consumer.as_str());
        while !matches!(ada.socket.next().await, Heard::Closed { .. }) {}

        let kept = ConsumerIdentity::unseal(&ACCOUNTS[0].into(), identity.seal()).unwrap();
        let mut ada = visitors.connects(&kept).await;
        ada.asks(ConsumerRequest::SubscribeConversations { stage: Stage::Open }).await;
        ada.until(|this, _| this.shown.iter().any(|change| change.conversation.id == id).then_some(())).await;
        ada.subscribes(&id).await;
        ada.hears("m-1").await;
        assert_eq!(ada.lines(), before);
        ada.says(&id, "still there? m-2").await;
        ada.hears("m-2").await;
        world.judge().await;
        world.end(fleet, Ending::Restart).await;
    });
}

#[test]
fn a_forged_identity_opens_no_socket() {
    story(1, "echo", async |world| {
        let visitors = Visitors::of(&world).await;
        let good = visitors.signs_up().await;
        let stranger = world.platform.consumer(ACCOUNTS[0], "Ada").id().to_owned();
        // `{"sub":"stranger"}` under somebody else's signature.
        let claims = base64_of(&format!(r#"{{"sub":"{stranger}"}}"#));
        let sealed = secrecy::ExposeSecret::expose_secret(&good.seal()).to_owned();
        let mut parts: Vec<&str> = sealed.split('.').collect();
        parts[1] = &claims;
        let forged = ConsumerIdentity::unseal(&ACCOUNTS[0].into(), parts.join(".").into()).unwrap();
        assert_eq!(forged.consumer.as_str(), stranger);
        let refused = visitors.client.open_consumer_socket(&visitors.domains, &forged).await.unwrap_err();
        assert!(matches!(refused, OpenError::Refused { status: 401 }), "{refused}");
    });
}

fn base64_of(text: &str) -> String {
    base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, text)
}
