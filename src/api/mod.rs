//! The admin API: the fleet over HTTP, and who may see and steer it.
//!
//! - [`configure`]: the routes; [`serve`]: the server around them; `document`: the same for programs
//! - `gate`, `caller`: how a caller is known, and what they may; `session`: how a browser logs in
//! - `guard`: what every answer carries, and who is let in at all
//! - `again`: a request under a key is carried out once
//! - `body`, `paging`: what requests bring, and how lists are shown
//! - `problem`: the one place that knows how an error looks in HTTP
//! - the rest: one file a resource

mod accounts;
mod again;
mod audit;
mod body;
mod bots;
mod caller;
mod claims;
mod conversations;
mod declared;
mod document;
mod events;
mod fleet;
mod gate;
mod guard;
mod health;
mod letters;
mod nodes;
mod operations;
mod paging;
mod problem;
mod scrape;
mod serve;
mod session;
mod stream;
mod tokens;
mod users;
mod verbs;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_access;

use std::fmt;
use std::sync::Arc;

use actix_web::dev::Handler;
use actix_web::{FromRequest, Resource, Responder, web};

use crate::actors::trace::Traces;
use crate::board::Board;
use crate::metrics::Metrics;
use crate::store::Store;

pub use body::{Body, reason};
pub use caller::{Act, Asks, Caller, Govern, Look, May, ReadText};
pub use events::Event;
pub use gate::Gate;
pub use paging::{Asked, Page};
pub use problem::Problem;
pub use serve::{guarded, serve};
pub use session::{LoggingIn, log_in};
pub use stream::{FleetEvent, Hub, HubRules};

/// What every handler may look at.
#[derive(Clone)]
pub struct ApiState {
    /// The fleet's visible state.
    pub board: Board,
    /// The metrics to scrape.
    pub metrics: Arc<Metrics>,
    /// What the fleet remembers.
    pub store: Option<Store>,
    /// Whether this process makes progress.
    pub progress: Progress,
    /// Where those who follow the events come together.
    pub events: Option<Arc<Hub>>,
    /// Where bots' frames go by.
    pub traces: Arc<Traces>,
    /// Who may ask.
    pub gate: Gate,
    /// How often somebody tried to log in.
    attempts: Arc<session::Attempts>,
}

/// Asks whether the process makes progress; else what is stuck, in words. Called on the API's own thread.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn() -> Result<(), String> + Send + Sync>);

impl Progress {
    /// By this question.
    pub fn by(ask: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    fn check(&self) -> Result<(), String> {
        (self.0)()
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.check()).finish()
    }
}

impl ApiState {
    /// What there is to look at.
    pub fn new(board: Board, metrics: Arc<Metrics>, progress: Progress) -> Self {
        let (traces, attempts) = (Arc::default(), Arc::default());
        Self { board, metrics, store: None, progress, events: None, traces, gate: Gate::default(), attempts }
    }

    /// The same with a store to read from.
    #[must_use]
    pub fn with_store(self, store: Store) -> Self {
        let events = Hub::new(store.clone(), self.metrics.clone(), HubRules::default());
        Self { store: Some(store), events: Some(events), ..self }
    }

    /// The same with bots to trace.
    #[must_use]
    pub fn with_traces(self, traces: Arc<Traces>) -> Self {
        Self { traces, ..self }
    }

    /// The same, and callers are asked who they are.
    #[must_use]
    pub fn with_gate(self, gate: Gate) -> Self {
        Self { gate, ..self }
    }

    /// What the fleet remembers.
    ///
    /// # Errors
    /// There is none.
    pub fn store(&self) -> Result<&Store, Problem> {
        self.store.as_ref().ok_or_else(Problem::store_away)
    }
}

/// The largest fleet file that is taken over HTTP.
const LARGEST_FLEET: usize = 4 << 20;

/// The routes, over `web::Data<ApiState>`.
pub fn configure(routes: &mut web::ServiceConfig) {
    routes
        .app_data(problem::of_queries())
        .app_data(problem::of_paths())
        .service(read_only("/livez", health::livez))
        .service(read_only("/readyz", health::readyz))
        .service(read_only("/metrics", scrape::metrics))
        .service(read_only("/api/problems/{name}", problem::page))
        .service(read_only("/api/v1/openapi.json", document::json))
        .service(document::viewer())
        .service(read_only("/api/v1/me", session::me))
        .service(
            web::resource("/api/v1/session")
                .route(web::post().to(session::begin))
                .route(web::delete().to(session::end))
                .default_service(web::to(async || Err::<(), _>(problem::method_not_allowed("POST, DELETE")))),
        )
        .service(read_only("/api/v1/fleet", fleet::one))
        .service(read_only("/api/v1/accounts", accounts::list))
        .service(read_only("/api/v1/accounts/{account}", accounts::one))
        .service(done("/api/v1/accounts/{account}/erase", conversations::erase))
        .service(
            web::scope("/api/v1/conversations/{account}/{pool}/{conversation}")
                .service(read_only("", claims::one))
                .service(done("/take-over", conversations::take_over))
                .service(done("/give-back", conversations::give_back))
                .service(done("/say", conversations::say))
                .service(done("/transfer", conversations::transfer))
                .service(done("/close", conversations::close))
                .default_service(web::to(problem::not_found)),
        )
        .service(read_only("/api/v1/bots", bots::list))
        .service(read_only("/api/v1/bots/{account}/{bot}/events", events::list))
        .service(read_only("/api/v1/bots/{account}/{bot}/trace", stream::trace::trace))
        .service(read_only("/api/v1/events", stream::list))
        .service(read_only("/api/v1/bots/{account}/{bot}/wishes/{id}", verbs::wish))
        .service(done("/api/v1/bots/{account}/{bot}/{verb}", verbs::carry_out))
        .service(read_only("/api/v1/bots/{account}/{bot}", bots::one))
        .service(listed("/api/v1/operations", operations::list, operations::create))
        .service(read_only("/api/v1/operations/{id}", operations::one))
        .service(read_only("/api/v1/operations/{id}/items", operations::items))
        .service(done("/api/v1/operations/{id}/cancel", operations::cancel))
        .service(read_only("/api/v1/audit", audit::list))
        .service(read_only("/api/v1/conversations", claims::list))
        .service(read_only("/api/v1/dead-letters", letters::list))
        .service(done("/api/v1/dead-letters/{id}/retry", letters::retry))
        .service(done("/api/v1/dead-letters/{id}/drop", letters::drop))
        .service(read_only("/api/v1/nodes", nodes::nodes))
        .service(read_only("/api/v1/sessions", nodes::sessions))
        .service(read_only("/api/v1/login-budgets", nodes::budgets))
        .service(read_only("/api/v1/pools", declared::pools))
        .service(read_only("/api/v1/logics", declared::logics))
        .service(
            done("/api/v1/declared/plan", declared::compare).app_data(web::PayloadConfig::new(LARGEST_FLEET)),
        )
        .service(
            web::resource("/api/v1/declared")
                .app_data(web::PayloadConfig::new(LARGEST_FLEET))
                .route(web::get().to(declared::export))
                .route(web::put().to(declared::put))
                .default_service(web::to(async || Err::<(), _>(problem::method_not_allowed("GET, PUT")))),
        )
        .service(listed("/api/v1/tokens", tokens::list, tokens::create))
        .service(
            web::resource("/api/v1/tokens/{id}")
                .route(web::delete().to(tokens::revoke))
                .default_service(web::to(async || Err::<(), _>(problem::method_not_allowed("DELETE")))),
        )
        .service(listed("/api/v1/users", users::list, users::create))
        .service(
            web::resource("/api/v1/users/{name}")
                .route(web::put().to(users::change))
                .route(web::delete().to(users::remove))
                .default_service(web::to(async || Err::<(), _>(problem::method_not_allowed("PUT, DELETE")))),
        );
}

/// A list that can be looked at and added to.
fn listed<L, LA, C, CA>(path: &str, list: L, create: C) -> Resource
where
    L: Handler<LA>,
    LA: FromRequest + 'static,
    L::Output: Responder + 'static,
    C: Handler<CA>,
    CA: FromRequest + 'static,
    C::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::get().to(list.clone()))
        .route(web::head().to(list))
        .route(web::post().to(create))
        .default_service(web::to(async || Err::<(), _>(problem::method_not_allowed("GET, HEAD, POST"))))
}

/// Something that is only done.
pub fn done<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::post().to(handler))
        .default_service(web::to(async || Err::<(), _>(problem::method_not_allowed("POST"))))
}

/// A resource that can only be looked at; any other method is a problem that says so.
pub fn read_only<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
        .default_service(web::to(async || Err::<(), _>(problem::method_not_allowed("GET, HEAD"))))
}
