//! The consumer's side: an identity, and the socket that it opens.

mod identity;
mod open;

pub use identity::{ConsumerIdentity, IdentityError, IdentityUnsealError};
