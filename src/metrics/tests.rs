use muster_core::health::Degraded;

use super::*;
use crate::board::{Board, BotState, BotStatus};

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
    metrics.quarantined(&account, Kind::Stuck);
    metrics.mailbox_full("recorder");
    metrics.queue_full("inbox");
    metrics.logic_abandoned(&account);
    metrics.store_committed(3, Duration::from_millis(4));
    let hot = metrics.account(&account);
    hot.turn_committed(Duration::from_millis(3));
    hot.turn("made up");
    hot.replied(Duration::from_millis(40));
    hot.message_committed(Duration::from_millis(20));
    hot.claim_taken();
    hot.claim_taken();
    hot.claim_released();
    metrics.arbiter_lag("bots-1", Duration::from_millis(250));
    hot.dead_letter();
    hot.ring_taken(Some(Duration::from_secs(50)));
    hot.ring_taken(None);
    hot.ring_lost();
    hot.ring_expired();
    let board = Board::default();
    for (bot, state, outbox, token) in [
        ("a", BotState::Online, 2, Some(90_000)),
        ("b", BotState::Online, 3, Some(60_000)),
        ("c", BotState::Fenced, 0, None),
    ] {
        let parked = BotStatus::parked(&account, &bot.into(), &bot.into(), "echo", 0);
        board.put(BotStatus {
            state,
            outbox,
            token_refreshed_ms: token,
            open_conversations: outbox * 2,
            last_turn_ms: token,
            oldest_owed_ms: token.map(|ms| ms + 5_000),
            degraded: token.map(|_| Degraded::Behind).into_iter().collect(),
            ..parked
        });
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
        ("muster_bots_paused", "gauge"),
        ("muster_bots_degraded", "gauge"),
        ("muster_oldest_owed_timestamp_seconds", "gauge"),
        ("muster_bot_oldest_owed_timestamp_seconds", "gauge"),
        ("muster_rings_total", "counter"),
        ("muster_ring_lead_seconds", "histogram"),
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
        ("muster_dropped_actions_total", "counter"),
        ("muster_catch_ups_total", "counter"),
        ("muster_caught_up_messages_total", "counter"),
        ("muster_catch_up_holes_total", "counter"),
        ("muster_restarts_total", "counter"),
        ("muster_quarantines_total", "counter"),
        ("muster_store_group_turns", "histogram"),
        ("muster_store_commit_seconds", "histogram"),
        ("muster_mailbox_full_total", "counter"),
        ("muster_queue_full_total", "counter"),
        ("muster_logic_abandoned_total", "counter"),
        ("muster_info", "gauge"),
        ("muster_message_commit_seconds", "histogram"),
        ("muster_claims", "gauge"),
        ("muster_claim_changes_total", "counter"),
        ("muster_arbiter_lag_seconds", "gauge"),
        ("muster_bot_online", "gauge"),
        ("muster_bot_claims", "gauge"),
        ("muster_bot_last_turn_timestamp_seconds", "gauge"),
        ("muster_series", "gauge"),
        ("process_cpu_seconds_total", "counter"),
        ("process_resident_memory_bytes", "gauge"),
        ("process_start_time_seconds", "gauge"),
    ] {
        has(&text, &format!("# TYPE {name} {kind}"));
    }
    let ours = text.matches("# TYPE muster_").count();
    assert_eq!(ours, 37, "a metric is declared that this table lacks");
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
        r#"muster_bots_degraded{account="12345678",degraded="behind"} 2"#,
        r#"muster_bots_degraded{account="12345678",degraded="silent"} 0"#,
        r#"muster_oldest_owed_timestamp_seconds{account="12345678"} 65"#,
        r#"muster_bot_oldest_owed_timestamp_seconds{account="12345678",bot="a"} 95"#,
        r#"muster_rings_total{account="12345678",outcome="taken"} 2"#,
        r#"muster_rings_total{account="12345678",outcome="lost"} 1"#,
        r#"muster_rings_total{account="12345678",outcome="expired"} 1"#,
        r#"muster_ring_lead_seconds_count{account="12345678"} 1"#,
        r#"muster_ring_lead_seconds_sum{account="12345678"} 50"#,
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
        r#"muster_queue_full_total{queue="inbox"} 1"#,
        r#"muster_message_commit_seconds_count{account="12345678"} 1"#,
        r#"muster_claims{account="12345678"} 10"#,
        r#"muster_claim_changes_total{account="12345678",outcome="taken"} 2"#,
        r#"muster_claim_changes_total{account="12345678",outcome="released"} 1"#,
        r#"muster_arbiter_lag_seconds{arbiter="bots-1"} 0.25"#,
        r#"muster_bot_online{account="12345678",bot="a"} 1"#,
        r#"muster_bot_online{account="12345678",bot="c"} 0"#,
        r#"muster_bot_claims{account="12345678",bot="b"} 6"#,
        r#"muster_bot_last_turn_timestamp_seconds{account="12345678",bot="b"} 60"#,
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
fn every_metric_of_the_dashboards_exists() {
    let (metrics, board) = used();
    let text = metrics.scrape(&board).unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/dashboards");
    let mut names = 0;
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for path in paths.filter(|path| path.extension().is_some_and(|end| end == "json")) {
        let dashboard = std::fs::read_to_string(&path).unwrap();
        let parsed: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
        assert!(parsed["panels"].is_array() && dashboard.contains("${DS_PROMETHEUS}"), "{}", path.display());
        let words = dashboard.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        for name in words.filter(|word| word.starts_with("muster_") || word.starts_with("process_")) {
            let of_a_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let declared = |name: &str| text.contains(&format!("# TYPE {name} "));
            assert!(declared(name) || of_a_histogram.is_some_and(declared), "{name} in {}", path.display());
            names += 1;
        }
    }
    assert!(names > 30, "{names}");
}

#[test]
fn every_metric_of_the_alerts_exists_and_each_alert_has_its_page() {
    let (metrics, board) = used();
    let text = metrics.scrape(&board).unwrap();
    let root = concat!(env!("CARGO_MANIFEST_DIR"));
    let rules = std::fs::read_to_string(format!("{root}/dashboards/alerts/fleet.yml")).unwrap();
    let words = rules.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let names: Vec<_> = words.filter(|word| word.starts_with("muster_")).collect();
    assert!(names.len() >= 4, "{names:?}");
    for name in names {
        assert!(text.contains(&format!("# TYPE {name} ")), "{name}");
    }
    let page = std::fs::read_to_string(format!("{root}/docs/how-to/alerts.md")).unwrap();
    for alert in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(page.contains(&format!("## {alert}\n")), "{alert} has no page");
        let anchor = format!("docs/how-to/alerts.md#{}", alert.to_lowercase());
        assert!(rules.contains(&anchor), "{alert} does not lead to its page");
    }
    for what in Degraded::ALL {
        assert!(page.contains(&format!("| `{what}` |")), "{what} is not explained");
    }
}

/// Everything a label may say, but for names of accounts and bots, which the fleet file bounds.
#[test]
fn every_label_comes_from_a_closed_set() {
    let (metrics, board) = used();
    let account = AccountId::from("12345678");
    for n in 0..300_u16 {
        let made_up = format!("made up {n}");
        metrics.connects(&account, &made_up);
        metrics.closes(&account, 4000 + n);
        metrics.logins(&account, &made_up);
        metrics.refreshes(&account, &made_up);
        metrics.turns(&account, &made_up);
        metrics.restarts(&account, &made_up);
        metrics.mailbox_full(&made_up);
        metrics.queue_full(&made_up);
    }
    metrics.scrape(&board).unwrap();
    for family in metrics.registry.gather() {
        let name = family.name();
        for label in family.get_metric().iter().flat_map(prometheus::proto::Metric::get_label) {
            let is_closed = match label.name() {
                "account" => label.value() == "12345678",
                "bot" => name.starts_with("muster_bot_") && ["a", "b", "c"].contains(&label.value()),
                "state" => BotState::ALL.iter().any(|state| state.word() == label.value()),
                "code" => {
                    label.value() == "other" || label.value().parse().map(close_code) == Ok(label.value())
                }
                "outcome" | "actor" => {
                    let sets = [
                        CONNECTS,
                        LOGINS,
                        REFRESHES,
                        TURNS,
                        ACTORS,
                        labels::CATCH_UPS,
                        labels::CLAIM_CHANGES,
                        labels::RINGS,
                        &["other"],
                    ];
                    sets.iter().any(|set| set.contains(&label.value()))
                }
                "kind" => Kind::ALL.iter().any(|kind| kind.word() == label.value()),
                "degraded" => Degraded::ALL.iter().any(|what| what.word() == label.value()),
                "queue" => QUEUES.contains(&label.value()) || label.value() == "other",
                // One of each core, and the version that was compiled.
                "arbiter" => label.value() == "bots-1",
                "version" => true,
                _ => false,
            };
            assert!(is_closed, "{name} has the label {}={:?}", label.name(), label.value());
            let is_histogram = family.get_field_type() == prometheus::proto::MetricType::HISTOGRAM;
            assert!(!(is_histogram && label.name() != "account"), "{name} has {}", label.name());
        }
    }
    let series: usize = metrics.registry.gather().iter().map(|family| family.get_metric().len()).sum();
    let text = metrics.scrape(&board).unwrap();
    has(&text, &format!("muster_series {series}"));
}

#[test]
fn a_large_fleet_has_no_series_for_each_bot() {
    let metrics = Metrics::new("1.2.3").unwrap();
    let (account, board) = (AccountId::from("1"), Board::default());
    let add = |n: usize| {
        let bot = format!("bot-{n}").as_str().into();
        board.put(BotStatus::parked(&account, &bot, &"pool".into(), "echo", 0));
    };
    (0..2_000).for_each(add);
    assert_eq!(metrics.scrape(&board).unwrap().matches("muster_bot_online{").count(), 2_000);
    add(2_000);
    let text = metrics.scrape(&board).unwrap();
    assert_eq!(text.matches("muster_bot_").count(), 0, "{text}");
    has(&text, r#"muster_bots{account="1",state="parked"} 2001"#);
}

#[test]
fn no_histogram_has_more_than_twelve_buckets() {
    for buckets in [COMMIT_SECONDS, REPLY_SECONDS, GROUP_TURNS, RING_SECONDS] {
        assert!(buckets.len() <= 12 && buckets.is_sorted());
    }
}
