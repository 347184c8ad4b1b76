use super::{faults, parse, with_bot};
use crate::settings::{Failing, LogicKind, Reach};
use muster_core::turn::OnFailure;
use std::time::Duration;

/// A fleet of one bot whose logic is `mine`, declared with these keys.
fn with_logic(keys: &str) -> String {
    let fleet = with_bot("").replace("\"echo\"", "\"mine\"");
    format!("[logics.mine]\n{keys}\n{fleet}")
}

const WEBHOOK: &str = "kind = \"webhook\"\nurl = \"https://bots.example.com/m\"\nsecret = \"env:WEBHOOK\"";

#[test]
fn a_webhook_becomes_checked_values() {
    let text = with_logic(&format!(
        "{WEBHOOK}\nprevious_secret = \"env:WEBHOOK\"\ntimeout = \"3s\"\nin_flight = 4\nallow_private = true\nca_file = \"ca.pem\"\n\
         on_failure = {{ tries = 5, text = \"Sorry!\", transfer_to = \"4711\" }}"
    ));
    let (fleet, _) = parse(&text).unwrap();
    let [mine] = &fleet.logics[..] else { panic!("one logic") };
    assert_eq!((mine.name.as_str(), fleet.accounts[0].bots[0].logic.as_str()), ("mine", "mine"));
    let then = OnFailure { text: Some("Sorry!".into()), transfer_to: Some("4711".into()) };
    assert_eq!(mine.failing, Failing { tries: 5, then });
    let LogicKind::Webhook(webhook) = &mine.kind else { panic!("{mine:?}") };
    assert_eq!(webhook.url.expose(), "https://bots.example.com/m");
    assert_eq!(webhook.secrets.len(), 2);
    assert_eq!(
        (webhook.reach, webhook.timeout, webhook.in_flight),
        (Reach::Anywhere, Some(Duration::from_secs(3)), 4)
    );
    assert!(webhook.ca_file.is_some());
    let shown = format!("{fleet:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("whsec"), "{shown}");
}

#[test]
fn what_is_not_declared_has_defaults_and_a_url_may_be_a_secret() {
    let text = with_logic(&WEBHOOK.replace("https://bots.example.com/m", "env:WEBHOOK_URL"));
    let (fleet, _) = parse(&text).unwrap();
    let LogicKind::Webhook(webhook) = &fleet.logics[0].kind else { panic!("a webhook") };
    assert_eq!(webhook.url.to_string(), "https://bots.example.com/m");
    assert_eq!(webhook.url.expose(), "https://bots.example.com/m?key=s3cret");
    assert!(!format!("{fleet:?}").contains("s3cret"));
    assert_eq!((webhook.reach, webhook.timeout, webhook.in_flight), (Reach::Internet, None, 256));
    assert_eq!(fleet.logics[0].failing, Failing { tries: 3, then: OnFailure::default() });
}

#[test]
fn a_logic_inside_muster_may_be_told_what_to_do_when_it_fails() {
    for (name, kind) in [("mine", "greeting"), ("greeting", "greeting")] {
        let text =
            with_logic(&format!("kind = \"{kind}\"\non_failure.text = \"Sorry!\"")).replace("mine", name);
        let (fleet, _) = parse(&text).unwrap();
        let logic = &fleet.logics[0];
        assert!(matches!(&logic.kind, LogicKind::BuiltIn(of) if of.as_str() == kind), "{logic:?}");
        assert_eq!(logic.failing.then.text.as_deref(), Some("Sorry!"));
    }
}

#[test]
fn each_fault_of_a_logic_names_its_place_and_its_cure() {
    for (keys, says) in [
        ("", "1:1: logics.mine.kind: this key is required; write kind = \"webhook\""),
        ("kind = \"webhok\"", "unknown kind \"webhok\"; did you mean \"webhook\"?"),
        ("kind = \"prayer\"", "unknown kind \"prayer\"; known: echo, greeting, webhook"),
        (
            "kind = \"echo\"\nurl = \"https://x\"",
            "3:1: logics.mine.url: unknown key; known here: kind, on_failure",
        ),
        ("kind = \"webhook\"", "logics.mine.url: this key is required"),
        ("kind = \"webhook\"\nulr = 3", "logics.mine.ulr: unknown key; did you mean \"url\"?"),
        (
            "kind = \"webhook\"",
            "logics.mine.secret: this key is required; write secret = \"env:WEBHOOK_SECRET\"",
        ),
        (
            &WEBHOOK.replace("https:", "http:"),
            "3:7: logics.mine.url: what consumers write would travel unencrypted",
        ),
        (
            &WEBHOOK.replace("/m", "/m?key=s3cret"),
            "what follows ? in a URL may be a secret, and none must stand in this file; refer to the whole URL",
        ),
        (&WEBHOOK.replace("bots.example.com", "u:s3cret@x"), "requests are signed instead"),
        (
            &WEBHOOK.replace("bots.example.com", "192.168.0.7"),
            "192.168.0.7 is a private address; set allow_private = true beside it if that is meant",
        ),
        (&WEBHOOK.replace("env:WEBHOOK", "whsec_s3cret"), "a secret must not stand in this file"),
        (
            &WEBHOOK.replace("env:WEBHOOK", "env:PASSWORD"),
            "is none of Standard Webhooks: whsec_ and 24 to 64 bytes in base64; make one",
        ),
        (&format!("{WEBHOOK}\ntimeout = 3"), "write \"3s\" if seconds are meant"),
        (&format!("{WEBHOOK}\nin_flight = 0"), "0 is out of range"),
        (
            &format!("{WEBHOOK}\non_failure.tries = 0"),
            "logics.mine.on_failure.tries: 0 is out of range; write a number from 1 to 10",
        ),
        (
            &format!("{WEBHOOK}\non_failure.transfer_to = \"Sales\""),
            "\"Sales\" is no skill id; write the skill's number",
        ),
        (&format!("{WEBHOOK}\non_failure.txt = \"x\""), "did you mean \"text\"?"),
        (&format!("{WEBHOOK}\non_failure.text = \"\""), "it is empty"),
        (
            "kind = \"echo\"\n[logics.greeting]\nkind = \"echo\"",
            "\"greeting\" is the name of a logic inside muster",
        ),
        ("kind = \"echo\"\n[logics.\"a b\"]\nkind = \"echo\"", "its name is none; use at most 64 letters"),
    ] {
        let message = faults(&with_logic(keys));
        assert!(message.contains(says), "{keys}\n-> {message}\n   lacks {says}");
        assert!(!message.contains("s3cret"), "{message}");
        assert!(!message.contains("unknown logic"), "a bot of a faulty logic is no second fault: {message}");
    }
    let far = faults(&with_logic("kind = \"echo\"").replace("logic = \"mine\"", "logic = \"mien\""));
    assert!(far.contains("unknown logic \"mien\"; did you mean \"mine\"?"), "{far}");
    assert!(faults("logics = 3").contains("expected a table, found an integer; begin it with [logics]"));
}
