//! Why a socket is at its end, in a code and a few words.

use liveperson_proto::close_code::CloseCode;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// A peer's reason is cut to this many characters.
const REASON_LIMIT: usize = 128;

/// Why a socket is at its end.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) code: CloseCode,
    pub(super) reason: String,
}

impl Ending {
    fn new(code: u16, reason: impl Into<String>) -> Self {
        Self { code: CloseCode(code), reason: reason.into() }
    }

    /// The peer showed no sign of life in time.
    pub(super) fn silent() -> Self {
        Self::new(1006, "no sign of life")
    }

    /// The peer took nothing in for too long.
    pub(super) fn stalled() -> Self {
        Self::new(1006, "the peer does not read")
    }

    /// The peer said goodbye; a goodbye without a code is 1005.
    pub(super) fn said(frame: Option<CloseFrame>) -> Self {
        match frame {
            Some(frame) => {
                Self::new(frame.code.into(), frame.reason.chars().take(REASON_LIMIT).collect::<String>())
            }
            None => Self::new(1005, ""),
        }
    }

    /// The connection broke; `None` is a stream that ended without a word.
    pub(super) fn broken(error: Option<&WsError>) -> Self {
        match error {
            Some(WsError::Capacity(CapacityError::MessageTooLong { size, max_size })) => {
                Self::new(1009, format!("a frame of {size} bytes is over the limit of {max_size}"))
            }
            Some(WsError::Utf8(_)) => Self::new(1007, "a text that is not UTF-8"),
            Some(WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake)) | None => {
                Self::new(1006, "the connection ended without a close frame")
            }
            Some(WsError::Io(error)) => Self::new(1006, format!("the connection broke: {}", error.kind())),
            Some(WsError::Protocol(fault)) => Self::new(1002, fault.to_string()),
            Some(_) => Self::new(1006, "the connection broke"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A frame has room for 123 bytes; the codec in between need not hold a peer to that.
    #[test]
    fn a_peers_reason_is_cut_to_128_characters() {
        for (said, kept) in [(128, 128), (129, 128), (100_000, 128)] {
            let frame = CloseFrame { code: 1011.into(), reason: "x".repeat(said).into() };
            assert_eq!(Ending::said(Some(frame)).reason, "x".repeat(kept));
        }
    }
}
