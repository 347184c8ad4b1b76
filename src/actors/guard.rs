//! How a parent hears that a child is gone.
//!
//! actix drops an actor that panicked and closes its mailbox for good; its own supervisor goes
//! down with it. A guard that is a field of the actor is dropped in either case, and tells.

use muster_core::supervision::Exit;

type Tell = Box<dyn FnOnce(Exit) + Send>;

/// Tells once why its owner went away, unless it was told to go.
pub struct Guard {
    tell: Option<Tell>,
    part: &'static str,
    exit: Option<Exit>,
}

impl Guard {
    /// Watches over `part`; `tell` must not block and must not panic.
    pub fn new(part: &'static str, tell: impl FnOnce(Exit) + Send + 'static) -> Self {
        Self { tell: Some(Box::new(tell)), part, exit: None }
    }

    /// The owner leaves as it was told to: nobody needs to hear.
    pub fn disarm(&mut self) {
        self.tell = None;
    }

    /// The owner leaves for this reason; to be followed by its stop.
    pub fn leave(&mut self, exit: Exit) {
        self.exit = Some(exit);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(tell) = self.tell.take() else { return };
        let exit = match self.exit.take() {
            Some(exit) => exit,
            None if std::thread::panicking() => Exit::Panicked { part: self.part.to_owned() },
            None => Exit::Orphaned,
        };
        tell(exit);
    }
}
