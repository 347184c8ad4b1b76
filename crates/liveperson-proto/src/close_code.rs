//! Why a socket closed.

use std::fmt;

/// A WebSocket close code, or 1006 when the peer vanished without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The peer vanished without a close frame.
    pub const ABNORMAL: Self = Self(1006);

    /// A frame was too big, in either direction.
    pub const TOO_BIG: Self = Self(1009);

    /// Whether the token that opened the socket is known to be dead.
    ///
    /// Source: 4401 and 4407 are documented; 1008 is an authentication failure to older clients.
    pub fn renews_token(self) -> bool {
        matches!(self.0, 1008 | 4401 | 4407)
    }

    /// Whether the token may be dead: asked by a refresh before the next login.
    ///
    /// Source: revoked tokens have been seen as plain 1006; the vendor's SDK renews on 1011.
    pub fn doubts_token(self) -> bool {
        matches!(self.0, 1006 | 1011)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_authentication_closes_renew_the_token() {
        for (code, renews, doubts) in [
            (1000, false, false),
            (1001, false, false),
            (1006, false, true),
            (1008, true, false),
            (1011, false, true),
            (4401, true, false),
            (4407, true, false),
        ] {
            assert_eq!(CloseCode(code).renews_token(), renews, "close code {code}");
            assert_eq!(CloseCode(code).doubts_token(), doubts, "close code {code}");
        }
    }
}
