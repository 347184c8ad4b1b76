use super::*;
use crate::board::BotStatus;

fn used() -> (Metrics, Board) {
    let metrics = Metrics::new("1.2.3").unwrap();
    let account = AccountId::from("12345678");
    metrics.connects(&account, "ok");
    metrics.closes(&account, 4401);
    metrics.closes(&account, 4999);
    metrics.logins(&account, "ok");
    metrics.logins(&account, "agent bot1 said: no <b>");
    metrics.refreshes(&account, "failed");
    metrics.turns(&account, "failed");
    metrics.restarts(&account, "bot");
    metrics.mailbox_full("recorder");
    metrics.logic_abandoned(&account);
    metrics.store_committed(3, Duration::from_millis(4));
    let hot = metrics.account(&account);
    hot.turn_committed(Duration::from_millis(3));
    hot.turn("made up");
    hot.replied(Duration::from_millis(40));
    hot.dead_letter();
    let board = Board::default();
    for (bot, state, outbox, token) in [
        ("a", BotState::Online, 2, Some(90_000)),
        ("b", BotState::Online, 3, Some(60_000)),
        ("c", BotState::Fenced, 0, None),
    ] {
        let parked = BotStatus::parked(&account, &bot.into(), &bot.into(), "echo", 0);
        board.put(BotStatus { state, outbox, token_refreshed_ms: token, ..parked });
    }
    (metrics, board)
}

fn has(text: &str, line: &str) {
    assert!(text.lines().any(|each| each == line), "{line} is not in\n{text}");
}

#[test]
fn every_declared_metric_is_in_the_text() {
    let (metrics, board) = used();
    let text = metrics.scrape(&board).unwrap();
    for (name, kind) in [
        ("muster_bots", "gauge"),
        ("muster_connects_total", "counter"),
        ("muster_closes_total", "counter"),
        ("muster_logins_total", "counter"),
        ("muster_refreshes_total", "counter"),
        ("muster_token_refresh_timestamp_seconds", "gauge"),
        ("muster_turns_total", "counter"),
        ("muster_turn_commit_seconds", "histogram"),
        ("muster_reply_seconds", "histogram"),
        ("muster_outbox_depth", "gauge"),
        ("muster_dead_letters_total", "counter"),
        ("muster_restarts_total", "counter"),
        ("muster_store_group_turns", "histogram"),
        ("muster_store_commit_seconds", "histogram"),
        ("muster_mailbox_full_total", "counter"),
        ("muster_logic_abandoned_total", "counter"),
        ("muster_info", "gauge"),
    ] {
        has(&text, &format!("# TYPE {name} {kind}"));
    }
    assert_eq!(text.matches("# TYPE ").count(), 17, "a metric is declared that this table lacks");
}

#[test]
fn what_was_counted_is_in_the_text() {
    let (metrics, board) = used();
    let text = metrics.scrape(&board).unwrap();
    for line in [
        r#"muster_info{version="1.2.3"} 1"#,
        r#"muster_bots{account="12345678",state="online"} 2"#,
        r#"muster_bots{account="12345678",state="fenced"} 1"#,
        r#"muster_bots{account="12345678",state="logging-in"} 0"#,
        r#"muster_outbox_depth{account="12345678"} 5"#,
        r#"muster_token_refresh_timestamp_seconds{account="12345678"} 60"#,
        r#"muster_closes_total{account="12345678",code="4401"} 1"#,
        r#"muster_closes_total{account="12345678",code="other"} 1"#,
        r#"muster_logins_total{account="12345678",outcome="ok"} 1"#,
        r#"muster_logins_total{account="12345678",outcome="other"} 1"#,
        r#"muster_turns_total{account="12345678",outcome="committed"} 1"#,
        r#"muster_turns_total{account="12345678",outcome="failed"} 1"#,
        r#"muster_turns_total{account="12345678",outcome="other"} 1"#,
        r#"muster_reply_seconds_count{account="12345678"} 1"#,
        r"muster_store_group_turns_sum 3",
        r#"muster_mailbox_full_total{actor="recorder"} 1"#,
    ] {
        has(&text, line);
    }
    assert!(!text.contains("bot1"), "an error's text became a label");
}

#[test]
fn an_account_that_is_gone_leaves_no_gauge_behind() {
    let (metrics, board) = used();
    metrics.scrape(&board).unwrap();
    for status in board.all() {
        board.remove(&status.account, &status.bot);
    }
    let text = metrics.scrape(&board).unwrap();
    assert!(!text.contains("muster_bots{") && !text.contains("muster_outbox_depth{"), "{text}");
}

#[test]
fn no_histogram_has_more_than_twelve_buckets() {
    for buckets in [COMMIT_SECONDS, REPLY_SECONDS, GROUP_TURNS] {
        assert!(buckets.len() <= 12 && buckets.is_sorted());
    }
}
