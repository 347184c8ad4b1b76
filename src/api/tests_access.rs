//! Who may ask for what: over every operation of the document.

use actix_web::body::{BoxBody, MessageBody as _};
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use muster_core::rights::{Grant, Role};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::tests::{request, with_store};
use super::*;
use crate::access::{hash_password, new_token};
use crate::store::{NewClaim, NodeIdentity, Taken};

struct World {
    state: ApiState,
    #[expect(dead_code, reason = "it is gone with this value")]
    folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let (state, folder) = with_store(3).await;
        let gate = Gate::asking(state.store.clone().unwrap());
        Self { state: state.with_gate(gate), folder }
    }

    fn store(&self) -> &Store {
        self.state.store.as_ref().unwrap()
    }

    async fn token(&self, name: &str, role: Role, accounts: Option<&[&str]>) -> String {
        let accounts = accounts.map(|ids| ids.iter().map(|id| (*id).into()).collect());
        let (token, secret) = new_token(name, Grant { role, accounts }, "a test", None);
        assert!(self.store().add_token(&token).await.unwrap());
        self.state.gate.forget();
        secret.expose_secret().to_owned()
    }

    async fn send(&self, request: TestRequest) -> ServiceResponse<BoxBody> {
        let app = App::new().app_data(web::Data::new(self.state.clone()));
        let app = init_service(app.service(guarded(crate::console::configure))).await;
        call_service(&app, request.to_request()).await.map_body(|_, body| body.boxed())
    }

    async fn ask(&self, token: Option<&str>, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut asked = request(path).method(method.parse().unwrap());
        if let Some(token) = token {
            asked = asked.insert_header(("authorization", format!("Bearer {token}")));
        }
        if let Some(body) = body {
            asked = asked.set_json(body);
        }
        let answer = self.send(asked).await;
        let status = answer.status().as_u16();
        let body = read_body(answer).await;
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }
}

/// Every operation: its method and path, with something in place of what stands in braces.
fn operations() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(&document::text()).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            let path = path.replace("{account}", "1").replace("{bot}", "a").replace("{name}", "eve");
            let path = path.replace("{verb}", "restart");
            let path =
                path.replace("{id}", "none").replace("{pool}", "greeters").replace("{conversation}", "c");
            found.push((method.to_uppercase(), path));
        }
    }
    assert!(found.len() > 15, "{found:?}");
    found
}

#[actix_web::test]
async fn without_a_token_nothing_is_answered() {
    let world = World::new().await;
    for (method, path) in operations() {
        if (method.as_str(), path.as_str()) == ("POST", "/api/v1/session") {
            continue;
        }
        let (status, body) = world.ask(None, &method, &path, None).await;
        assert_eq!((status, &body["type"]), (401, &json!("/api/problems/unauthorized")), "{method} {path}");
        let (status, body) = world.ask(Some("mst_guessed"), &method, &path, None).await;
        assert_eq!(
            (status, &body["type"]),
            (401, &json!("/api/problems/unknown-credential")),
            "{method} {path}"
        );
    }
}

#[actix_web::test]
async fn a_viewer_changes_nothing_but_the_own_session() {
    let world = World::new().await;
    let viewer = world.token("viewer", Role::Viewer, None).await;
    for (method, path) in operations().into_iter().filter(|(method, _)| method != "GET") {
        if path == "/api/v1/session" {
            continue;
        }
        let (status, body) = world.ask(Some(&viewer), &method, &path, Some(&json!({}))).await;
        assert_eq!(
            (status, &body["type"]),
            (403, &json!("/api/problems/forbidden")),
            "{method} {path}: {body}"
        );
    }
    assert_eq!(world.ask(Some(&viewer), "GET", "/api/v1/bots", None).await.0, 200);
    assert_eq!(world.ask(Some(&viewer), "GET", "/api/v1/tokens", None).await.0, 403);
}

#[actix_web::test]
async fn what_is_out_of_reach_is_not_there() {
    let world = World::new().await;
    let admin = world.token("half", Role::Admin, Some(&["2"])).await;
    for (method, path) in operations().into_iter().filter(|(_, path)| path.contains("/1")) {
        let body = json!({"reason": "a test"});
        let (status, body) =
            world.ask(Some(&admin), &method, &path, (method != "GET").then_some(&body)).await;
        assert!([404, 422].contains(&status), "{method} {path}: {status} {body}");
    }
    let (_, bots) = world.ask(Some(&admin), "GET", "/api/v1/bots", None).await;
    let accounts: Vec<_> = bots["items"].as_array().unwrap().iter().map(|bot| &bot["account"]).collect();
    assert_eq!(accounts, ["2"]);
    let (_, accounts) = world.ask(Some(&admin), "GET", "/api/v1/accounts", None).await;
    assert_eq!(accounts["items"].as_array().unwrap().len(), 1);
    let wanted = json!({"name": "more", "role": "viewer", "reason": "a test"});
    let (status, body) = world.ask(Some(&admin), "POST", "/api/v1/tokens", Some(&wanted)).await;
    assert_eq!(
        (status, &body["errors"][0]["pointer"]),
        (422, &json!("/accounts")),
        "nobody gives more: {body}"
    );
    let page = request("/").insert_header(("authorization", format!("Bearer {admin}")));
    let page = String::from_utf8(read_body(world.send(page).await).await.to_vec()).unwrap();
    assert!(page.contains(">2<") && !page.contains("/1/"), "the page shows no more than the API: {page}");
}

#[actix_web::test]
async fn a_body_that_is_wrong_is_pointed_at() {
    let world = World::new().await;
    let admin = world.token("root", Role::Admin, None).await;
    for (method, path) in
        operations().into_iter().filter(|(method, _)| ["POST", "PUT"].contains(&method.as_str()))
    {
        let asked = || {
            let asked = request(&path).method(method.parse::<Method>().unwrap());
            asked.insert_header(("authorization", format!("Bearer {admin}")))
        };
        let plain = world.send(asked().set_payload("x")).await;
        assert_eq!(plain.status().as_u16(), 415, "{method} {path}");
        let broken = asked().insert_header(("content-type", "application/json")).set_payload("{");
        assert_eq!(world.send(broken).await.status().as_u16(), 400, "{method} {path}");
        let (status, body) = world.ask(Some(&admin), &method, &path, Some(&json!({"colour": "red"}))).await;
        assert_eq!(
            (status, &body["errors"][0]["pointer"]),
            (422, &json!("/colour")),
            "{method} {path}: {body}"
        );
    }
}

#[actix_web::test]
async fn a_token_is_made_shown_once_used_and_revoked() {
    let world = World::new().await;
    let admin = world.token("root", Role::Admin, None).await;
    let wanted =
        json!({"name": "ci", "role": "operator", "accounts": ["1"], "expires_in": "1h", "reason": "a test"});
    let (status, made) = world.ask(Some(&admin), "POST", "/api/v1/tokens", Some(&wanted)).await;
    assert_eq!(status, 201, "{made}");
    let (status, body) = world.ask(Some(&admin), "POST", "/api/v1/tokens", Some(&wanted)).await;
    assert_eq!(status, 409, "{body}");
    let token = made["token"].as_str().unwrap();
    let (status, me) = world.ask(Some(token), "GET", "/api/v1/me", None).await;
    assert_eq!(
        (status, me),
        (200, json!({"who": "ci", "role": "operator", "accounts": ["1"], "csrf": null}))
    );
    let (_, listed) = world.ask(Some(&admin), "GET", "/api/v1/tokens?filter=name%3Dci", None).await;
    assert!(!listed.to_string().contains(token) && listed["items"][0]["expires_at"].is_string(), "{listed}");
    let path = format!("/api/v1/tokens/{}?reason=over", made["id"].as_str().unwrap());
    assert_eq!(world.ask(Some(&admin), "DELETE", &path, None).await.0, 204);
    assert_eq!(world.ask(Some(token), "GET", "/api/v1/me", None).await.0, 401);
    assert_eq!(world.ask(Some(&admin), "DELETE", &path, None).await.0, 404);
    let (_, audit) = world.ask(Some(&admin), "GET", "/api/v1/audit", None).await;
    let told: Vec<_> =
        audit["items"].as_array().unwrap().iter().map(|act| (&act["what"], &act["done"])).collect();
    let (revoked, made) = (json!("revoke the token ci"), json!("make the token ci (operator)"));
    assert_eq!(told.len(), 3, "{audit}");
    assert!(told.contains(&(&revoked, &json!(true))), "{audit}");
    assert!(told.contains(&(&made, &json!(true))) && told.contains(&(&made, &json!(false))), "{audit}");
}

#[actix_web::test]
async fn a_browser_logs_in_writes_with_what_its_page_knows_and_logs_out() {
    let world = World::new().await;
    let password = "correct horse battery";
    let hash = hash_password(&SecretString::from(password)).unwrap();
    assert!(world.store().add_user("eve", &hash, &Grant::everywhere(Role::Admin), "a test").await.unwrap());
    let log_in = |password: &str| {
        let body = json!({"name": "eve", "password": password});
        request("/api/v1/session").method(Method::POST).set_json(body)
    };
    let foreign = log_in(password).insert_header(("sec-fetch-site", "cross-site"));
    assert_eq!(world.send(foreign).await.status().as_u16(), 403);
    assert_eq!(world.send(log_in("a wrong password")).await.status().as_u16(), 401);
    let answer = world.send(log_in(password)).await;
    assert_eq!(answer.status().as_u16(), 204);
    let cookie = answer.response().cookies().next().unwrap().into_owned();
    assert!(cookie.http_only() == Some(true) && cookie.to_string().contains("SameSite=Strict"), "{cookie}");
    let with_cookie = |path: &str, method: Method| request(path).method(method).cookie(cookie.clone());
    let me = world.send(with_cookie("/api/v1/me", Method::GET)).await;
    let me: Value = serde_json::from_slice(&read_body(me).await).unwrap();
    assert_eq!((&me["who"], &me["role"]), (&json!("eve"), &json!("admin")));
    let wanted = json!({"name": "x", "role": "viewer", "reason": "a test"});
    let make = || with_cookie("/api/v1/tokens", Method::POST).set_json(&wanted);
    assert_eq!(world.send(make()).await.status().as_u16(), 403, "no page of ours sent that");
    let csrf = me["csrf"].as_str().unwrap();
    let foreign =
        make().insert_header(("x-muster-csrf", csrf)).insert_header(("origin", "https://evil.example"));
    assert_eq!(world.send(foreign).await.status().as_u16(), 403);
    assert_eq!(world.send(make().insert_header(("x-muster-csrf", csrf))).await.status().as_u16(), 201);
    // What a cookie holds is no token.
    assert_eq!(world.ask(Some(cookie.value()), "GET", "/api/v1/me", None).await.0, 401);
    let end = with_cookie("/api/v1/session", Method::DELETE).insert_header(("x-muster-csrf", csrf));
    assert_eq!(world.send(end).await.status().as_u16(), 204);
    assert_eq!(world.send(with_cookie("/api/v1/me", Method::GET)).await.status().as_u16(), 401);
}

#[actix_web::test]
async fn guessing_a_password_ends_after_ten_attempts() {
    let world = World::new().await;
    let guess = || {
        let body = json!({"name": "eve", "password": "a wrong password"});
        request("/api/v1/session").method(Method::POST).set_json(body)
    };
    for _ in 0..10 {
        assert_eq!(world.send(guess()).await.status().as_u16(), 401);
    }
    let answer = world.send(guess()).await;
    assert_eq!(answer.status().as_u16(), 429);
    assert!(answer.headers().contains_key("retry-after"));
}

#[actix_web::test]
async fn a_person_without_a_session_is_led_to_the_login() {
    let world = World::new().await;
    let answer = world.send(request("/").insert_header(("accept", "text/html"))).await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers().get("location").unwrap().to_str().unwrap()),
        (303, "/login")
    );
    let form = world.send(request("/login")).await;
    assert_eq!(form.status().as_u16(), 200);
    let token = world.token("root", Role::Viewer, None).await;
    let fields = [("name", ""), ("password", ""), ("token", &token)];
    let sent = world.send(request("/login").method(Method::POST).set_form(fields)).await;
    assert_eq!(sent.status().as_u16(), 303);
    let cookie = sent.response().cookies().next().unwrap().into_owned();
    assert_eq!(world.send(request("/").cookie(cookie)).await.status().as_u16(), 200);
    let wrong = [("name", "eve"), ("password", "a wrong password"), ("token", "")];
    let sent = world.send(request("/login").method(Method::POST).set_form(wrong)).await;
    assert_eq!(sent.status().as_u16(), 401);
    let page = String::from_utf8(read_body(sent).await.to_vec()).unwrap();
    assert!(page.contains("no user has this name and password"), "{page}");
}

#[actix_web::test]
async fn where_nobody_is_asked_a_page_of_another_site_writes_nothing() {
    let (state, folder) = with_store(0).await;
    let world = World { state, folder };
    let body = json!({"name": "x", "role": "viewer", "reason": "a test"});
    let make = || request("/api/v1/tokens").method(Method::POST).set_json(&body);
    for (header, value) in
        [("origin", "http://evil.example"), ("sec-fetch-site", "same-site"), ("origin", "null")]
    {
        assert_eq!(
            world.send(make().insert_header((header, value))).await.status().as_u16(),
            403,
            "{header}"
        );
    }
    assert_eq!(world.send(make()).await.status().as_u16(), 201);
}

#[actix_web::test]
async fn whoever_was_known_may_look_while_the_store_is_away() {
    let world = World::new().await;
    let viewer = world.token("viewer", Role::Viewer, None).await;
    assert_eq!(world.ask(Some(&viewer), "GET", "/api/v1/bots", None).await.0, 200);
    world.store().close().await;
    world.state.gate.forget();
    assert_eq!(world.ask(Some(&viewer), "GET", "/api/v1/bots", None).await.0, 200);
    let (status, body) = world.ask(Some("mst_new"), "GET", "/api/v1/bots", None).await;
    assert_eq!((status, &body["type"]), (503, &json!("/api/problems/store-away")));
}

#[actix_web::test]
async fn each_kind_of_problem_has_a_page_at_its_address() {
    let world = World::new().await;
    for kind in problem::KINDS {
        let answer = world.send(request(&format!("/api/problems/{}", kind.name))).await;
        assert_eq!(answer.status().as_u16(), 200);
        let page = String::from_utf8(read_body(answer).await.to_vec()).unwrap();
        assert!(page.contains(kind.title) && page.contains(kind.cure), "{page}");
    }
}

fn fleet_of(names: &[&str], folder: &std::path::Path) -> String {
    let password = folder.join("password");
    std::fs::write(&password, "hunter2-planted").unwrap();
    let bot = |name: &&str| {
        let login =
            format!("login = {{ username = \"{name}\", password = \"file:{}\" }}", password.display());
        format!("[[accounts.bots]]\nname = \"{name}\"\nlogic = \"echo\"\n{login}\n")
    };
    format!("[[accounts]]\nid = \"1\"\n{}", names.iter().map(bot).collect::<String>())
}

#[actix_web::test]
async fn a_fleet_is_planned_declared_by_who_saw_the_last_one_and_exported() {
    let world = World::new().await;
    let admin = world.token("root", Role::Admin, None).await;
    let folder = tempfile::tempdir().unwrap();
    let two = fleet_of(&["ada", "bob"], folder.path());
    let (status, plan) =
        world.ask(Some(&admin), "POST", "/api/v1/declared/plan", Some(&json!({"fleet": two}))).await;
    assert_eq!((status, plan["changes"].as_array().unwrap().len()), (200, 2), "{plan}");
    assert_eq!(plan["changes"][0], json!({"account": "1", "bot": "ada", "step": "starts", "what": []}));
    let put = async |fleet: &str, prune: bool, etag: Option<&str>| {
        let body = json!({"fleet": fleet, "prune": prune, "reason": "a test"});
        let asked = request("/api/v1/declared").method(Method::PUT).set_json(body);
        let asked = asked.insert_header(("authorization", format!("Bearer {admin}")));
        let asked = etag.into_iter().fold(asked, |asked, etag| asked.insert_header(("if-match", etag)));
        let answer = world.send(asked).await;
        let etag = answer.headers().get("etag").map(|etag| etag.to_str().unwrap().to_owned());
        (answer.status().as_u16(), etag, String::from_utf8(read_body(answer).await.to_vec()).unwrap())
    };
    assert_eq!(put(&two, false, None).await.0, 428, "nobody overwrites what they have not seen");
    assert_eq!(put(&two, false, Some("\"7\"")).await.0, 412);
    let (status, etag, said) = put(&two, false, Some("\"0\"")).await;
    assert_eq!((status, etag.as_deref()), (202, Some("\"1\"")), "{said}");
    assert_eq!(put(&two, false, Some("\"0\"")).await.0, 412, "it was changed meanwhile");
    let (status, _, said) = put("[[accounts]]\nid = 1\n", false, etag.as_deref()).await;
    assert!(status == 422 && said.contains("/fleet") && said.contains("fleet:2:"), "{said}");
    let one = fleet_of(&["ada"], folder.path());
    assert_eq!(put(&one, false, etag.as_deref()).await.0, 202, "nothing is forgotten by itself");
    let (_, declared) = world.ask(Some(&admin), "GET", "/api/v1/declared", None).await;
    let text = declared["fleet"].as_str().unwrap();
    assert!(text.contains("\"bob\"") && text.contains("file:") && !text.contains("hunter2"), "{text}");
    let (_, plan) =
        world.ask(Some(&admin), "POST", "/api/v1/declared/plan", Some(&json!({"fleet": text}))).await;
    assert_eq!(plan["changes"], json!([]), "what is exported declares the same: {plan}");
    assert_eq!(put(&one, true, Some("\"2\"")).await.0, 202);
    let (_, declared) = world.ask(Some(&admin), "GET", "/api/v1/declared", None).await;
    assert!(!declared["fleet"].as_str().unwrap().contains("\"bob\""), "{declared}");
    let half = world.token("half", Role::Admin, Some(&["1"])).await;
    let (status, body) = world.ask(Some(&half), "GET", "/api/v1/declared", None).await;
    assert_eq!((status, &body["type"]), (403, &json!("/api/problems/limited")));
}

#[actix_web::test]
async fn a_request_under_a_key_is_carried_out_once() {
    let world = World::new().await;
    let admin = world.token("root", Role::Admin, None).await;
    let make = async |name: &str, key: &str| {
        let body =
            json!({"name": name, "password": "correct horse battery", "role": "viewer", "reason": "a test"});
        let asked = request("/api/v1/users").method(Method::POST).set_json(body);
        let asked = asked.insert_header(("authorization", format!("Bearer {admin}")));
        let answer = world.send(asked.insert_header(("idempotency-key", key))).await;
        let replayed = answer.headers().contains_key("idempotency-replayed");
        (answer.status().as_u16(), replayed)
    };
    assert_eq!(make("eve", "k-1").await, (201, false));
    assert_eq!(make("eve", "k-1").await, (201, true), "without the key it would be a conflict");
    assert_eq!(make("eve", "k-2").await, (409, false), "what was refused is not kept");
    assert_eq!(make("bob", "k-2").await, (201, false));
    assert_eq!(make("ada", "k-1").await, (409, false), "the key was another request's");
    assert_eq!(make("ada", "two words").await, (400, false));
    assert_eq!(world.store().users().await.unwrap().len(), 2);
    let token = json!({"name": "ci", "role": "viewer", "reason": "a test"});
    let send = async || {
        let asked = request("/api/v1/tokens").method(Method::POST).set_json(&token);
        let asked = asked.insert_header(("authorization", format!("Bearer {admin}")));
        let answer = world.send(asked.insert_header(("idempotency-key", "k-3"))).await;
        (answer.status().as_u16(), String::from_utf8(read_body(answer).await.to_vec()).unwrap())
    };
    let (status, made) = send().await;
    assert!(status == 201 && made.contains("mst_"), "{made}");
    let (status, again) = send().await;
    assert!(status == 409 && again.contains("shown once"), "{again}");
}

/// `a` of account 1 handles a conversation of its pool.
async fn handles(world: &World, conversation: &str) -> NodeIdentity {
    let incarnation = conversation.to_owned();
    let me = NodeIdentity { incarnation, name: "n".to_owned(), version: "0".to_owned(), pid: 1 };
    let key = ("1".into(), "a".into());
    world.store().acquire(&me, true).await.unwrap();
    let epochs = world.store().own_bots(&me, std::slice::from_ref(&key)).await.unwrap();
    let claim = NewClaim {
        account: "1".into(),
        pool: "greeters".into(),
        bot: "a".into(),
        incarnation: me.incarnation.clone(),
        owner_epoch: epochs[&key],
        conversation: conversation.into(),
        joins: false,
    };
    assert!(matches!(world.store().take_up(vec![claim]).await.unwrap()[..], [Taken::Held(_)]));
    me
}

#[actix_web::test]
async fn a_person_takes_over_speaks_once_a_key_and_gives_back() {
    let world = World::new().await;
    let operator = world.token("operator", Role::Operator, Some(&["1"])).await;
    handles(&world, "c").await;
    let of = |what: &str| format!("/api/v1/conversations/1/greeters/c/{what}");
    let because = json!({"reason": "a complaint"});
    let act = async |path: String, body: &Value| world.ask(Some(&operator), "POST", &path, Some(body)).await;
    let other = world.token("other", Role::Admin, Some(&["2"])).await;
    assert_eq!(world.ask(Some(&other), "POST", &of("take-over"), Some(&because)).await.0, 404);
    let erase = json!({"conversations": ["c"], "reason": "not theirs"});
    assert_eq!(world.ask(Some(&other), "POST", "/api/v1/accounts/1/erase", Some(&erase)).await.0, 404);
    assert!(world.store().taken_over().await.unwrap().is_empty(), "it is out of their reach");
    assert_eq!(act(of("take-over"), &because).await, (200, json!({"outcome": "done", "bot": null})));
    assert_eq!(world.store().taken_over().await.unwrap().len(), 1);
    let says = async |key: &str, text: &str| {
        let body = json!({"text": text, "reason": "a complaint"});
        let asked = request(&of("say")).method(Method::POST).set_json(body);
        let asked = asked.insert_header(("authorization", format!("Bearer {operator}")));
        world.send(asked.insert_header(("idempotency-key", key))).await.status().as_u16()
    };
    for (key, text, status) in [
        ("k1", "planted words", 200),
        ("k1", "planted words", 200),
        ("k1", "other words", 409),
        ("k2", "", 422),
        ("k2", &"x".repeat(8_001), 422),
        ("", "planted words", 400),
    ] {
        assert_eq!(says(key, text).await, status, "{key:?}");
    }
    let held = world.store().held(&"1".into(), &"a".into()).await.unwrap();
    assert_eq!(held[0].outbox.len(), 1, "said once");
    assert_eq!(act(of("give-back"), &because).await.0, 200);
    let path = "/api/v1/conversations/1/greeters/c";
    let (status, shown) = world.ask(Some(&operator), "GET", path, None).await;
    assert_eq!(
        (status, &shown["bot"], &shown["actions"].as_array().unwrap().len()),
        (200, &json!("a"), &1),
        "{shown}"
    );
    assert_eq!(world.ask(Some(&operator), "GET", &format!("{path}/x"), None).await.1["status"], 404);
    let (_, listed) =
        world.ask(Some(&operator), "GET", "/api/v1/conversations?filter=state%3Dheld", None).await;
    assert_eq!(listed["items"][0]["conversation"], "c", "{listed}");
    let (status, body) = act(of("transfer"), &json!({"skill": " ", "reason": "x"})).await;
    assert_eq!((status, &body["errors"][0]["pointer"]), (422, &json!("/skill")), "{body}");
    assert_eq!(act("/api/v1/conversations/1/greeters/none/close".to_owned(), &because).await.0, 404);
    // Nobody but an admin erases; then nothing of it is left, and the audit knows neither text nor consumer.
    let erase = json!({"consumers": ["cons-1"], "conversations": ["c"], "reason": "asked for"});
    assert_eq!(act("/api/v1/accounts/1/erase".to_owned(), &erase).await.0, 403);
    let admin = world.token("admin", Role::Admin, None).await;
    let (status, body) = world.ask(Some(&admin), "POST", "/api/v1/accounts/1/erase", Some(&erase)).await;
    assert_eq!((status, body), (200, json!({"conversations": ["c"], "texts": 1})));
    let (_, audit) = world.ask(Some(&admin), "GET", "/api/v1/audit", None).await;
    let audit = audit.to_string();
    assert!(audit.contains("say as the bot in the conversation c of greeters"), "{audit}");
    assert!(!audit.contains("planted") && !audit.contains("cons-1"), "{audit}");
}

/// The bots `1/a` and `2/b`, declared.
async fn two_declared(world: &World) {
    let bot = |account: &str, bot: &str| crate::store::DeclaredBot {
        account: account.into(),
        bot: bot.into(),
        pool: "desk".into(),
        declared_json: "{}".to_owned(),
    };
    world.store().declare(&[bot("1", "a"), bot("2", "b")]).await.unwrap();
}

#[actix_web::test]
async fn a_verb_on_a_bot_is_asked_once_and_answered_at_its_address() {
    let world = World::new().await;
    two_declared(&world).await;
    let operator = world.token("bea", Role::Operator, Some(&["1"])).await;
    let why = json!({"reason": "a rollout"});
    let (status, asked) = world.ask(Some(&operator), "POST", "/api/v1/bots/1/a/restart", Some(&why)).await;
    assert_eq!((status, &asked["verdict"]), (202, &Value::Null), "{asked}");
    let wish = asked["wish"].as_str().unwrap();
    let path = format!("/api/v1/bots/1/a/wishes/{wish}");
    assert_eq!(world.ask(Some(&operator), "GET", &path, None).await.1, asked);
    let verdict = muster_core::wish::Verdict::Done("it is online in a fresh life".to_owned());
    world.store().answer_wish(&("1".into(), "a".into()), wish, &verdict).await.unwrap();
    let (_, told) = world.ask(Some(&operator), "GET", &path, None).await;
    assert_eq!((&told["verdict"], &told["words"]), (&json!("done"), &json!("it is online in a fresh life")));
    let (status, told) = world.ask(Some(&operator), "POST", "/api/v1/bots/1/a/release", Some(&why)).await;
    assert_eq!((status, &told["verdict"], &told["wish"]), (200, &json!("skipped"), &Value::Null), "{told}");
    let away = json!({"reason": "lunch", "state": "AWAY"});
    for (path, body, expected) in [
        ("/api/v1/bots/1/a/agent-state", &away, 202),
        ("/api/v1/bots/1/a/agent-state", &why, 422),
        ("/api/v1/bots/1/a/restart", &away, 422),
        ("/api/v1/bots/1/a/explode", &why, 404),
        ("/api/v1/bots/1/ghost/restart", &why, 404),
        ("/api/v1/bots/2/b/restart", &why, 404),
        ("/api/v1/bots/1/a/restart", &json!({"reason": " "}), 422),
    ] {
        let (status, answer) = world.ask(Some(&operator), "POST", path, Some(body)).await;
        assert_eq!(status, expected, "{path}: {answer}");
    }
    assert_eq!(world.ask(Some(&operator), "GET", "/api/v1/bots/1/a/wishes/none", None).await.0, 404);
    let (_, audit) = world.ask(Some(&operator), "GET", "/api/v1/audit", None).await;
    for part in ["restart", "a rollout", "bea", "agent-state AWAY"] {
        assert!(audit.to_string().contains(part), "{part} is not in {audit}");
    }
}

#[actix_web::test]
async fn an_operation_is_begun_shown_and_cancelled_by_those_who_reach_all_of_it() {
    let world = World::new().await;
    two_declared(&world).await;
    let (root, half) = (
        world.token("root", Role::Operator, None).await,
        world.token("half", Role::Operator, Some(&["2"])).await,
    );
    let dry = json!({"verb": "restart", "filter": "state=wanted", "reason": "a rollout", "dry_run": true});
    let (status, meant) = world.ask(Some(&root), "POST", "/api/v1/operations", Some(&dry)).await;
    assert_eq!((status, meant), (200, json!({"count": 2, "first": ["1/a", "2/b"]})));
    let (_, meant) = world.ask(Some(&half), "POST", "/api/v1/operations", Some(&dry)).await;
    assert_eq!(meant, json!({"count": 1, "first": ["2/b"]}));
    let all = json!({"verb": "restart", "filter": "", "reason": "a rollout", "rate": 5});
    let (status, begun) = world.ask(Some(&root), "POST", "/api/v1/operations", Some(&all)).await;
    assert_eq!((status, &begun["total"], &begun["state"]), (202, &json!(2), &json!("running")), "{begun}");
    let (status, own) = world.ask(Some(&half), "POST", "/api/v1/operations", Some(&all)).await;
    assert_eq!((status, &own["total"], &own["account"]), (202, &json!(1), &json!("2")), "{own}");

    let path = format!("/api/v1/operations/{}", begun["id"].as_str().unwrap());
    assert_eq!(world.ask(Some(&root), "GET", &path, None).await.1, begun);
    let (_, items) =
        world.ask(Some(&root), "GET", &format!("{path}/items?filter=state%3Dwaiting"), None).await;
    let bots: Vec<_> = items["items"].as_array().unwrap().iter().map(|item| &item["bot"]).collect();
    assert_eq!(bots, ["a", "b"]);
    let why = json!({"reason": "enough"});
    let cancel = format!("{path}/cancel");
    for (method, path) in [("GET", &path), ("GET", &format!("{path}/items")), ("POST", &cancel)] {
        let (status, body) = world.ask(Some(&half), method, path, (method == "POST").then_some(&why)).await;
        assert_eq!(status, 404, "{method} {path}: {body}");
    }
    let listed = async |token: &str, query: &str| {
        let (_, page) = world.ask(Some(token), "GET", &format!("/api/v1/operations{query}"), None).await;
        page["items"].as_array().unwrap().len()
    };
    assert_eq!((listed(&root, "").await, listed(&half, "").await), (2, 1));
    assert_eq!(listed(&root, "?filter=who%3Dhalf").await, 1);
    let (status, over) = world.ask(Some(&root), "POST", &cancel, Some(&why)).await;
    assert_eq!((status, &over["state"]), (200, &json!("cancelling")), "{over}");
    assert_eq!(world.ask(Some(&root), "POST", &cancel, Some(&why)).await.0, 409);
    for (change, pointer) in [
        (json!({"verb": "explode"}), "/verb"),
        (json!({"verb": "agent-state"}), "/state"),
        (json!({"filter": "skill=1"}), "/filter"),
        (json!({"filter": "account=3"}), "/filter"),
        (json!({"rate": 0}), "/rate"),
        (json!({"stop_after": 0}), "/stop_after"),
        (json!({"reason": ""}), "/reason"),
    ] {
        let mut wrong = all.clone();
        wrong.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, body) = world.ask(Some(&root), "POST", "/api/v1/operations", Some(&wrong)).await;
        assert_eq!((status, &body["errors"][0]["pointer"]), (422, &json!(pointer)), "{body}");
    }
}
