//! The kinds of fault.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::particulars::{SocketEnd, Swap, Trouble};
use crate::settings::{Revocation, milliseconds};

/// Something that goes wrong.
///
/// The text of each says what it takes to survive it, where that is more than to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// A socket ends. Without a request in the aim it happens at once, to each socket that is open; with one
    /// it happens when such a request was applied, instead of its answer.
    DropSocket {
        /// How it ends.
        how: SocketEnd,
    },
    /// Nothing is read from or written to the sockets open now; TCP stays open. It lasts as long as the order.
    Stall,
    /// Bytes trickle, both ways, on the sockets open now. It lasts as long as the order.
    SlowSocket {
        /// What still gets through in a second.
        bytes_per_second: u32,
    },
    /// A request is neither applied nor answered.
    LoseRequest,
    /// A request is not applied, and is answered with this code. No client survives a 4xx but 429 on a reply
    /// without its consumer noticing: the reply is a dead letter, and the ledger counts it apart.
    Refuse {
        /// The code of the answer.
        status: u16,
    },
    /// A request is applied, and is answered as if it had failed. A client that believes a 4xx gives up a
    /// reply that was heard; one that sends it again after a 5xx, without a look, says it twice.
    RefuseAfterEffect {
        /// The code of the answer.
        status: u16,
    },
    /// A request is applied and never answered.
    LoseAnswer,
    /// An answer comes late; notifications overtake it.
    DelayAnswer {
        /// How late.
        #[serde(rename = "by_ms", with = "milliseconds")]
        by: Duration,
    },
    /// An answer comes twice.
    DoubleAnswer,
    /// A notification comes twice.
    DoubleNotification,
    /// A notification changes places with a later one; when none follows within a second, it does not.
    ReorderNotification {
        /// With which one.
        with: Swap,
    },
    /// A notification comes late, and with it all that follow; answers overtake them.
    DelayNotification {
        /// How late.
        #[serde(rename = "by_ms", with = "milliseconds")]
        by: Duration,
    },
    /// A notification never comes. A lost message shows with the next one of its dialog or at the next
    /// connect, whichever is first; a lost ring shows at the next connect or is offered again when it expired.
    /// Until then its consumer waits: an order for this one belongs together with a later drop of the socket.
    LoseNotification,
    /// A text frame that is no JSON comes before another frame.
    GarbageFrame,
    /// A notification comes first with `null` where its list of changes belongs, and then as it is. With
    /// `ms.QueryMessages` in the aim the answer's list is `null`, and nothing follows: that page is lost, and
    /// only a client that asks again learns what is on it.
    NullList,
    /// The first half of a frame comes before the frame.
    TruncatedFrame,
    /// A notification of a kind that nobody knows comes before another frame. Above the client's own limit
    /// it costs the socket each time.
    HugeFrame {
        /// Its length.
        bytes: usize,
    },
    /// A binary frame comes before another frame.
    BinaryFrame,
    /// Requests that change something travel for a moment
    /// ([`crate::PlatformSettings::in_flight_window`]), and those in flight when their socket dies are applied
    /// later, in order and without an answer. A client survives it if it waits that long before it says
    /// something again.
    ApplyLate {
        /// How long after their socket's death.
        #[serde(rename = "after_ms", with = "milliseconds")]
        after: Duration,
    },
    /// A login gets no token. A client whose credentials are refused twice may well give up.
    LoginFault {
        /// What it gets instead.
        how: Trouble,
    },
    /// A refresh keeps nothing alive.
    RefreshFault {
        /// What it gets instead.
        how: Trouble,
    },
    /// The domain API does not say where the services are.
    DomainFault {
        /// What it says instead.
        how: Trouble,
    },
    /// The domain API and the login say that a service is somewhere else.
    WrongDomain {
        /// Which service.
        service: String,
        /// Where it is said to be, in these very words.
        host: String,
    },
    /// A socket is not opened.
    UpgradeFault {
        /// What the request gets instead.
        how: Trouble,
    },
    /// A user's token is dead, at once.
    RevokeToken {
        /// What its sockets see of that.
        how: Revocation,
    },
    /// Somebody else logs in as the user, at once. A client that fights for its session is no better off
    /// than one that gives it up.
    StealSession,
    /// The platform sets a user to AWAY by itself, at once, and nothing rings there. A client that sets itself
    /// back does not fight for ever: then its consumers wait.
    SetAway,
    /// An open conversation is closed; what is owed in it can never be answered, and the ledger counts it
    /// apart. Without a request in the aim it happens at once, to a random one; with one it happens to the
    /// request's conversation, right before the request is applied.
    CloseConversation,
    /// An open conversation loses its assigned agent and waits for another; when, as above.
    TransferConversation {
        /// The skill it gets; none keeps its own.
        #[serde(default)]
        skill: Option<String>,
    },
    /// A human takes over an open conversation and gives it back when the order's time is up, or after a
    /// second; when, as above.
    HumanTakesOver {
        /// Whether the human answers what is owed. What a bot has under way is then said beside the human,
        /// and the consumer hears both.
        answers: bool,
    },
    /// The consumer of an open conversation becomes somebody else; when, as above.
    StepUp,
}

/// Above this a frame is more than any client has to take.
const LARGEST_SURVIVABLE: usize = 32 * 1024 * 1024;

impl Fault {
    /// The names of all kinds.
    pub const NAMES: &[&str] = &[
        "drop_socket",
        "stall",
        "slow_socket",
        "lose_request",
        "refuse",
        "refuse_after_effect",
        "lose_answer",
        "delay_answer",
        "double_answer",
        "double_notification",
        "reorder_notification",
        "delay_notification",
        "lose_notification",
        "garbage_frame",
        "null_list",
        "truncated_frame",
        "huge_frame",
        "binary_frame",
        "apply_late",
        "login_fault",
        "refresh_fault",
        "domain_fault",
        "wrong_domain",
        "upgrade_fault",
        "revoke_token",
        "steal_session",
        "set_away",
        "close_conversation",
        "transfer_conversation",
        "human_takes_over",
        "step_up",
    ];

    /// The name that effects are counted under; the same as on the wire of the control.
    pub fn name(&self) -> &'static str {
        match self {
            Self::DropSocket { .. } => "drop_socket",
            Self::Stall => "stall",
            Self::SlowSocket { .. } => "slow_socket",
            Self::LoseRequest => "lose_request",
            Self::Refuse { .. } => "refuse",
            Self::RefuseAfterEffect { .. } => "refuse_after_effect",
            Self::LoseAnswer => "lose_answer",
            Self::DelayAnswer { .. } => "delay_answer",
            Self::DoubleAnswer => "double_answer",
            Self::DoubleNotification => "double_notification",
            Self::ReorderNotification { .. } => "reorder_notification",
            Self::DelayNotification { .. } => "delay_notification",
            Self::LoseNotification => "lose_notification",
            Self::GarbageFrame => "garbage_frame",
            Self::NullList => "null_list",
            Self::TruncatedFrame => "truncated_frame",
            Self::HugeFrame { .. } => "huge_frame",
            Self::BinaryFrame => "binary_frame",
            Self::ApplyLate { .. } => "apply_late",
            Self::LoginFault { .. } => "login_fault",
            Self::RefreshFault { .. } => "refresh_fault",
            Self::DomainFault { .. } => "domain_fault",
            Self::WrongDomain { .. } => "wrong_domain",
            Self::UpgradeFault { .. } => "upgrade_fault",
            Self::RevokeToken { .. } => "revoke_token",
            Self::StealSession => "steal_session",
            Self::SetAway => "set_away",
            Self::CloseConversation => "close_conversation",
            Self::TransferConversation { .. } => "transfer_conversation",
            Self::HumanTakesOver { .. } => "human_takes_over",
            Self::StepUp => "step_up",
        }
    }

    /// Whether the ledger of a right client stays clean, whenever it comes.
    pub fn survivable(&self) -> bool {
        match self {
            Self::LoseNotification
            | Self::StealSession
            | Self::SetAway
            | Self::WrongDomain { .. }
            | Self::HumanTakesOver { answers: true } => false,
            Self::Refuse { status } | Self::RefuseAfterEffect { status } => !is_for_good(*status),
            Self::HugeFrame { bytes } => *bytes <= LARGEST_SURVIVABLE,
            Self::LoginFault { how: Trouble::Status { status, .. } } => !matches!(status, 401 | 403 | 451),
            Self::UpgradeFault { how: Trouble::Status { status, .. } } => !matches!(status, 403 | 451),
            _ => true,
        }
    }
}

/// Whether a request refused with this code need not be sent again.
pub(crate) fn is_for_good(status: u16) -> bool {
    (400..500).contains(&status) && status != 429
}
