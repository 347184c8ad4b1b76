//! What people do to a fleet, for whoever asks on their behalf: the command line, the API.
//!
//! Each act is written into the audit before it is done, and reaches the fleet through its store.
//!
//! - [`talk`]: one conversation: taken over, given back, spoken in, transferred, closed, erased

pub mod talk;
