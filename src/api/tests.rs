use actix_web::body::MessageBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use muster_core::health::Degraded;
use serde_json::{Value, json};

use super::*;
use crate::board::{BotState, BotStatus, FleetStatus};
use crate::settings::ServerSettings;
use crate::store::{NewEvent, Store, StoreOptions, StoreUrl};

fn state() -> ApiState {
    let board = Board::default();
    for (account, bot, state) in
        [("1", "a", BotState::Online), ("1", "b", BotState::LoggingIn), ("2", "a", BotState::Online)]
    {
        let parked = BotStatus::parked(
            &account.into(),
            &bot.into(),
            &"greeters".into(),
            "greeting",
            1_795_257_904_123,
        );
        board.put(BotStatus { state, token_refreshed_ms: Some(0), ..parked });
    }
    let owner = "node-1".to_owned();
    board.set_fleet(FleetStatus { store_ok: true, owner, version: "1.2.3".into(), ..FleetStatus::default() });
    ApiState::new(board, Arc::new(Metrics::new("1.2.3").unwrap()), Progress::by(|| Ok(())))
}

pub(super) fn request(path: &str) -> TestRequest {
    TestRequest::get().uri(path).insert_header(("host", "127.0.0.1:9300"))
}

async fn ask_with(state: ApiState, request: TestRequest) -> ServiceResponse<impl MessageBody> {
    let app = App::new().app_data(web::Data::new(state)).service(guarded(crate::console::configure));
    call_service(&init_service(app).await, request.to_request()).await
}

async fn text(state: ApiState, path: &str) -> (StatusCode, String) {
    let response = ask_with(state, request(path)).await;
    let status = response.status();
    (status, String::from_utf8(read_body(response).await.to_vec()).unwrap())
}

async fn json_of(path: &str) -> (StatusCode, Value) {
    let (status, body) = text(state(), path).await;
    (status, serde_json::from_str(&body).unwrap_or_else(|_| panic!("no JSON: {body}")))
}

fn header<'a>(response: &'a ServiceResponse<impl MessageBody>, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

#[actix_web::test]
async fn bots_are_listed_and_filtered() {
    for (path, expected) in [
        ("/api/v1/bots", vec!["1/a", "1/b", "2/a"]),
        ("/api/v1/bots?filter=account%3D1", vec!["1/a", "1/b"]),
        ("/api/v1/bots?filter=state%3Dlogging-in", vec!["1/b"]),
        ("/api/v1/bots?filter=account%3D2+state%3Donline", vec!["2/a"]),
        ("/api/v1/bots?filter=account%3D3", vec![]),
    ] {
        let (status, body) = json_of(path).await;
        let items = body["items"].as_array().unwrap().iter();
        let names: Vec<_> =
            items.map(|bot| format!("{}/{}", bot["account"], bot["bot"]).replace('"', "")).collect();
        assert_eq!(
            (status, names),
            (StatusCode::OK, expected.into_iter().map(String::from).collect()),
            "{path}"
        );
    }
}

#[actix_web::test]
async fn one_bot_is_shown_with_times_in_words() {
    let (status, body) = json_of("/api/v1/bots/1/b").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["state"], "logging-in");
    assert_eq!(body["since"], "2026-11-21T10:45:04.123Z");
    assert_eq!(body["token_refreshed_at"], "1970-01-01T00:00:00.000Z");
    assert_eq!(body["last_turn_at"], Value::Null);
}

#[actix_web::test]
async fn problems_have_one_shape() {
    for (method, path, status, kind) in [
        (Method::GET, "/nowhere", 404, "no-such-page"),
        (Method::GET, "/api/v1/bots/1/zzz", 404, "unknown"),
        (Method::GET, "/api/v1/bots?filter=state%3Dhappy", 400, "bad-request"),
        (Method::GET, "/api/v1/bots?colour=red", 400, "bad-request"),
        (Method::POST, "/api/v1/bots", 405, "method-not-allowed"),
        (Method::DELETE, "/api/v1/bots/1/a", 405, "method-not-allowed"),
        (Method::POST, "/", 405, "method-not-allowed"),
    ] {
        let asked = request(path).method(method).insert_header(("x-request-id", "abc-1"));
        let response = ask_with(state(), asked).await;
        assert_eq!(header(&response, "content-type"), "application/problem+json", "{path}");
        assert_eq!(header(&response, "x-request-id"), "abc-1", "{path}");
        assert_eq!(response.status().as_u16(), status, "{path}");
        if status == 405 {
            assert_eq!(header(&response, "allow"), "GET, HEAD");
        }
        let body: Value = serde_json::from_slice(&read_body(response).await).unwrap();
        assert_eq!(body["type"], format!("/api/problems/{kind}"), "{path}");
        assert_eq!(body["status"], status, "{path}");
        assert!(body["title"].is_string(), "{path}");
    }
}

#[actix_web::test]
async fn an_unknown_state_is_answered_with_the_known_ones() {
    let (_, body) = json_of("/api/v1/bots?filter=state%3Dhappy").await;
    assert!(body["detail"].as_str().unwrap().contains("quarantined"), "{body}");
}

#[actix_web::test]
async fn a_rebound_name_is_refused_everywhere() {
    for path in ["/", "/api/v1/bots", "/metrics", "/livez", "/nowhere"] {
        for host in ["evil.example", "evil.example:9300", "192.168.1.1"] {
            let asked = TestRequest::get().uri(path).insert_header(("host", host));
            let response = ask_with(state(), asked).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path} {host}");
            let body: Value = serde_json::from_slice(&read_body(response).await).unwrap();
            assert_eq!(body["type"], "/api/problems/foreign-host");
        }
        let response = ask_with(state(), TestRequest::get().uri(path)).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path} without a host");
    }
}

#[actix_web::test]
async fn every_answer_carries_the_security_headers_and_an_id() {
    for path in ["/", "/style.css", "/api/v1/bots", "/nowhere"] {
        let response = ask_with(state(), request(path).insert_header(("x-request-id", "two words"))).await;
        assert!(header(&response, "content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert_eq!(header(&response, "x-frame-options"), "DENY");
        assert_eq!(header(&response, "cache-control"), "no-store");
        assert_eq!(header(&response, "x-request-id").len(), 36, "a new id in place of one that is no word");
    }
}

#[actix_web::test]
async fn readiness_is_about_the_store_the_owner_and_the_fence_alone() {
    type Change = fn(&mut FleetStatus);
    let rows: [(Change, u16, &str); 4] = [
        (|_| (), 200, "[+] store ok\n[+] owner ok\n[+] fence ok\n"),
        (|fleet| fleet.store_ok = false, 503, "[-] store failed: the store does not answer"),
        (|fleet| fleet.owner.clear(), 503, "[-] owner failed: no node owns the bots yet"),
        (|fleet| fleet.fenced = Some("lease ran out".into()), 503, "[-] fence failed: lease ran out"),
    ];
    for (change, status, says) in rows {
        let state = state();
        state.board.update_fleet(change);
        let (answered, body) = text(state, "/readyz?verbose").await;
        assert_eq!(answered.as_u16(), status);
        assert!(body.contains(says), "{body}");
    }
}

#[actix_web::test]
async fn an_outage_of_liveperson_fails_neither_check() {
    let state = state();
    for mut status in state.board.all() {
        (status.state, status.cause) = (BotState::Waiting, Some("login service did not answer".into()));
        state.board.put(status);
    }
    for path in ["/livez", "/readyz"] {
        assert_eq!(text(state.clone(), path).await, (StatusCode::OK, "ok\n".into()), "{path}");
    }
}

#[actix_web::test]
async fn a_stuck_process_is_not_alive() {
    let stuck = Progress::by(|| Err("the arbiter bots-1 has been stuck for 31 s".to_owned()));
    let state = ApiState { progress: stuck, ..state() };
    let (status, said) = text(state.clone(), "/livez").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(said, "[-] progress failed: the arbiter bots-1 has been stuck for 31 s\n");
    assert_eq!(text(state, "/readyz").await.0, StatusCode::OK, "that is no matter of being ready");
}

#[actix_web::test]
async fn whatever_can_be_got_can_be_asked_for_its_head() {
    for path in ["/", "/style.css", "/livez", "/readyz", "/metrics", "/api/v1/bots", "/api/v1/bots/1/a"] {
        let response = ask_with(state(), request(path).method(Method::HEAD)).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
}

#[actix_web::test]
async fn metrics_are_served_in_the_text_format() {
    let response = ask_with(state(), request("/metrics")).await;
    assert_eq!(header(&response, "content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let body = String::from_utf8(read_body(response).await.to_vec()).unwrap();
    assert!(body.contains(r#"muster_bots{account="1",state="logging-in"} 1"#), "{body}");
}

#[actix_web::test]
async fn the_server_answers_on_loopback() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let listen = "127.0.0.1:0".parse().unwrap();
    let settings = ServerSettings { listen, authentication: false, ..ServerSettings::default() };
    let (server, address) = serve(&settings, state(), crate::console::configure).unwrap();
    let handle = server.handle();
    let running = actix_web::rt::spawn(server);
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let asked = format!("GET /api/v1/bots/2/a HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(asked.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(body["pool"], json!("greeters"));
    handle.stop(true).await;
    running.await.unwrap().unwrap();
}

#[actix_web::test]
async fn accounts_and_the_fleet_say_what_is_owed_and_what_is_wrong() {
    let state = state();
    state.board.update(&"1".into(), &"b".into(), |bot| {
        bot.oldest_owed_ms = Some(1_795_257_904_123);
        bot.degraded = vec![Degraded::Waiting];
    });
    let (status, body) = text(state.clone(), "/api/v1/accounts").await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let first = json!({
        "account": "1", "states": {"logging-in": 1, "online": 1}, "degraded": {"waiting": 1},
        "oldest_owed_at": "2026-11-21T10:45:04.123Z", "oldest_owed_unknown_to": 2,
    });
    assert_eq!((status, &body["items"][0]), (StatusCode::OK, &first));
    assert_eq!(body["items"][1]["oldest_owed_at"], Value::Null);
    let (status, body) = text(state, "/api/v1/fleet").await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["owner"], &body["degraded"]), (StatusCode::OK, &json!("node-1"), &json!([])));
}

pub(super) async fn with_store(events: usize) -> (ApiState, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions::new(StoreUrl::Sqlite(folder.path().join("store.db")));
    let store = Store::open(&options, tokio::runtime::Handle::current()).await.unwrap();
    store.migrate().await.unwrap();
    let event = |n: usize| NewEvent {
        account: "1".into(),
        bot: "a".into(),
        at: 1_795_257_904_123 + n as i64,
        kind: crate::happening::Happening::State,
        state: Some("online".to_owned()),
        cause: None,
        who: None,
    };
    store.add_events(&(0..events).map(event).collect::<Vec<_>>()).await.unwrap();
    (state().with_store(store), folder)
}

#[actix_web::test]
async fn a_time_line_is_read_page_by_page_from_its_end() {
    let (state, _folder) = with_store(5).await;
    let (mut seen, mut next) = (Vec::new(), Value::Null);
    for expected in [2, 2, 1] {
        let after = next.as_str().map_or_else(String::new, |next| format!("&after={next}"));
        let (status, body) = text(state.clone(), &format!("/api/v1/bots/1/a/events?limit=2{after}")).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, body["items"].as_array().unwrap().len()), (StatusCode::OK, expected), "{body}");
        seen.extend(body["items"].as_array().unwrap().iter().map(|event| event["seq"].as_i64().unwrap()));
        next = body["next"].clone();
    }
    assert_eq!((seen, next), (vec![5, 4, 3, 2, 1], Value::Null));
    let (_, body) = text(state.clone(), "/api/v1/bots/1/a/events?limit=1").await;
    let first: Value = serde_json::from_str(&body).unwrap();
    let latest = json!({"seq": 5, "at": "2026-11-21T10:45:04.127Z", "kind": "state", "state": "online", "cause": null});
    assert_eq!(first["items"][0], latest);
    let (_, body) = text(state, "/api/v1/bots/1/b/events").await;
    assert_eq!(body, r#"{"items":[],"next":null}"#, "nothing has happened to it yet");
}

#[actix_web::test]
async fn a_time_line_that_cannot_be_read_is_a_problem_in_words() {
    let (state, _folder) = with_store(1).await;
    for (path, expected, kind) in [
        ("/api/v1/bots/1/zzz/events", 404, "unknown"),
        ("/api/v1/bots/1/a/events?limit=0", 400, "bad-request"),
        ("/api/v1/bots/1/a/events?limit=1001", 400, "bad-request"),
        ("/api/v1/bots/1/a/events?after=3", 400, "bad-request"),
    ] {
        let (status, body) = text(state.clone(), path).await;
        assert_eq!(status.as_u16(), expected, "{path}: {body}");
        assert!(body.contains(&format!("/api/problems/{kind}")), "{path}: {body}");
    }
    state.store.as_ref().unwrap().close().await;
    let (status, body) = text(state, "/api/v1/bots/1/a/events").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("the store does not answer"), "{body}");
}
