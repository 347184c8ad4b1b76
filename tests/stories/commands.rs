//! What the commands say, also when something is wrong.

use crate::outside::{Store, World};

const QUIET: [&str; 2] = ["--bots", "1"];

#[tokio::test]
async fn postgres_is_migrated_on_purpose() {
    let world = World::new(Store::Postgres, &QUIET).await;
    let mut refused = world.start(world.muster(&["run", "fleet.toml"]));
    assert_eq!(refused.ended().await, 1);
    assert!(refused.log().contains("run `muster migrate FILE` first"), "{}", refused.log());
    let mut due = world.start(world.muster(&["migrate", "fleet.toml", "--dry-run"]));
    assert_eq!(due.ended().await, 0);
    assert!(due.log().contains("due: "), "{}", due.log());
    let mut migrated = world.start(world.muster(&["migrate", "fleet.toml"]));
    assert_eq!(migrated.ended().await, 0);
    assert!(migrated.log().contains("applied: "), "{}", migrated.log());
    let mut again = world.start(world.muster(&["migrate", "fleet.toml"]));
    assert_eq!(again.ended().await, 0);
    assert!(again.log().contains("the tables are up to date"), "{}", again.log());
    world.run(&[], &[]).await.all_online().await;
}

#[tokio::test]
async fn a_faulty_fleet_file_is_told_with_lines_and_cures() {
    let world = World::new(Store::Sqlite, &QUIET).await;
    let faulty = "[sever]\n[timing]\nsettle = 5\n[[accounts]]\nid = \"1\"\n[[accounts.bots]]\nname = \"a\"\nlogic = \"ecko\"\nlogin = { username = \"u\", password = \"hunter2-planted\" }\n";
    std::fs::write(world.dir.path().join("faulty.toml"), faulty).unwrap();
    let mut refused = world.start(world.muster(&["run", "faulty.toml"]));
    assert_eq!(refused.ended().await, 1);
    let said = refused.log();
    for part in
        ["faulty.toml:1:", "did you mean", "faulty.toml:3:", "faulty.toml:8:", "faulty.toml:9:", "4 faults"]
    {
        assert!(said.contains(part), "{part} is missing in:\n{said}");
    }
    assert!(!said.contains("hunter2-planted"), "a secret is not repeated: {said}");
}

#[tokio::test]
async fn a_busy_port_is_told_and_the_fleet_is_given_up() {
    let world = World::new(Store::Postgres, &QUIET).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let file = world.dir.path().join("fleet.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let busy = text.replace("127.0.0.1:0", &taken.local_addr().unwrap().to_string());
    std::fs::write(world.dir.path().join("busy.toml"), busy).unwrap();
    let mut refused = world.start(world.muster(&["run", "busy.toml", "--migrate"]));
    assert_eq!(refused.ended().await, 1);
    assert!(refused.log().contains("cannot listen on"), "{}", refused.log());
    let next = world.run(&[], &[]).await;
    assert!(!next.process.log().contains("waiting for its lease"), "{}", next.process.log());
}

#[tokio::test]
async fn health_metrics_and_status_page_answer() {
    let world = World::new(Store::Sqlite, &["--bots", "1", "--consumers", "2", "--think", "50"]).await;
    let fleet = world.run(&[], &[]).await;
    world.answered(5).await;
    fleet.all_online().await;
    for (path, part) in [
        ("/livez", "200 OK"),
        ("/readyz?verbose", "store"),
        ("/", "bot-1"),
        ("/metrics", "muster_bots{account=\"10000001\",state=\"online\"} 1"),
        ("/metrics", "muster_logins_total{account=\"10000001\",outcome=\"ok\"} 1"),
        ("/metrics", "muster_connects_total{account=\"10000001\",outcome=\"ok\"} 1"),
        ("/metrics", "muster_turn_commit_seconds_count"),
    ] {
        let answer = fleet.get(path);
        assert!(answer.contains(part), "{path} does not say {part}:\n{answer}");
    }
    let metrics = fleet.get("/metrics");
    assert!(!metrics.contains("muster_turn_commit_seconds_count 0"), "{metrics}");
    // Figures are shown a few times a second.
    crate::wait::until("the bot's figures are shown", crate::outside::SOON, async || {
        let bot = &fleet.bots()[0];
        let keys = ["state", "since", "token_refreshed_at", "open_conversations", "last_turn_at"];
        if keys.iter().all(|key| !bot[key].is_null()) { Ok(()) } else { Err(bot.to_string()) }
    })
    .await;
    world.judged(crate::outside::SOON).await.unwrap();
}

#[tokio::test]
async fn a_store_is_migrated_without_a_fleet_file() {
    let world = World::new(Store::Postgres, &QUIET).await;
    let mut migrate = world.muster(&["migrate"]);
    migrate.env("MUSTER_STORE", &world.store_url);
    let mut migrated = world.start(migrate);
    assert_eq!(migrated.ended().await, 0, "{}", migrated.log());
    assert!(migrated.log().contains("applied: "), "{}", migrated.log());
    let mut both = world.start(world.muster(&["migrate", "fleet.toml", "--store", "sqlite:other.db"]));
    assert_eq!(both.ended().await, 2);
    assert!(both.log().contains("leave --store out"), "{}", both.log());
    world.run(&[], &[]).await.all_online().await;
}

#[tokio::test]
async fn a_command_whose_reader_is_gone_ends_without_a_panic() {
    let world = World::new(Store::Sqlite, &QUIET).await;
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    for command in [&["bots"][..], &["bots", "--json"], &["conversations"], &["dead-letters"]] {
        let mut muster = world.muster(command);
        // The other end of this pipe is closed before the command begins.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        muster.env("MUSTER_STORE", &world.store_url).stdout(writer).stderr(std::process::Stdio::piped());
        let output = muster.spawn().unwrap().wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{command:?}: {} {said}", output.status);
    }
}
