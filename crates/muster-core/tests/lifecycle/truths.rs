//! Random schedules held against a few plain truths.

use std::time::Duration;

use liveperson_proto::agent_state::AgentState;
use liveperson_proto::close_code::CloseCode;
use liveperson_proto::request::Availability;
use muster_core::bot::{Bystanders, Event, LoginFault, RefreshFault, State};
use muster_core::dialog::{Effect, Ticket};
use proptest::prelude::*;

use crate::life::{Life, identity};

/// What the world may do to a bot, chosen by a number.
fn happening(n: u32, generation: u64) -> Event {
    let words = String::new();
    match n % 22 {
        0 => Event::Resolved,
        1 => Event::ResolveFailed { words },
        2 | 3 => Event::LoggedIn(identity()),
        4 => Event::LoginFailed(LoginFault::TooMany { retry_after: None }),
        5 => Event::LoginFailed(LoginFault::Unwell { words }),
        6 => Event::Refreshed,
        7 => Event::RefreshFailed(RefreshFault::Unauthorized),
        8 => Event::RefreshFailed(RefreshFault::Unwell),
        9 | 10 => Event::SocketOpened { generation },
        11 => Event::SocketFailed { generation, unauthorized: n % 44 < 22, words },
        12..=14 => {
            let code = CloseCode([1000, 1006, 1008, 1011, 4401, 4407][(n / 22) as usize % 6]);
            Event::SocketClosed { generation, code, words }
        }
        15 => Event::Fenced { why: words },
        16 => Event::Unfenced,
        18 => Event::LookedAround([Bystanders::Nobody, Bystanders::Many][(n / 22) as usize % 2]),
        19 => Event::AgentStates { generation, states: vec![away()] },
        17 => Event::Conversations { generation, subscription: None, changes: Vec::new(), lost: 0 },
        _ => Event::Tick,
    }
}

fn away() -> AgentState {
    AgentState { agent: identity().agent, availability: Availability::Away }
}

#[derive(Default)]
struct Truth {
    socket: Option<u64>,
    errand: Option<&'static str>,
    resolving: bool,
    fenced: bool,
    looking: usize,
    asked: Vec<Ticket>,
    last_open: u64,
}

impl Truth {
    /// Whether this could happen at all: nobody answers what nobody asked.
    fn allows(&self, event: &Event) -> bool {
        match event {
            Event::Resolved | Event::ResolveFailed { .. } => self.resolving,
            Event::LoggedIn(_) | Event::LoginFailed(_) => self.errand == Some("login"),
            Event::Refreshed | Event::RefreshFailed(_) => self.errand == Some("refresh"),
            Event::LookedAround(_) => self.looking > 0,
            _ => true,
        }
    }

    fn hears(&mut self, event: &Event) {
        match event {
            Event::Resolved | Event::ResolveFailed { .. } => self.resolving = false,
            Event::LoggedIn(_) | Event::LoginFailed(_) | Event::Refreshed | Event::RefreshFailed(_) => {
                self.errand = None;
            }
            Event::SocketFailed { generation, .. } | Event::SocketClosed { generation, .. } => {
                self.socket.take_if(|open| open == generation);
            }
            Event::LookedAround(_) => self.looking -= 1,
            Event::Fenced { .. } => self.fenced = true,
            Event::Unfenced => self.fenced = false,
            _ => {}
        }
    }

    fn checks(&mut self, effects: &[Effect]) -> Result<(), String> {
        for effect in effects {
            match effect {
                Effect::Resolve if self.resolving => return Err("asks for domains twice at once".into()),
                Effect::Resolve => self.resolving = true,
                Effect::Login | Effect::Refresh if self.errand.is_some() => {
                    return Err("two errands at once".into());
                }
                Effect::Login if self.fenced => return Err("a fenced bot logs in".into()),
                Effect::Login => self.errand = Some("login"),
                Effect::LookAround => self.looking += 1,
                Effect::Refresh => self.errand = Some("refresh"),
                Effect::Open { .. } if self.socket.is_some() => return Err("two sockets of one bot".into()),
                Effect::Open { .. } if self.fenced => return Err("a fenced bot connects".into()),
                Effect::Open { generation } if *generation <= self.last_open => {
                    return Err("a used generation".into());
                }
                Effect::Open { generation } => {
                    self.socket = Some(*generation);
                    self.last_open = *generation;
                }
                Effect::CloseSocket => self.socket = None,
                Effect::Ask(ticket, _) if self.asked.contains(ticket) => return Err("a used ticket".into()),
                Effect::Ask(ticket, _) => self.asked.push(*ticket),
                _ => {}
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    /// One socket, one errand at a time, nothing while fenced, no number used twice; and whatever
    /// happened, a bot that is not fenced always has something under way or a moment to wake.
    #[test]
    fn the_connection_keeps_its_truths(script in proptest::collection::vec((0u32..10_000, 0u64..8_000), 1..150), sealed: bool) {
        let mut life = Life::new(sealed);
        let mut truth = Truth::default();
        prop_assert_eq!(truth.checks(&life.effects), Ok(()));
        for (n, millis) in script {
            let event = happening(n, truth.last_open);
            if !truth.allows(&event) {
                continue;
            }
            truth.hears(&event);
            life.now.moment = life.now.moment + Duration::from_millis(millis);
            life.now.wall += millis as i64;
            let effects = life.tell(event).to_vec();
            prop_assert_eq!(truth.checks(&effects), Ok(()));
            let under_way = truth.socket.is_some() || truth.errand.is_some() || truth.resolving || truth.looking > 0;
            let held_off = life.bot.view().state == State::Quarantined;
            prop_assert!(truth.fenced || held_off || under_way || life.bot.deadline().is_some(), "nothing will ever happen: {:?}", life.bot.view());
        }
    }
}
