//! Every default and every limit of the fleet file, in one place.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use muster_core::turn::OnFailure;

use super::logics::Failing;
use super::platform::PlatformSettings;
use super::server::ServerSettings;
use super::store::{StoreSettings, StoreUrlText};
use super::timing::TimingSettings;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

/// A fleet file larger than this is refused: ten thousand bots take about 2 MiB.
pub(super) const FLEET_FILE_LIMIT: u64 = 16 << 20;
/// The longest name of a bot, a pool or an account.
pub(super) const NAME_LENGTH: usize = 64;
/// The longest user name.
pub(super) const USERNAME_LENGTH: usize = 256;

/// How short a period may be: tests run on milliseconds, and nought would spin.
pub(super) const PERIOD: RangeInclusive<Duration> = MILLISECOND..=HOUR;
/// How long a node's right may last unrenewed: renewals must fit in, and a fail-over must not take all day.
pub(super) const NODE_LEASE: RangeInclusive<Duration> = Duration::from_millis(500)..=Duration::from_mins(10);
/// How long a released claim is kept: no shorter than a conversation may take to come back, no longer than ten years.
pub(super) const KEEP_RELEASED: RangeInclusive<Duration> = HOUR..=Duration::from_hours(24 * 3650);
/// Logins a second, at once and in flight.
pub(super) const LOGINS: RangeInclusive<u32> = 1..=1000;
/// Logins elsewhere until a bot is held off; with the highest it never is.
pub(super) const THEFTS: RangeInclusive<u32> = 2..=1000;
/// Processes that die while a bot starts until it is a suspect; with the highest it never is.
pub(super) const DEATHS: RangeInclusive<u32> = 1..=1000;
/// Conversations of one bot.
pub(super) const CAPACITY: RangeInclusive<u32> = 1..=10_000;
/// How often logic is asked for one turn, in all.
pub(super) const TRIES: RangeInclusive<u32> = 1..=10;
/// Turns that a webhook is asked for at one time.
pub(super) const IN_FLIGHT: RangeInclusive<u32> = 1..=10_000;
/// As many as that unless declared: more at once would rather hurt a small server than help it.
pub(super) const WEBHOOK_IN_FLIGHT: u32 = 256;
/// The largest frame: below 64 KiB ordinary notifications would not fit.
pub(super) const FRAME: RangeInclusive<u64> = 64 << 10..=256 << 20;

impl Default for ServerSettings {
    fn default() -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 9300));
        Self { listen, authentication: true, bootstrap_token: None, tls: None }
    }
}

impl Default for StoreSettings {
    /// SQLite in the working directory, which suits one machine.
    fn default() -> Self {
        Self {
            url: StoreUrlText::trusted("sqlite:muster.db"),
            key: None,
            key_source: None,
            node_lease: 15 * SECOND,
            keep_released: 30 * 24 * HOUR,
        }
    }
}

impl Default for PlatformSettings {
    fn default() -> Self {
        Self {
            csds_domain: "api.liveperson.net".into(),
            domains: Vec::new(),
            socket_service: None,
            subscribe_messages: false,
            proxy: None,
            ca_file: None,
            plain: false,
            frame_limit: 32 << 20,
        }
    }
}

impl Default for Failing {
    /// Three tries, then silence.
    fn default() -> Self {
        Self { tries: 3, then: OnFailure::default() }
    }
}

impl Default for TimingSettings {
    fn default() -> Self {
        Self {
            request_timeout: 10 * SECOND,
            settle: 10 * SECOND, // the same as `request_timeout`, also when that one is set
            refresh_every: 300 * SECOND,
            ping_every: 60 * SECOND,
            clock_every: 30 * SECOND,
            clock_deadline: 10 * SECOND,
            connect_timeout: 10 * SECOND,
            reconnect_first: SECOND,
            reconnect_max: 120 * SECOND,
            logic_timeout: 10 * SECOND,
            domains_fresh: 60 * SECOND,
            stuck_after: 30 * SECOND,
            drain: 20 * SECOND,
            hold: 30 * SECOND,
            theft_window: 600 * SECOND,
            theft_limit: NonZeroU32::MIN.saturating_add(1),
            start_deaths: NonZeroU32::MIN.saturating_add(2),
            behind_after: 60 * SECOND,
            store_slow_after: 2 * SECOND,
            login_per_second: NonZeroU32::MIN.saturating_add(4),
            login_burst: NonZeroU32::MIN.saturating_add(4),
            login_in_flight: NonZeroU32::MIN.saturating_add(1),
            process_login_per_second: NonZeroU32::MIN.saturating_add(19),
        }
    }
}
