use super::{LOGIN, faults, with_bot};

/// Each row: what is written, and what the message must say after the file's name.
#[test]
fn each_fault_names_its_place_and_its_cure() {
    for (text, says) in [
        (
            "[server]\nauthentication = \"off\"\nlisten = \"0.0.0.0:9300\"",
            "3:10: server.listen: 0.0.0.0:9300 is open to other machines",
        ),
        (
            "[server]\nlisten = 9300",
            "2:10: server.listen: expected a string such as \"127.0.0.1:9300\", found an integer",
        ),
        ("[server]\nlisten = \"localhost\"", "is no address and port"),
        ("server = 3", "1:10: server: expected a table, found an integer; begin it with [server]"),
        ("[sever]", "1:2: sever: unknown key; did you mean \"server\"?"),
        ("[store]\nurl = \"postgres://u:p@db/m\"", "refer to the whole URL: url = \"env:MUSTER_STORE_URL\""),
        ("[store]\nurl = \"mysql://db/m\"", "it is no URL of SQLite or PostgreSQL"),
        ("[store]\nnode_lease = \"0s\"", "\"0s\" is out of range; write 500ms to 10m"),
        ("[platform]\nplain = true", "passwords would travel unencrypted to api.liveperson.net"),
        ("[platform]\ncsds_domain = \"https://x\"", "is no host; write the host alone"),
        (
            "[platform.domains]\nagentVep = \"https://x/y\"",
            "2:12: platform.domains.agentVep: \"https://x/y\" is no host; write the host alone",
        ),
        ("[platform.domains]\nagentvep = \"x\"", "unknown key; did you mean \"agentVep\"?"),
        (
            "[platform]\nplain = true\ncsds_domain = \"[::1]:1\"\n[platform.domains]\nfacadeMsg = \"x\"",
            "platform.domains.facadeMsg: passwords would travel unencrypted to x",
        ),
        (
            "[platform]\nplain = true\ncsds_domain = \"[::1]:1\"\n[[accounts]]\nid = \"1\"\ndomains = { facadeMsg = \"x\" }",
            "accounts[1].domains.facadeMsg: passwords would travel unencrypted to x",
        ),
        (
            "[platform]\nsocket_service = \"agentVep\"",
            "\"agentVep\" is no service for sockets; write \"asyncMessagingEnt\" or \"facadeMsg\"",
        ),
        ("[platform]\nproxy = 3128", "platform.proxy: expected a string such as \"http://proxy:3128\""),
        ("[platform]\nproxy = \"proxy:3128\"", "it is no proxy: it begins with neither http:// nor https://"),
        (
            "[platform]\nproxy = \"http://u:p@proxy:3128\"",
            "refer to the whole URL: proxy = \"env:MUSTER_PROXY\"",
        ),
        (
            "[platform]\nproxy = \"env:PASSWORD\"",
            "it is no proxy: it begins with neither http:// nor https://",
        ),
        (
            "[platform]\nplain = true\ncsds_domain = \"[::1]:1\"\nproxy = \"http://proxy:1\"",
            "platform.proxy: passwords would travel unencrypted to proxy",
        ),
        ("[platform]\nca_file = \"none.pem\"", "/etc/muster/none.pem cannot be read"),
        ("[platform]\nca_file = \"closed\"", "/etc/muster/closed has no certificate"),
        ("[platform]\nframe_limit = \"5MB\"", "\"5MB\" is no size"),
        ("[platform]\nframe_limit = \"1B\"", "out of range; write 64KiB to 256MiB"),
        ("[timing]\ndrain = 20", "found an integer; write \"20s\" if seconds are meant"),
        (
            "[timing]\ndrain = \"5 apples\"",
            "\"5 apples\" is no duration; write a whole number and a unit: \"250ms\"",
        ),
        ("[timing]\ndrain = \"0s\"", "\"0s\" is out of range; write 1ms to 1h"),
        ("[timing]\nlogin_burst = 0", "0 is out of range; write a number from 1 to 1000"),
        ("[timing]\nlogin_burst = \"5\"", "expected a whole number, found a string"),
        ("[timing]\nreconnect_first = \"5m\"", "reconnect_first (5m) is longer than reconnect_max"),
        ("[timing]\n  setle = \"5s\"", "2:3: timing.setle: unknown key; did you mean \"settle\"?"),
        ("[accounts]\nid = \"1\"", "expected a list of tables, found a table; begin each with [[accounts]]"),
        ("accounts = [1]", "expected a table, found an integer; begin each with [[accounts]]"),
        ("[[accounts]]", "1:1: accounts[#1].id: this key is required; write id = \"12345678\""),
        ("[[accounts]]\nid = 12345678", "found an integer; put it in quotes: \"12345678\""),
        ("[[accounts]]\nid = \"12-34\"", "\"12-34\" is no account number"),
        ("[[accounts]]\nid = \"\"", "accounts[#1].id: it is empty"),
        (
            "[[accounts]]\nid = \"1\"\n[[accounts]]\nid = \"1\"",
            "4:6: accounts[1].id: account \"1\" stands on line 2 already",
        ),
        ("[[accounts]]\nid = \"1\"\nbots = 3", "begin each with [[accounts.bots]]"),
        ("[[accounts]]\nid = \"1\"\n[[accounts.pools]]", "accounts[1].pools[#1].name: this key is required"),
        (
            "[[accounts]]\nid = \"1\"\n[[accounts.pools]]\nname = \"p\"\nintake = \"al\"",
            "5:10: accounts[1].pools[p].intake: \"al\" is none of its words; write \"rings\" or \"all\"",
        ),
        (
            "[[accounts]]\nid = \"1\"\n[[accounts.pools]]\nname = \"p\"\nwhen_human = \"silent\"",
            "pools[p].when_human: it means nothing with intake = \"rings\"; remove it, or write intake = \"all\"",
        ),
        (
            "[[accounts]]\nid = \"1\"\n[[accounts.pools]]\nname = \"p\"\n[[accounts.pools]]\nname = \"p\"",
            "pool \"p\" stands on line 4 already",
        ),
        ("x = ", "1:5: this is not TOML"),
        ("x = 1\nx = 2", "2:1: this is not TOML: duplicate key"),
    ] {
        let message = faults(text);
        assert!(message.starts_with("fleet.toml:"), "{message}");
        assert!(message.contains(says), "{text}\n-> {message}\n   lacks {says}");
    }
}

#[test]
fn each_fault_of_a_bot_names_its_cure() {
    for (line, says) in [
        (
            "wanted = \"runing\"",
            "7:10: accounts[1].bots[a].wanted: \"runing\" is no state to want; write \"running\"",
        ),
        ("capacity = 0", "0 is out of range"),
        ("capacity = -4", "-4 is out of range"),
        ("pool = \"a b\"", "\"a b\" is no name; use at most 64 letters"),
        (
            "pool = \"greeters\"",
            "unknown pool \"greeters\"; declare it: [[accounts.pools]] with name = \"greeters\"",
        ),
        (
            "[[accounts.pools]]\nname = \"greeters\"\n[[accounts.bots]]\nname = \"c\"\npool = \"greters\"",
            "unknown pool \"greters\"; did you mean \"greeters\"?",
        ),
        (
            "[[accounts.pools]]\nname = \"p\"\n[[accounts.bots]]\nname = \"c\"\npool = \"p\"",
            "bots[c].logic: this key is required",
        ),
        (
            "skill = 4",
            "7:1: accounts[1].bots[a].skill: unknown key; known here: capacity, logic, login, name, on_theft, pool, wanted",
        ),
        ("[[accounts.bots]]\nname = \"a\"", "bot \"a\" stands on line 4 already"),
        (
            "[[accounts.bots]]\nname = \"b\"\nlogic = \"ehco\"",
            "unknown logic \"ehco\"; did you mean \"echo\"?",
        ),
        ("[[accounts.bots]]\nlogic = \"prayer\"", "unknown logic \"prayer\"; known: echo, greeting"),
        (&format!("[[accounts.bots]]\nname = \"b\"\n{LOGIN}"), "user \"bot1\" stands on line 6 already"),
        ("[[accounts.bots]]\nlogin = \"bot\"", "expected a table, found a string"),
        (
            "[[accounts.bots]]\nlogin = { username = \"x\" }",
            "bots[#2].login: it does not say what to log in with; write one of { username, password }, {",
        ),
        (
            "[[accounts.bots]]\nlogin = { username = \"x\", pasword = \"env:PASSWORD\" }",
            "did you mean \"password\"?",
        ),
        ("[[accounts.bots]]\nlogin = {}", "and { user_id, token }"),
        (
            "[[accounts.bots]]\nlogin = { username = \"x\", password = \"env:PASSWORD\", client_id = \"i\" }",
            "password and client_id belong to two kinds of login; write one of {",
        ),
        (
            "[[accounts.bots]]\nlogin = { username = \"x\", app_key = \"k\", secret = \"env:PASSWORD\" }",
            "login.access_token: this key is required; write access_token = \"env:BOT1_ACCESS_TOKEN\"",
        ),
        (
            "[[accounts.bots]]\nlogin = { username = \"x\", app_key = \"k\", secret = \"hunter2\" }",
            "login.secret: a secret must not stand in this file; refer to it: \"env:BOT1_SECRET\"",
        ),
        (
            "[[accounts.bots]]\nlogin = { client_id = \"i\", client_secret = \"env:PASSWORD\" }",
            "login.username: this key is required",
        ),
        (
            "[[accounts.bots]]\nlogin = { username = \"x\", assertion = \"env:PASSWORD\" }",
            "login.username: unknown key; known here: assertion",
        ),
        (
            "[[accounts.bots]]\nlogin = { token = \"env:PASSWORD\" }",
            "login.user_id: this key is required; write user_id = \"1234567890\"",
        ),
        (
            "[[accounts.bots]]\nlogin = { token = \"env:PASSWORD\", user_id = \"bot1\" }",
            "\"bot1\" is no user id; write digits alone",
        ),
        (
            "[[accounts.bots]]\nlogin = { password = \"hunter2\" }",
            "a secret must not stand in this file; refer to it: \"env:BOT1_PASSWORD\"",
        ),
        (
            "[[accounts.bots]]\nlogin = { password = \"env:\" }",
            "env: is not followed by the name of a variable",
        ),
        (
            "[[accounts.bots]]\nlogin = { password = \"env:NONE\" }",
            "the environment variable NONE is not set; set NONE",
        ),
        ("[[accounts.bots]]\nlogin = { password = \"env:EMPTY\" }", "the secret referred to is empty"),
        ("[[accounts.bots]]\nlogin = { password = \"file:\" }", "file: is not followed by a path"),
        ("[[accounts.bots]]\nlogin = { password = \"file:none\" }", "/etc/muster/none cannot be read"),
    ] {
        let message = faults(&with_bot(line));
        assert!(message.contains(says), "{line}\n-> {message}\n   lacks {says}");
    }
}

/// Each row: the login of a first bot, and the login of a second that is the same identity.
#[test]
fn two_bots_of_one_identity_are_found_whatever_they_log_in_with() {
    const KEY: &str = r#"app_key = "k", secret = "env:PASSWORD", access_token = "env:PASSWORD", access_token_secret = "env:PASSWORD""#;
    const CLIENT: &str = r#"client_id = "i", client_secret = "env:PASSWORD""#;
    let key = format!(r#"username = "u", {KEY}"#);
    let client = format!(r#"username = "u", {CLIENT}"#);
    let (token, saml) = (r#"user_id = "7", token = "env:PASSWORD""#, r#"assertion = "env:PASSWORD""#);
    let two = |one: &str, other: &str| {
        let bot = |name, login| {
            format!("[[accounts.bots]]\nname = \"{name}\"\nlogic = \"echo\"\nlogin = {{ {login} }}\n")
        };
        format!("[[accounts]]\nid = \"1\"\n{}{}", bot("a", one), bot("b", other))
    };
    for (one, other, says) in [
        (key.as_str(), key.as_str(), "login.username: user \"u\" stands on line 6 already"),
        (&key, &client, "login.username: user \"u\" stands on line 6 already"),
        (&client, r#"username = "u", password = "env:PASSWORD""#, "user \"u\" stands on line 6 already"),
        (
            token,
            r#"user_id = "7", token = "file:closed""#,
            "login.user_id: user \"7\" stands on line 6 already",
        ),
        (saml, saml, "login.assertion: this assertion stands on line 6 already"),
    ] {
        let message = faults(&two(one, other));
        assert!(message.contains(says), "{message}\n   lacks {says}");
        assert!(message.ends_with("1 fault in fleet.toml") && !message.contains("s3cret"), "{message}");
    }
    // One key may log several users in.
    assert!(super::parse(&two(&key, &format!(r#"username = "v", {KEY}"#))).is_ok());
}

#[test]
fn a_misspelt_required_key_is_one_fault_and_not_two() {
    let message = faults(
        "[[accounts]]\nid = \"1\"\n[[accounts.bots]]\nname = \"a\"\nlogci = \"echo\"\nlogin = { username = \"u\", password = \"env:PASSWORD\" }",
    );
    assert!(message.ends_with("1 fault in fleet.toml"), "{message}");
}

#[test]
fn twelve_faults_are_twelve_messages() {
    insta::assert_snapshot!(faults(r#"
server.authentication = "off"
server.listen = "0.0.0.0:9300"
[store]
url = "postgres://muster:hunter2@db/muster"
[platform]
plain = "yes"
[timing]
refresh_evry = "5m"
drain = 20
settle = "soon"
[[accounts]]
id = 12345678
[[accounts.bots]]
name = "greeter-1"
logic = "greting"
login = { username = "bot1", password = "hunter2" }
[[accounts.bots]]
name = "greeter-1"
logic = "echo"
login = { username = "bot1", password = "env:GREETER_PASSWORD" }
"#), @r#"
    fleet.toml:3:17: server.listen: 0.0.0.0:9300 is open to other machines, and authentication is off; write "127.0.0.1:9300" or "[::1]:9300", or authentication = "on"
    fleet.toml:5:7: store.url: a password must not stand in this file; refer to the whole URL: url = "env:MUSTER_STORE_URL" or "file:/run/secrets/store-url"
    fleet.toml:7:9: platform.plain: expected true or false, found a string; write true or false, without quotes
    fleet.toml:9:1: timing.refresh_evry: unknown key; did you mean "refresh_every"?
    fleet.toml:10:9: timing.drain: expected a duration such as "30s", found an integer; write "20s" if seconds are meant
    fleet.toml:11:10: timing.settle: "soon" is no duration; write a whole number and a unit: "250ms", "30s", "5m", "1h"
    fleet.toml:13:6: accounts[#1].id: expected a string such as "12345678", found an integer; put it in quotes: "12345678"
    fleet.toml:16:9: accounts[#1].bots[greeter-1].logic: unknown logic "greting"; did you mean "greeting"?
    fleet.toml:17:41: accounts[#1].bots[greeter-1].login.password: a secret must not stand in this file; refer to it: "env:BOT1_PASSWORD" or "file:/run/secrets/bot1_password"
    fleet.toml:19:8: accounts[#1].bots[greeter-1].name: bot "greeter-1" stands on line 15 already; give it another, or remove one of the two
    fleet.toml:21:22: accounts[#1].bots[greeter-1].login.username: user "bot1" stands on line 17 already; give it another, or remove one of the two
    fleet.toml:21:41: accounts[#1].bots[greeter-1].login.password: the environment variable GREETER_PASSWORD is not set; set GREETER_PASSWORD where muster starts, or name another
    12 faults in fleet.toml
    "#);
}

#[test]
fn a_server_that_would_be_open_or_half_secret_is_refused() {
    for (text, says) in [
        (
            "[server]\nauthentication = \"maybe\"",
            "2:18: server.authentication: \"maybe\" is neither \"on\" nor \"off\"",
        ),
        (
            "[server]\nbootstrap_token = \"env:PASSWORD\"",
            "fewer than 32 characters; make one with `openssl rand -hex 32`",
        ),
        ("[server]\ntls_key = \"closed\"", "server.tls_key: a key without its certificate"),
        (
            "[server]\ntls_certificate = \"closed\"\ntls_key = \"closed\"",
            "has no certificate; name a file in PEM format",
        ),
    ] {
        let message = faults(text);
        assert!(message.starts_with("fleet.toml:") && message.contains(says), "{text}\n-> {message}");
    }
}
