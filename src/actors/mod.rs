//! The actors: one a file, its messages beside their handlers.
//!
//! - [`house`]: what every actor is lent: clocks, store, client, board, metrics
//! - [`fleet`]: starts accounts and the recorder, keeps the ownership alive
//! - [`account`]: supervises its bots
//! - [`front_door`]: an account's domains, shared by its bots; [`login_gate`]: which of them logs in next
//! - [`bot`]: carries out what `muster-core` decides for one bot
//! - [`socket`]: one connection
//! - [`recorder`]: writes turns into the store, in groups
//! - [`tray`]: what is handed to the recorder and not taken up
//! - [`timeline`]: what happened to each bot, on its way into the store
//! - [`watchdog`]: how late each arbiter is
//! - [`guard`]: how a parent hears that a child panicked
//! - [`blast`]: panics on demand, for tests in debug builds

pub mod house;

pub mod fleet;

pub mod account;

pub mod bot;
pub mod front_door;
pub mod login_gate;

pub mod socket;

pub mod recorder;
pub mod timeline;
pub mod trace;
pub mod tray;

pub mod watchdog;

pub mod blast;
pub mod guard;

/// Gives a rare command, past the mailbox's bound: whoever is told to stop, to hold still or to
/// record again must hear it, however much waits before it.
pub(crate) fn command<A, M>(actor: &actix::Addr<A>, message: M)
where
    A: actix::Actor + actix::Handler<M>,
    A::Context: actix::dev::ToEnvelope<A, M>,
    M: actix::Message<Result = ()> + Send + 'static,
{
    #[expect(
        clippy::disallowed_methods,
        reason = "rare, and must not be lost; all other traffic uses try_send"
    )]
    actor.do_send(message);
}
