//! The status page: the fleet, its accounts, its bots.

use maud::{DOCTYPE, Markup, html};

use super::words::{age, sign, tone};
use crate::board::{AccountStatus, Board, BotState, BotStatus, Counts, FleetStatus, Selection, rfc3339};

/// More rows than anybody reads, and fewer than a browser minds.
const MOST_ROWS: usize = 1000;
const REFRESH_SECONDS: u32 = 5;

/// The whole page.
pub(super) fn status(board: &Board, selection: &Selection, now_ms: i64) -> Markup {
    let (fleet, counts, bots) = (board.fleet(), board.counts(), board.select(selection));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="refresh" content=(REFRESH_SECONDS);
                title { (title(&counts)) }
                link rel="stylesheet" href="/style.css";
            }
            body {
                header { h1 { "muster" } (fleet_line(&fleet, now_ms)) }
                main {
                    @if let Some(cause) = &fleet.fenced {
                        p.banner role="status" { strong { "Fenced: " } (cause) }
                    }
                    @if counts.is_empty() { (nothing_yet()) } @else {
                        (accounts(&board.accounts(), now_ms))
                        (bots_table(&bots, selection, now_ms))
                    }
                }
            }
        }
    }
}

/// What a browser's tab shows: how many of all bots are online.
fn title(counts: &Counts) -> String {
    let all: usize = counts.values().flat_map(|states| states.values()).sum();
    let online: usize = counts.values().filter_map(|states| states.get(&BotState::Online)).sum();
    format!("{online}/{all} online · muster")
}

fn fleet_line(fleet: &FleetStatus, now_ms: i64) -> Markup {
    html! {
        p {
            @if fleet.store_ok { span.good { "● store answers" } } @else { span.bad { "✕ store is away" } }
            " · "
            @if fleet.owner.is_empty() { span.warn { "… no owner yet" } } @else { "owner " (fleet.owner) }
            " · started " (moment(Some(fleet.started_ms), now_ms))
            " · version " (fleet.version)
        }
    }
}

fn nothing_yet() -> Markup {
    html! {
        section.empty {
            h2 { "No bots yet" }
            p { "Declare them in a fleet file and start " code { "muster run fleet.toml" } ", or try " code { "muster demo" } "." }
        }
    }
}

fn accounts(accounts: &[AccountStatus], now_ms: i64) -> Markup {
    html! {
        section {
            h2 id="accounts" { "Accounts" }
            div.scroll {
                table aria-labelledby="accounts" {
                    thead { tr { th scope="col" { "Account" } th scope="col" { "Bots by state" } th scope="col" { "Oldest owed" } } }
                    tbody {
                        @for AccountStatus { account, states, oldest_owed_ms, .. } in accounts {
                            tr {
                                th scope="row" { a href={ "/?account=" (account) } { (account) } }
                                td {
                                    @for (state, count) in states {
                                        a.chip href={ "/?account=" (account) "&state=" (state) } { (count) " " (state_words(*state)) }
                                        " "
                                    }
                                }
                                td { (moment(*oldest_owed_ms, now_ms)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn bots_table(bots: &[BotStatus], selection: &Selection, now_ms: i64) -> Markup {
    html! {
        section {
            h2 id="bots" { "Bots" }
            (selection_line(selection))
            @if bots.is_empty() { p { "No bot is like that now." } } @else {
                div.scroll {
                    table aria-labelledby="bots" {
                        thead {
                            tr {
                                @for heading in ["Bot", "State", "Since", "Cause", "Token age", "Conversations", "Oldest owed", "Last turn"] {
                                    th scope="col" { (heading) }
                                }
                            }
                        }
                        tbody { @for bot in bots.iter().take(MOST_ROWS) { (bot_row(bot, now_ms)) } }
                    }
                }
            }
            @if bots.len() > MOST_ROWS {
                p { (bots.len() - MOST_ROWS) " more are not shown; choose an account or a state above." }
            }
        }
    }
}

fn selection_line(selection: &Selection) -> Markup {
    html! {
        @if *selection != Selection::default() {
            p {
                "Only"
                @if let Some(account) = &selection.account { " of account " strong { (account) } }
                @if let Some(state) = selection.state { " " strong { (state) } }
                ". " a href="/" { "Show all" }
            }
        }
    }
}

fn bot_row(bot: &BotStatus, now_ms: i64) -> Markup {
    html! {
        tr {
            th scope="row" { (bot.bot) " " small { (bot.account) " · " (bot.logic) } }
            td { (state_words(bot.state)) (degraded(bot)) }
            td { (moment(Some(bot.since_ms), now_ms)) }
            td.cause { (bot.cause.as_deref().or(bot.paused.as_deref()).unwrap_or_default()) }
            td { (moment(bot.token_refreshed_ms, now_ms)) }
            td.number { (bot.open_conversations) }
            td { (moment(bot.oldest_owed_ms, now_ms)) }
            td { (moment(bot.last_turn_ms, now_ms)) }
        }
    }
}

/// What is wrong beside the state.
fn degraded(bot: &BotStatus) -> Markup {
    html! {
        @for what in bot.degraded.iter().filter(|what| what.word() != bot.state.word()) {
            " " span.warn title=(what.words()) { (what) }
        }
    }
}

fn state_words(state: BotState) -> Markup {
    html! { span class=(tone(state)) { span aria-hidden="true" { (sign(state)) } " " (state) } }
}

/// An age for the eye, and the moment for whoever points at it.
fn moment(ms: Option<i64>, now_ms: i64) -> Markup {
    html! {
        @if let Some(ms) = ms {
            time datetime=(rfc3339(ms)) title=(rfc3339(ms)) { (age(now_ms, ms)) }
        } @else {
            span.quiet { "–" }
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_core::health::Degraded;

    use super::*;

    fn shown(board: &Board, selection: &Selection) -> String {
        status(board, selection, 600_000).into_string()
    }

    fn bot(name: &str, state: BotState, cause: Option<&str>) -> BotStatus {
        let parked = BotStatus::parked(&"12345678".into(), &name.into(), &name.into(), "echo", 0);
        BotStatus { state, cause: cause.map(Into::into), token_refreshed_ms: Some(540_000), ..parked }
    }

    #[test]
    fn every_value_is_escaped() {
        let evil = "<script>alert('1')</script>\"&";
        let board = Board::default();
        let parked = BotStatus::parked(&evil.into(), &evil.into(), &evil.into(), evil, 0);
        board.put(BotStatus { cause: Some(evil.into()), ..parked });
        let (owner, fenced, version) = (evil.into(), Some(evil.into()), evil.into());
        board.set_fleet(FleetStatus { owner, fenced, version, ..FleetStatus::default() });
        let page = shown(&board, &Selection { account: Some(evil.into()), state: None });
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("\"&"), "an attribute can be left: {page}");
        assert!(page.matches("&lt;script&gt;").count() >= 8, "{page}");
    }

    #[test]
    fn an_empty_fleet_says_what_to_do() {
        let page = shown(&Board::default(), &Selection::default());
        assert!(page.contains("No bots yet") && page.contains("muster demo"), "{page}");
    }

    #[test]
    fn states_are_told_in_words_and_signs_and_colours() {
        let board = Board::default();
        let owing = bot("a", BotState::Online, None);
        let degraded = vec![Degraded::Behind];
        board.put(BotStatus { oldest_owed_ms: Some(570_000), degraded, ..owing });
        board.put(bot("b", BotState::Quarantined, Some("refused credentials")));
        let page = shown(&board, &Selection::default());
        for part in [
            "<title>1/2 online · muster</title>",
            r#"<span class="good"><span aria-hidden="true">●</span> online</span>"#,
            r#"<span class="bad"><span aria-hidden="true">✕</span> quarantined</span>"#,
            "refused credentials",
            r#"<span class="warn" title="a consumer's message has waited too long for its answer">behind</span>"#,
            r#"title="1970-01-01T00:09:30.000Z">30 s</time>"#,
            r#"<th scope="col">Token age</th>"#,
            r#"<time datetime="1970-01-01T00:09:00.000Z" title="1970-01-01T00:09:00.000Z">1 min</time>"#,
            r#"http-equiv="refresh" content="5""#,
            r#"href="/?account=12345678&amp;state=quarantined""#,
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
    }

    #[test]
    fn a_selection_narrows_the_table_and_says_so() {
        let board = Board::default();
        board.put(bot("a", BotState::Online, None));
        let selection = Selection { account: None, state: Some(BotState::Parked) };
        let page = shown(&board, &selection);
        assert!(page.contains("No bot is like that now.") && page.contains("Show all"), "{page}");
    }

    #[test]
    fn a_huge_fleet_is_cut_and_says_so() {
        let board = Board::default();
        (0..1005).for_each(|i| board.put(bot(&format!("bot-{i}"), BotState::Online, None)));
        let page = shown(&board, &Selection::default());
        assert_eq!(page.matches(r#"<tr><th scope="row">bot-"#).count(), 1000);
        assert!(page.contains("5 more are not shown"));
    }
}
