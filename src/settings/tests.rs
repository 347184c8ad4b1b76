use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use muster_core::duty::{Duty, Intake, JoinAs, Start, WhenHuman};

use super::*;

mod faults;
mod logics;

/// An environment of a test: variables, and files by path.
#[derive(Default)]
struct World {
    variables: BTreeMap<&'static str, &'static str>,
    files: BTreeMap<&'static str, (&'static str, bool)>,
}

impl Environment for World {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(ToString::to_string)
    }

    fn file(&self, path: &Path) -> io::Result<NamedFile> {
        let file = path.to_str().and_then(|path| self.files.get(path));
        let (text, open_to_others) = file.ok_or(io::ErrorKind::NotFound)?;
        Ok(NamedFile { text: text.to_string(), open_to_others: *open_to_others })
    }
}

fn world() -> World {
    World {
        variables: [
            ("PASSWORD", "s3cret-horse"),
            ("EMPTY", ""),
            ("DB", "postgres://u:s3cret-horse@db/m"),
            ("PROXY", "http://u:s3cret-horse@proxy:3128"),
            ("WEBHOOK", "whsec_czNjcmV0czNjcmV0czNjcmV0czNjcmV0"),
            ("WEBHOOK_URL", "https://bots.example.com/m?key=s3cret"),
        ]
        .into(),
        files: [
            ("/etc/muster/ca.pem", ("-----BEGIN CERTIFICATE-----\n", true)),
            ("/etc/muster/closed", ("s3cret-horse\n", false)),
            ("/etc/muster/assertion", ("YXNz\nZXJ0\naW9u\n", false)),
            ("/run/open", ("s3cret-horse", true)),
        ]
        .into(),
    }
}

fn parse(text: &str) -> Result<(FleetSettings, Vec<Warning>), SettingsFaults> {
    FleetSettings::parse(text, "fleet.toml", Path::new("/etc/muster"), &world())
}

fn faults(text: &str) -> String {
    parse(text).map(|_| ()).expect_err(text).to_string()
}

/// A fleet of one bot, with a place for one line more in its table.
fn with_bot(line: &str) -> String {
    format!("[[accounts]]\nid = \"1\"\n[[accounts.bots]]\nname = \"a\"\nlogic = \"echo\"\n{LOGIN}\n{line}\n")
}

const LOGIN: &str = r#"login = { username = "bot1", password = "env:PASSWORD" }"#;

const WHOLE: &str = r#"
[server]
listen = "[::1]:9301"
[store]
url = "env:DB"
key = "file:closed"
node_lease = "20s"
[platform]
csds_domain = "127.0.0.1:8443"
ca_file = "ca.pem"
plain = true
frame_limit = "1MiB"
[timing]
request_timeout = "7s"
refresh_every = "4m"
reconnect_first = "100ms"
login_per_second = 9
[[accounts]]
id = "12345678"
[[accounts.pools]]
name = "greeters"
intake = "all"
join_as = "manager"
when_human = "continue"
start = "now"
logic = "greeting"
[[accounts.bots]]
name = "greeter-1"
pool = "greeters"
login = { username = "bot1", password = "env:PASSWORD" }
wanted = "parked"
capacity = 20
[[accounts.bots]]
name = "echo-1"
logic = "echo"
[accounts.bots.login]
username = "bot2"
password = "file:/run/open"
[logics.shop]
kind = "webhook"
url = "env:WEBHOOK_URL"
secret = "env:WEBHOOK"
on_failure = { text = "Sorry!", transfer_to = "4711" }
"#;

#[test]
fn a_whole_file_becomes_checked_values() {
    let (fleet, warnings) = parse(WHOLE).unwrap();
    assert_eq!(fleet.server.listen.to_string(), "[::1]:9301");
    assert_eq!(fleet.store.url.expose(), "postgres://u:s3cret-horse@db/m");
    assert_eq!(fleet.store.key.unwrap().expose_secret(), "s3cret-horse");
    assert_eq!(fleet.store.node_lease, Duration::from_secs(20));
    assert_eq!(fleet.platform.csds_domain, "127.0.0.1:8443");
    assert_eq!(fleet.platform.ca_file.as_deref(), Some(Path::new("/etc/muster/ca.pem")));
    assert!(fleet.platform.plain);
    assert_eq!(fleet.platform.frame_limit, 1 << 20);
    assert_eq!(fleet.timing.settle, Duration::from_secs(7), "settle follows request_timeout");
    assert_eq!(fleet.timing.refresh_every, Duration::from_mins(4));
    assert_eq!(fleet.timing.reconnect_first, Duration::from_millis(100));
    assert_eq!((fleet.timing.login_per_second.get(), fleet.timing.login_burst.get()), (9, 5));
    let [account] = &fleet.accounts[..] else { panic!("one account") };
    let [greeter, echo] = &account.bots[..] else { panic!("two bots") };
    assert_eq!(
        (account.id.as_str(), greeter.name.as_str(), greeter.pool.as_str()),
        ("12345678", "greeter-1", "greeters")
    );
    assert_eq!(
        (greeter.logic.as_str(), greeter.wanted, greeter.capacity),
        ("greeting", Wanted::Parked, Some(20))
    );
    let duty = account.duty(&greeter.pool);
    assert_eq!((duty.intake, duty.join_as), (Intake::All, JoinAs::Manager));
    assert_eq!((duty.when_human, duty.start), (WhenHuman::Continue, Start::Now));
    assert_eq!(account.duty(&echo.pool), Duty::default(), "a pool of its own takes rings");
    assert_eq!((echo.pool.as_str(), echo.wanted, echo.capacity), ("echo-1", Wanted::Running, None));
    let Login::Password { username, password } = &echo.login else { panic!("{:?}", echo.login) };
    assert_eq!((username.as_str(), password.expose_secret()), ("bot2", "s3cret-horse"));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(
        warnings[0].to_string(),
        "fleet.toml:38:12: accounts[12345678].bots[echo-1].login.password: \
         every user of this machine may read /run/open; chmod o= /run/open"
    );
}

const PLACES: &str = r#"
[platform]
proxy = "env:PROXY"
socket_service = "facadeMsg"
domains = { agentVep = "a.example" }
[[accounts]]
id = "1"
domains = { agentVep = "b.example:8443", asyncMessagingEnt = "c.example" }
[[accounts.bots]]
name = "key"
logic = "echo"
login = { username = "u", app_key = "k", secret = "env:PASSWORD", access_token = "env:PASSWORD", access_token_secret = "env:PASSWORD" }
[[accounts.bots]]
name = "client"
logic = "echo"
login = { username = "v", client_id = "env:PASSWORD", client_secret = "env:PASSWORD" }
[[accounts.bots]]
name = "saml"
logic = "echo"
login = { assertion = "file:assertion" }
[[accounts.bots]]
name = "token"
logic = "echo"
login = { token = "env:PASSWORD", user_id = "7" }
"#;

#[test]
fn logins_proxies_and_hosts_become_checked_values_that_show_no_secret() {
    let (fleet, warnings) = parse(PLACES).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let shown = format!("{fleet:?}");
    assert!(!shown.contains("s3cret-horse"), "{shown}");
    assert_eq!(format!("{:?}", fleet.platform.proxy.unwrap()), "http://***@proxy:3128");
    assert_eq!(fleet.platform.socket_service, Some("facadeMsg"));
    assert_eq!(fleet.platform.domains, [("agentVep", "a.example".to_owned())]);
    let account = &fleet.accounts[0];
    assert_eq!(
        account.domains,
        [("agentVep", "b.example:8443".to_owned()), ("asyncMessagingEnt", "c.example".to_owned())]
    );
    let kinds: Vec<_> = account.bots.iter().map(|bot| (bot.login.kind(), bot.login.username())).collect();
    assert_eq!(kinds, [("key", Some("u")), ("client", Some("v")), ("assertion", None), ("token", None)]);
    let Login::Assertion { assertion } = &account.bots[2].login else {
        panic!("{:?}", account.bots[2].login)
    };
    assert_eq!(assertion.expose_secret(), "YXNzZXJ0aW9u", "the lines of base64 are joined");
}

#[test]
fn an_empty_file_means_the_defaults_and_a_warning() {
    let (fleet, warnings) = parse("").unwrap();
    assert_eq!(fleet.server.listen.to_string(), "127.0.0.1:9300");
    assert_eq!(fleet.store.url.expose(), "sqlite:muster.db");
    assert_eq!(fleet.store.node_lease, Duration::from_secs(15));
    assert_eq!(format!("{:?}", fleet.platform), format!("{:?}", PlatformSettings::default()));
    assert_eq!(fleet.timing, TimingSettings::default());
    assert_eq!(warnings.len(), 1);
}

#[test]
fn inline_tables_read_like_the_long_form() {
    let text = r#"accounts = [{ id = "1", bots = [{ name = "a", logic = "echo", login = { username = "u", password = "env:PASSWORD" } }] }]"#;
    assert_eq!(parse(text).unwrap().0.accounts[0].bots[0].name.as_str(), "a");
}

#[test]
fn no_secret_is_shown() {
    let shown = format!("{:?}", parse(WHOLE).unwrap());
    assert!(!shown.contains("s3cret"), "{shown}");
    for literal in [
        "[[accounts]]\nid='1'\n[[accounts.bots]]\nname='a'\nlogic='echo'\nlogin={username='u',password='s3cret-horse'}",
        "[[accounts]]\nid='1'\n[[accounts.bots]]\nname='a'\nlogic='echo'\nlogin={username='u',password='env:s3cret-horse'}",
        "[[accounts]]\nid='1'\n[[accounts.bots]]\nname='a'\nlogic='echo'\nlogin={username='u',password=['s3cret-horse']}",
        "[store]\nurl = 'postgres://u:s3cret-horse@db/m'",
        "[store]\nurl = 'mysql://u:s3cret-horse@db/m'",
        "[store]\nurl = 's3cret-horse'",
        "[store]\nkey = 's3cret-horse'",
        "[store]\nkey = 's3cret-horse",
        "[platform]\nplain = 's3cret-horse'",
        "[platform]\nproxy = 'http://u:s3cret-horse@proxy:1'",
        "[platform]\nproxy = 's3cret-horse'",
        "[[accounts]]\nid='1'\n[[accounts.bots]]\nname='a'\nlogic='echo'\nlogin={user_id='1',token='s3cret-horse'}",
        "[[accounts]]\nid='1'\n[[accounts.bots]]\nname='a'\nlogic='echo'\nlogin={assertion='s3cret-horse'}",
    ] {
        let message = faults(literal);
        assert!(!message.contains("s3cret"), "{message}");
    }
}

#[test]
fn the_same_user_may_serve_two_accounts() {
    let bot = format!("[[accounts.bots]]\nname = \"a\"\nlogic = \"echo\"\n{LOGIN}\n");
    assert!(parse(&format!("[[accounts]]\nid = \"1\"\n{bot}[[accounts]]\nid = \"2\"\n{bot}")).is_ok());
}

#[test]
fn a_settle_below_the_request_timeout_is_warned_of() {
    let (fleet, warnings) = parse(&format!("[timing]\nsettle = \"1s\"\n{}", with_bot(""))).unwrap();
    assert_eq!(fleet.timing.settle, Duration::from_secs(1));
    assert!(warnings[0].to_string().contains("a slow request may be sent twice; write \"10s\" or more"));
}

#[test]
fn a_logic_of_the_demo_is_known_only_to_the_demo() {
    let text = with_bot("").replace("\"echo\"", "\"demo-shop\"");
    assert!(parse(&text).is_err());
    let parsed = FleetSettings::parse_with_logics(&text, "demo", Path::new(""), &world(), &["demo-shop"]);
    assert_eq!(parsed.unwrap().0.accounts[0].bots[0].logic.as_str(), "demo-shop");
}

proptest::proptest! {
    /// Whatever becomes of a file, it is answered with values or with faults inside of it, and no secret.
    #[test]
    fn no_damage_to_a_file_is_answered_with_a_panic_or_a_secret(
        from in 0..WHOLE.len(), length in 0..60_usize, instead in "[\\[\\]{}\"'=. \na-z0-9:€-]{0,12}",
    ) {
        let damaged = [&WHOLE[..from], &instead, WHOLE.get(from + length..).unwrap_or_default()].concat();
        match parse(&damaged) {
            Ok(parsed) => assert!(!format!("{parsed:?}").contains("s3cret")),
            Err(faults) => {
                assert!(!faults.to_string().contains("s3cret"), "{faults}");
                let lines = damaged.split('\n').count();
                assert!(faults.all().iter().all(|fault| fault.place.is_none_or(|place| place.line <= lines)), "{faults}");
            }
        }
    }
}

#[test]
fn a_domain_that_is_none_is_one_fault_also_when_plain() {
    assert!(
        faults("[platform]\ncsds_domain = \"http://x\"\nplain = true").ends_with("1 fault in fleet.toml")
    );
}

#[test]
fn a_declared_fleet_comes_back_from_its_fragments_without_comments_or_process_settings() {
    let commented = WHOLE.replace("capacity = 20", "capacity = 20 # s3cret-horse, do not tell");
    let (fleet, _) = parse(&commented).unwrap();
    let declaration = fleet.declaration.clone().unwrap();
    let headers: Vec<_> =
        declaration.fragments.iter().map(|piece| (piece.header.as_str(), piece.name.as_str())).collect();
    assert_eq!(
        headers,
        [
            ("[platform]", ""),
            ("[[accounts]]", ""),
            ("[[accounts.pools]]", "greeters"),
            ("[[accounts.bots]]", "greeter-1"),
            ("[[accounts.bots]]", "echo-1"),
            ("[logics.shop]", "")
        ]
    );
    assert!(!format!("{declaration:?}").contains("s3cret"), "{declaration:?}");
    assert_eq!(declaration.fragments[1].label(), "stored account 12345678");
    assert_eq!(declaration.fragments[2].label(), "stored pool 12345678/greeters");
    assert_eq!(declaration.fragments[3].label(), "stored bot 12345678/greeter-1");
    let paths = &declaration.fragments[0].body;
    assert!(paths.contains("ca_file = \"/etc/muster/ca.pem\""), "paths are whole: {paths}");

    let (again, _) = FleetSettings::of_declaration(&declaration, &world()).unwrap();
    assert_eq!(format!("{:?}", again.accounts), format!("{:?}", fleet.accounts));
    assert_eq!(format!("{:?}", again.platform), format!("{:?}", fleet.platform));
    assert_eq!(again.store.url.expose(), "sqlite:muster.db", "process settings are not stored");
    let by_key = |mut fragments: Vec<Fragment>| {
        fragments.sort_by(|a, b| a.key().cmp(&b.key()));
        fragments
    };
    assert_eq!(by_key(again.declaration.unwrap().fragments), by_key(declaration.fragments));
}

#[test]
fn any_other_table_is_stored_as_it_is() {
    let text = "[logics.shop]\nkind = \"webhook\"\nsecret = \"file:keys/shop\"\n[logics.\"a b\"]\nkind = 'x'\n\
        [[accounts]]\nid = \"1\"\nzone = { name = \"x\" }\n[[accounts.pools]]\nname = \"desk\"\nskills = [ # two\n 1, 2 ]\n";
    let document = Document::parse(text).unwrap();
    let declaration = Declaration::of(document.as_table(), Path::new("/etc/muster"), &[]);
    let (stored, rows) = declaration.text();
    assert_eq!(
        stored,
        "[platform]\n\n[logics.shop]\nkind = \"webhook\"\nsecret = \"file:/etc/muster/keys/shop\"\n\n[logics.\"a b\"]\nkind = \"x\"\n\n\
         [[accounts]]\nid = \"1\"\nzone = { name = \"x\" }\n\n[[accounts.pools]]\nname = \"desk\"\nskills = [1, 2]\n\n"
    );
    let labels: Vec<_> = rows.iter().map(|(_, label)| &**label).collect();
    assert_eq!(
        labels,
        [
            "stored table [platform]",
            "stored table [logics.shop]",
            "stored table [logics.\"a b\"]",
            "stored account 1",
            "stored pool 1/desk"
        ]
    );
}

#[test]
fn a_bot_whose_account_is_gone_joins_no_other_account() {
    let (fleet, _) = parse(&with_bot("")).unwrap();
    let mut declaration = fleet.declaration.unwrap();
    let bot = declaration.fragments[2].clone();
    let body = bot.body.replace("bot1", "bot2").replace("\"a\"", "\"b\"");
    declaration.fragments.push(Fragment { account: "9".to_owned(), name: "b".to_owned(), body, ..bot });
    let (again, _) = FleetSettings::of_declaration(&declaration, &world()).unwrap();
    assert_eq!((again.accounts.len(), again.accounts[0].bots.len()), (1, 1));
}

#[test]
fn a_fault_in_what_is_stored_names_its_row() {
    let (fleet, _) = parse(&with_bot("")).unwrap();
    let mut declaration = fleet.declaration.unwrap();
    declaration.fragments[2].body.push_str("colour = 1\n");
    let again = declaration.fragments[2].clone();
    declaration.fragments.push(Fragment { name: "b".to_owned(), ..again });
    let faults = FleetSettings::of_declaration(&declaration, &world()).unwrap_err().to_string();
    for part in [
        "stored bot 1/a: accounts[1].bots[a].colour: unknown key",
        "stored bot 1/b: accounts[1].bots[a].name: bot \"a\" stands in the stored bot 1/a already",
        "faults in the store",
    ] {
        assert!(faults.contains(part), "{part} is not in\n{faults}");
    }
}
