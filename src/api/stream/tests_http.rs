//! The events and the frames of a bot over HTTP: who may have them, and what is refused.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody as _};
use actix_web::dev::ServiceResponse;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use liveperson::{Direction, Tap as _};
use muster_core::rights::{Grant, Role};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::{Hub, HubRules};
use crate::access::new_token;
use crate::api::tests::{request, with_store};
use crate::api::{ApiState, Gate, guarded};
use crate::clock::Clock;
use crate::happening::Happening;
use crate::store::{ActFilter, NewEvent};

struct World {
    state: ApiState,
    _folder: tempfile::TempDir,
}

impl World {
    /// A fleet of which three events are kept of account 1, one of account 2 and one of its own.
    async fn new(rules: HubRules) -> Self {
        let (state, folder) = with_store(3).await;
        let store = state.store.clone().unwrap();
        let event = |account: &str, kind| NewEvent {
            account: account.into(),
            bot: "".into(),
            at: 1_795_257_904_200,
            kind,
            state: None,
            cause: None,
            who: None,
        };
        let more = [event("2", Happening::LoginTrouble), event("", Happening::Fenced)];
        store.add_events(&more).await.unwrap();
        let events = Hub::new(store.clone(), state.metrics.clone(), rules);
        let state = ApiState { events: Some(events), ..state }.with_gate(Gate::asking(store));
        Self { state, _folder: folder }
    }

    async fn token(&self, role: Role, accounts: Option<&[&str]>) -> String {
        let accounts = accounts.map(|ids| ids.iter().map(|id| (*id).into()).collect());
        let (token, secret) =
            new_token(&format!("{role} {accounts:?}"), Grant { role, accounts }, "a test", None);
        assert!(self.state.store().unwrap().add_token(&token).await.unwrap());
        self.state.gate.forget();
        secret.expose_secret().to_owned()
    }

    async fn ask(&self, token: &str, path: &str, accept: &str) -> ServiceResponse<BoxBody> {
        let request: TestRequest = request(path).insert_header(("accept", accept));
        let request = request.insert_header(("authorization", format!("Bearer {token}")));
        let app = App::new().app_data(web::Data::new(self.state.clone()));
        let app = init_service(app.service(guarded(crate::console::configure))).await;
        call_service(&app, request.to_request()).await.map_body(|_, body| body.boxed())
    }

    async fn list(&self, token: &str, query: &str) -> (u16, Value) {
        let answer = self.ask(token, &format!("/api/v1/events{query}"), "application/json").await;
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&read_body(answer).await).unwrap())
    }
}

fn ids(page: &Value) -> Vec<i64> {
    page["items"].as_array().unwrap().iter().map(|event| event["id"].as_i64().unwrap()).collect()
}

/// Reads a stream until these words have come.
async fn read_until(answer: ServiceResponse<BoxBody>, words: &str) -> String {
    let (mut body, mut text) = (answer.into_body(), String::new());
    let reading = async {
        while !text.contains(words) {
            let piece = poll_fn(|context| Pin::new(&mut body).poll_next(context)).await;
            let piece = piece.expect("it goes on").unwrap();
            text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reading).await.unwrap_or_else(|_| panic!("no {words}"));
    text
}

#[actix_web::test]
async fn events_are_listed_page_by_page_as_far_as_a_caller_reaches() {
    let world = World::new(HubRules::default()).await;
    let all = world.token(Role::Viewer, None).await;
    let limited = world.token(Role::Operator, Some(&["2"])).await;
    for (token, query, expected, next) in [
        (&all, "", vec![1, 2, 3, 4, 5], None),
        (&all, "?limit=2", vec![1, 2], Some("2")),
        (&all, "?limit=2&after=2", vec![3, 4], Some("4")),
        (&all, "?after=5", vec![], None),
        (&all, "?sort=-id&limit=2&after=5", vec![4, 3], Some("3")),
        (&all, "?filter=kind%3Dfenced,login-trouble", vec![4, 5], None),
        (&all, "?filter=account!%3D1", vec![4, 5], None),
        (&limited, "", vec![4], None),
        (&limited, "?filter=account%3D1", vec![], None),
        (&limited, "?sort=-id", vec![4], None),
    ] {
        let (status, page) = world.list(token, query).await;
        assert_eq!((status, ids(&page), page["next"].as_str()), (200, expected, next), "{query}: {page}");
    }
    for query in ["?limit=0", "?limit=1001", "?after=-1", "?after=x", "?filter=pool%3Da", "?sort=at", "?x=1"]
    {
        let (status, problem) = world.list(&all, query).await;
        assert_eq!((status, problem["status"].as_u64()), (400, Some(400)), "{query}: {problem}");
    }
}

#[actix_web::test]
async fn events_are_followed_as_far_as_a_caller_reaches() {
    let rules = HubRules { heartbeat: Duration::from_millis(5), ..HubRules::default() };
    let world = World::new(rules).await;
    let limited = world.token(Role::Viewer, Some(&["2"])).await;
    let answer = world.ask(&limited, "/api/v1/events?after=0", "text/event-stream").await;
    let header = |name: &str| answer.headers().get(name).unwrap().to_str().unwrap();
    assert_eq!((answer.status().as_u16(), header("content-type")), (200, "text/event-stream"));
    assert_eq!((header("cache-control"), header("x-accel-buffering")), ("no-store", "no"));
    let text = read_until(answer, ": heartbeat\nid: 5").await;
    assert_eq!(text.matches("data: ").count(), 1, "{text}");
    assert!(text.contains("id: 4\nevent: login-trouble\ndata: {"), "{text}");
    let refused = world.ask(&limited, "/api/v1/events?after=-1", "text/event-stream").await;
    assert_eq!(refused.status().as_u16(), 400);
}

#[actix_web::test]
async fn past_the_bound_of_clients_the_next_is_told_when_to_come_back() {
    let world = World::new(HubRules { clients: 1, ..HubRules::default() }).await;
    let token = world.token(Role::Viewer, None).await;
    let first = world.ask(&token, "/api/v1/events", "text/event-stream").await;
    let second = world.ask(&token, "/api/v1/events", "text/event-stream").await;
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 503));
    assert_eq!(second.headers().get("retry-after").unwrap(), "5");
    drop(first);
    let third = world.ask(&token, "/api/v1/events", "text/event-stream").await;
    assert_eq!(third.status().as_u16(), 200);
}

#[actix_web::test]
async fn a_bots_frames_are_for_those_who_may_act_and_say_why() {
    let world = World::new(HubRules::default()).await;
    let viewer = world.token(Role::Viewer, None).await;
    let operator = world.token(Role::Operator, Some(&["1"])).await;
    let tapped = world.state.traces.of(&"1".into(), &"a".into(), Clock::start());
    for (token, path, status) in [
        (&viewer, "1/a/trace?reason=a%20look", 403),
        (&operator, "1/a/trace", 422),
        (&operator, "1/a/trace?reason=", 422),
        (&operator, "1/a/trace?reason=a%20look&for=11m", 400),
        (&operator, "1/a/trace?reason=a%20look&for=0s", 400),
        (&operator, "1/none/trace?reason=a%20look", 404),
        (&operator, "2/a/trace?reason=a%20look", 404),
        (&operator, "1/b/trace?reason=a%20look", 409),
    ] {
        let answer = world.ask(token, &format!("/api/v1/bots/{path}"), "text/event-stream").await;
        assert_eq!(answer.status().as_u16(), status, "{path}");
    }
    let path = "/api/v1/bots/1/a/trace?reason=a%20look&for=1s";
    let answer = world.ask(&operator, path, "text/event-stream").await;
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(world.ask(&operator, path, "text/event-stream").await.status().as_u16(), 409, "one at a time");
    tapped.passes(Direction::Sent, r#"{"kind":"req","id":"7","body":{"message":"hi Ada"}}"#);
    let text = read_until(answer, "event: ended").await;
    let shown = r#""direction":"sent","bytes":51,"frame":{"body":{"message":{"hidden":"text","length":6}},"id":"7","kind":"req"}}"#;
    assert!(
        text.contains(shown) && text.starts_with(": the trace begins\n\nevent: frame\ndata: {"),
        "{text}"
    );
    assert!(!tapped.looks(), "nobody looks any more");
    let acts = world.state.store().unwrap().acts(&ActFilter::default(), 10).await.unwrap();
    let act = &acts.last().unwrap().act;
    assert_eq!((&*act.account, &*act.what, &*act.reason), ("1", "trace the frames", "a look"));
    assert!(Arc::ptr_eq(&tapped, &world.state.traces.of(&"1".into(), &"a".into(), Clock::start())));
}
