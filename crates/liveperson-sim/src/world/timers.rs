//! What happens later: one queue for the whole world.

use std::collections::BTreeMap;
use std::time::Instant;

use liveperson_proto::{AccountId, AgentId, ConsumerId, ConversationId, RingId};

use tokio_tungstenite::tungstenite::Message;

use super::World;
use super::requests::{Caller, Request};
use super::sockets::{Fate, SocketId};

/// Something that happens at its time.
pub(super) enum Timer {
    RingExpires { conversation: ConversationId, ring: RingId },
    OfferAgain { conversation: ConversationId },
    TokenMayExpire { bearer: String },
    CloseSocketsOfToken { bearer: String, code: u16 },
    InFlightArrives { socket: SocketId },
    ApplyLate { caller: Caller, requests: Vec<Request> },
    ConsumerSpeaks { consumer: ConsumerId },
    HumanActs { agent: AgentId },
    IntroductionIsDue { socket: SocketId },
    IdentityExpires { socket: SocketId },
    SurveyGoesOn { conversation: ConversationId },
    OrderIsOver { id: u64 },
    FrameIsDue { socket: SocketId, frame: Message },
    SwapIsOff { socket: SocketId, number: u64 },
    HalfOpenIsForgotten { socket: SocketId },
    HumanGivesBack { account: AccountId, human: AgentId, conversation: ConversationId },
}

/// Timers by time; those of one moment go off in the order they were set.
#[derive(Default)]
pub(super) struct Timers {
    queue: BTreeMap<(Instant, u64), Timer>,
    set: u64,
}

impl Timers {
    pub(super) fn add(&mut self, at: Instant, timer: Timer) {
        self.set += 1;
        self.queue.insert((at, self.set), timer);
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let entry = self.queue.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }
}

impl World {
    pub(super) fn run_timers(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            self.run_timer(timer);
            self.hand_out();
        }
    }

    fn run_timer(&mut self, timer: Timer) {
        match timer {
            Timer::RingExpires { conversation, ring } => self.ring_expires(&conversation, &ring),
            Timer::OfferAgain { conversation } => self.offer_again(&conversation),
            Timer::TokenMayExpire { bearer } => self.token_may_expire(bearer),
            Timer::CloseSocketsOfToken { bearer, code } => {
                self.end_sockets_of_token(&bearer, Fate::with_code(code));
            }
            Timer::InFlightArrives { socket } => self.in_flight_arrives(socket),
            Timer::ApplyLate { caller, requests } => self.apply_batch(&caller, requests),
            Timer::ConsumerSpeaks { consumer } => self.consumer_speaks(&consumer),
            Timer::HumanActs { agent } => self.human_acts(&agent),
            Timer::IntroductionIsDue { socket } => self.introduction_is_due(socket),
            Timer::IdentityExpires { socket } => self.identity_expires(socket),
            Timer::SurveyGoesOn { conversation } => self.survey_goes_on(&conversation),
            Timer::OrderIsOver { id } => self.withdraw(id),
            Timer::FrameIsDue { socket, frame } => self.frame_is_due(socket, frame),
            Timer::SwapIsOff { socket, number } => self.swap_is_off(socket, number),
            Timer::HalfOpenIsForgotten { socket } => self.half_open_is_forgotten(socket),
            Timer::HumanGivesBack { account, human, conversation } => {
                self.human_gives_back_in_time(&account, &human, &conversation);
            }
        }
    }
}
