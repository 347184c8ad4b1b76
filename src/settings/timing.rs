//! `[timing]`: every period and every rate.

use std::num::NonZeroU32;
use std::time::Duration;

use super::defaults;
use super::section::Section;
use super::units::duration_text;

/// Every period and every rate; the defaults stand in `defaults.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimingSettings {
    /// How long a request to the platform may take.
    pub request_timeout: Duration,
    /// How long an action of unknown outcome rests, from the doubt on, before it may be sent again.
    pub settle: Duration,
    /// How often a bot's token is refreshed.
    pub refresh_every: Duration,
    /// How often a socket is pinged.
    pub ping_every: Duration,
    /// How often the platform is asked for its clock.
    pub clock_every: Duration,
    /// How long a peer may take to answer a ping or a clock request before it counts as gone.
    pub clock_deadline: Duration,
    /// How long a socket may take to open.
    pub connect_timeout: Duration,
    /// The first wait before a new connection.
    pub reconnect_first: Duration,
    /// The longest wait before a new connection.
    pub reconnect_max: Duration,
    /// How long bot logic may think about a turn.
    pub logic_timeout: Duration,
    /// How long an account's domains are used before they are asked for again.
    pub domains_fresh: Duration,
    /// How long a stop waits for running turns and the outbox.
    pub drain: Duration,
    /// How long a connection must hold before the waits start over at `reconnect_first`.
    pub hold: Duration,
    /// Logins elsewhere are counted within this window, or a little over twice `refresh_every` if that is longer.
    pub theft_window: Duration,
    /// The login elsewhere within the window that quarantines a bot with `on_theft = "take_back_once"`.
    pub theft_limit: NonZeroU32,
    /// A bot is suspected of killing the processes that start it once so many in a row died meanwhile.
    pub start_deaths: NonZeroU32,
    /// How long an arbiter may hang before `/livez` fails.
    pub stuck_after: Duration,
    /// How long a consumer's message may wait for its answer before its bot shows as behind.
    pub behind_after: Duration,
    /// How long a commit may take before the store shows as slow.
    pub store_slow_after: Duration,
    /// Login attempts of an account a second.
    pub login_per_second: NonZeroU32,
    /// Login attempts of an account at once, after a pause.
    pub login_burst: NonZeroU32,
    /// Logins of an account under way at the same time.
    pub login_in_flight: NonZeroU32,
    /// Login attempts of the whole process a second.
    pub process_login_per_second: NonZeroU32,
}

impl TimingSettings {
    pub(super) fn read(section: Section<'_>) -> Self {
        let mut timing = Self::default();
        for (key, period) in timing.periods() {
            let set = section.field(key).and_then(|field| field.duration(&defaults::PERIOD));
            *period = set.unwrap_or(*period);
        }
        for (key, rate) in timing.rates() {
            let set = section.field(key).and_then(|field| field.number(&defaults::LOGINS));
            *rate = set.and_then(NonZeroU32::new).unwrap_or(*rate);
        }
        let set = section.field("theft_limit").and_then(|field| field.number(&defaults::THEFTS));
        timing.theft_limit = set.and_then(NonZeroU32::new).unwrap_or(timing.theft_limit);
        let set = section.field("start_deaths").and_then(|field| field.number(&defaults::DEATHS));
        timing.start_deaths = set.and_then(NonZeroU32::new).unwrap_or(timing.start_deaths);
        if section.field("settle").is_none() {
            timing.settle = timing.request_timeout;
        }
        timing.check(&section);
        section.finish();
        timing
    }

    fn periods(&mut self) -> [(&'static str, &mut Duration); 17] {
        [
            ("request_timeout", &mut self.request_timeout),
            ("settle", &mut self.settle),
            ("refresh_every", &mut self.refresh_every),
            ("ping_every", &mut self.ping_every),
            ("clock_every", &mut self.clock_every),
            ("clock_deadline", &mut self.clock_deadline),
            ("connect_timeout", &mut self.connect_timeout),
            ("reconnect_first", &mut self.reconnect_first),
            ("reconnect_max", &mut self.reconnect_max),
            ("logic_timeout", &mut self.logic_timeout),
            ("domains_fresh", &mut self.domains_fresh),
            ("drain", &mut self.drain),
            ("hold", &mut self.hold),
            ("theft_window", &mut self.theft_window),
            ("stuck_after", &mut self.stuck_after),
            ("behind_after", &mut self.behind_after),
            ("store_slow_after", &mut self.store_slow_after),
        ]
    }

    fn rates(&mut self) -> [(&'static str, &mut NonZeroU32); 4] {
        [
            ("login_per_second", &mut self.login_per_second),
            ("login_burst", &mut self.login_burst),
            ("login_in_flight", &mut self.login_in_flight),
            ("process_login_per_second", &mut self.process_login_per_second),
        ]
    }

    /// What each value alone does not show.
    fn check(&self, section: &Section<'_>) {
        if self.reconnect_first > self.reconnect_max {
            let at = ["reconnect_first", "reconnect_max"].into_iter().find_map(|key| section.field(key));
            let first = duration_text(self.reconnect_first);
            let wrong = format!("reconnect_first ({first}) is longer than reconnect_max");
            let cure = format!("write reconnect_max = \"{first}\" or more");
            at.inspect(|field| field.fault(wrong, cure));
        }
        let too_soon = self.settle < self.request_timeout;
        if let Some(field) = section.field("settle").filter(|_| too_soon) {
            let wrong = "shorter than request_timeout: a slow request may be sent twice";
            let cure = format!("write \"{}\" or more", duration_text(self.request_timeout));
            field.reading.warn(field.at, &field.path, wrong, cure);
        }
    }
}
