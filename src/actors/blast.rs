//! Panics on demand: how tests prove that supervision holds. Release builds ignore it.

use actix::{Actor, AsyncContext, Context, Message};

/// Where the panic happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blast {
    /// In a message handler.
    Handler,
    /// In a timer.
    Timer,
    /// In a future that the actor spawned.
    Future,
}

impl Message for Blast {
    type Result = ();
}

impl Blast {
    /// Panics in this place of an actor.
    pub fn go_off<A: Actor<Context = Context<A>>>(self, ctx: &mut Context<A>) {
        if !cfg!(debug_assertions) {
            return;
        }
        match self {
            Self::Handler => panic!("a blast in a handler"),
            Self::Timer => {
                ctx.run_later(std::time::Duration::ZERO, |_, _| panic!("a blast in a timer"));
            }
            Self::Future => {
                ctx.spawn(actix::fut::wrap_future(async { panic!("a blast in a future") }));
            }
        }
    }
}

/// Gives an actor the handler.
macro_rules! blastable {
    ($actor:ty) => {
        impl actix::Handler<$crate::actors::blast::Blast> for $actor {
            type Result = ();

            fn handle(&mut self, blast: $crate::actors::blast::Blast, ctx: &mut Self::Context) {
                blast.go_off(ctx);
            }
        }
    };
}
pub(crate) use blastable;
