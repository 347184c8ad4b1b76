//! What keeps the delivery promise, part by part. In debug builds a test can switch one off, by its name in
//! `MUSTER_SABOTAGE`, and prove that it would be missed. Release builds have no such switch.

use std::sync::OnceLock;

/// One part of what keeps the promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// An action in doubt is looked for before it is sent again.
    Reconciliation,
    /// After each connect the history is read from the cursor.
    CatchUp,
    /// What was handled is not handled again: by the bot, and by the store's condition on the cursor.
    Dedupe,
    /// Nothing is written to a socket once the ownership may have ended.
    Fence,
    /// What the store knows of who handles a conversation, with what is unsent in it.
    Claims,
}

impl Protection {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Reconciliation, Self::CatchUp, Self::Dedupe, Self::Fence, Self::Claims];

    /// Its name in `MUSTER_SABOTAGE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reconciliation => "reconcile",
            Self::CatchUp => "catch-up",
            Self::Dedupe => "dedupe",
            Self::Fence => "fence",
            Self::Claims => "claims",
        }
    }

    /// Whether it is in place, as in a release build it always is.
    pub fn is_on(self) -> bool {
        static OFF: OnceLock<String> = OnceLock::new();
        if !cfg!(debug_assertions) {
            return true;
        }
        let off = OFF.get_or_init(|| std::env::var("MUSTER_SABOTAGE").unwrap_or_default());
        !off.split(',').any(|name| name == self.name())
    }
}
