//! A client of the LivePerson messaging platform, usable alone.
//!
//! - [`ClientSettings`]: where the platform is, how it is reached, and how long anything may take
//! - [`Client`]: one for all bots; the methods below belong to it
//! - [`Client::domains`]: where the services of an account live
//! - [`Credentials`]: what a bot logs in with
//! - [`Client::login`], [`Client::refresh`], [`Client::logout`]: a [`Session`] and its life
//! - [`Client::open_socket`]: a [`BrandSocket`], on which a bot asks and hears
//! - [`Client::sign_up`], [`Client::open_consumer_socket`]: the other side: a [`ConsumerIdentity`] and its
//!   [`ConsumerSocket`]
//!
//! Nothing here retries, waits or decides: each call reports what came of it.
//! No error, no `Debug` and no log of this crate holds a secret or an address of the platform:
//! the bearer stands in the socket's path.

mod settings;

mod client;
mod connect;
mod http;
mod proxy;
mod tls;

mod domains;

mod credentials;
mod login;
mod refresh;
mod service;
mod session;

mod open;
mod socket;

mod consumer;

pub use client::Client;
pub use consumer::{ConsumerIdentity, IdentityError, IdentityUnsealError};
pub use credentials::Credentials;
pub use domains::DomainError;
pub use http::AnswerFault;
pub use login::LoginError;
pub use open::OpenError;
pub use proxy::{Proxy, ProxyFault};
pub use refresh::RefreshError;
pub use service::ServiceFault;
pub use session::{Session, UnsealError};
pub use settings::{ClientSettings, ClientSettingsError, DomainOverride};
pub use socket::{Asks, BrandSocket, ConsumerSocket, Direction, Heard, Outcome, SendError, Socket, Tap};
pub use tls::config as tls_config;

pub use liveperson_proto as proto;
pub use liveperson_proto::login::Domains;
