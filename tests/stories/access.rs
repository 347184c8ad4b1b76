//! Who may ask a fleet that runs as a process: its first token, tokens by the command line, TLS.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::outside::{Running, SOON, Store, World, answer};
use crate::wait::until;

/// What curl is asked for, and the status and body that come back.
async fn ask(url: &str, token: Option<&str>) -> (u16, Value) {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
    let mut request = client.get(url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
}

fn with_authentication(world: &World, more: &str) {
    let file = world.dir.path().join("fleet.toml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace("authentication = \"off\"", &format!("authentication = \"on\"\n{more}"));
    assert!(text.contains("authentication = \"on\""), "{text}");
    fs::write(&file, text).unwrap();
}

async fn started(world: &World) -> (Running, String) {
    let mut process = world.start(world.muster(&["run", "fleet.toml"]));
    let rest = process.says("listening  ").await;
    let url = rest.split("/ (").next().unwrap().to_owned();
    (process, url)
}

#[tokio::test]
async fn the_first_start_prints_a_token_once_and_tls_is_by_files() {
    let world = World::new(Store::Sqlite, &["--bots", "1"]).await;
    let certificate = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(world.dir.path().join("server.pem"), certificate.cert.pem()).unwrap();
    fs::write(world.dir.path().join("server.key"), certificate.signing_key.serialize_pem()).unwrap();
    with_authentication(&world, "tls_certificate = \"server.pem\"\ntls_key = \"server.key\"");
    let (mut process, url) = started(&world).await;
    assert!(url.starts_with("https://"), "{url}");
    let token = process.says("token      ").await;
    let token = token.split(' ').next().unwrap();
    assert_eq!(ask(&format!("{url}/api/v1/bots"), None).await.0, 401);
    assert_eq!(ask(&format!("{url}/livez"), None).await.0, 200);
    assert_eq!(ask(&format!("{url}/metrics"), None).await.0, 200);
    let (status, me) = ask(&format!("{url}/api/v1/me"), Some(token)).await;
    assert_eq!((status, &me["who"], &me["role"]), (200, &"bootstrap".into(), &"admin".into()));
    process.terminate();
    assert_eq!(process.ended().await, 0);
    let (mut again, url) = started(&world).await;
    assert!(!again.log().contains("mst_"), "a token is printed once");
    assert_eq!(ask(&format!("{url}/api/v1/me"), Some(token)).await.0, 200, "it holds over a restart");
    again.terminate();
    assert_eq!(again.ended().await, 0);
}

#[tokio::test]
async fn tokens_and_users_are_made_and_ended_beside_a_running_fleet() {
    let world = World::new(Store::Sqlite, &["--bots", "1"]).await;
    fs::write(world.dir.path().join("admin.token"), "planted-and-as-hard-to-guess-as-need-be").unwrap();
    with_authentication(&world, "bootstrap_token = \"file:admin.token\"");
    let (process, url) = started(&world).await;
    assert!(!process.log().contains("mst_") && !process.log().contains("planted"), "{}", process.log());
    let admin = "planted-and-as-hard-to-guess-as-need-be";
    assert_eq!(ask(&format!("{url}/api/v1/me"), Some(admin)).await.0, 200);
    let muster = |arguments: &[&str]| -> Command {
        let mut command = world.muster(arguments);
        command.env("MUSTER_STORE", &world.store_url);
        command
    };
    let create =
        ["tokens", "create", "ci", "--role", "viewer", "--account", "7", "--reason", "a test", "--by", "bea"];
    let (code, out, err) = answer(muster(&create));
    assert_eq!(code, 0, "{err}");
    let token = out.trim();
    let (status, bots) = ask(&format!("{url}/api/v1/bots"), Some(token)).await;
    assert_eq!(
        (status, bots["items"].as_array().unwrap().len()),
        (200, 0),
        "its account has no bots: {bots}"
    );
    let (code, _, err) = answer(muster(&create));
    assert!(code == 1 && err.contains("`muster tokens revoke ci`"), "{err}");
    let (_, listed, _) = answer(muster(&["tokens", "list"]));
    assert!(listed.contains("ci") && listed.contains("viewer") && !listed.contains(token), "{listed}");
    let (code, _, err) = answer(muster(&["tokens", "revoke", "ci", "--reason", "over"]));
    assert_eq!(code, 0, "{err}");
    until("the token is known no more", SOON, async || {
        let (status, _) = ask(&format!("{url}/api/v1/me"), Some(token)).await;
        if status == 401 { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
    fs::write(world.dir.path().join("password"), "correct horse battery\n").unwrap();
    let mut create = muster(&["users", "create", "eve", "--role", "operator", "--reason", "on call"]);
    create.stdin(Stdio::from(fs::File::open(world.dir.path().join("password")).unwrap()));
    let (code, _, err) = answer(create);
    assert_eq!(code, 0, "{err}");
    let (_, listed, _) = answer(muster(&["users", "list", "--json"]));
    assert!(listed.contains(r#""name":"eve","role":"operator","accounts":null"#), "{listed}");
    assert_eq!(answer(muster(&["users", "remove", "eve", "--reason", "left"])).0, 0);
    let (code, _, err) = answer(muster(&["users", "remove", "eve", "--reason", "left"]));
    assert!(code == 1 && err.contains("there is no user eve"), "{err}");
    let (_, audit, _) = answer(muster(&["audit", "--json"]));
    for what in [
        "make the token ci (viewer)",
        "revoke the token ci",
        "make the user eve (operator)",
        "remove the user eve",
    ] {
        assert!(audit.contains(what), "{what}: {audit}");
    }
    assert!(!audit.contains(token) && !audit.contains("correct horse"), "{audit}");
}
