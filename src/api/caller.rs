//! Who asks, and what they may.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use liveperson_proto::AccountId;
use muster_core::rights::{Grant, Right, Role};

use super::Problem;
use crate::store;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name that the audit shows.
    pub who: String,
    /// What they may do, and where.
    pub grant: Grant,
    /// From where, for the audit.
    pub origin: String,
    /// What a page has to send with what it writes, where a browser's session asks.
    pub csrf: Option<String>,
}

impl Caller {
    /// Whoever is on this machine, where nobody is asked who they are.
    pub(super) fn local(origin: String) -> Self {
        Self { who: "local".to_owned(), grant: Grant::everywhere(Role::Admin), origin, csrf: None }
    }

    /// Who it is.
    pub fn who(&self) -> &str {
        &self.who
    }

    /// Whether they may.
    ///
    /// # Errors
    /// A problem that says which role it takes.
    pub fn may(&self, right: Right) -> Result<(), Problem> {
        if self.grant.role.may(right) { Ok(()) } else { Err(Problem::forbidden(self.grant.role, right)) }
    }

    /// Whether an account is within their reach.
    pub fn sees(&self, account: &AccountId) -> bool {
        self.grant.sees(account)
    }

    /// The accounts that they reach; `None` for all.
    pub fn only(&self) -> Option<Vec<AccountId>> {
        self.grant.accounts.as_ref().map(|accounts| accounts.iter().cloned().collect())
    }

    /// What belongs to no account is not for those who are limited to some.
    ///
    /// # Errors
    /// A problem that says so.
    pub fn reaches_all(&self) -> Result<(), Problem> {
        if self.grant.accounts.is_none() { Ok(()) } else { Err(Problem::limited()) }
    }

    /// What they do now to a bot (account and name, each empty for all), for the audit.
    pub fn act(&self, bot: (&str, &str), what: &str, reason: &str) -> store::Act {
        store::Act::new(bot, &self.who, what, reason).from(&self.origin)
    }
}

/// A right as a type, so that a handler's arguments say what it asks for.
pub trait Asks: 'static {
    /// The right.
    const RIGHT: Right;
}

macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident),+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}
        impl Asks for $name {
            const RIGHT: Right = Right::$name;
        }
    )+};
}

rights! {
    /// [`Right::Look`].
    Look,
    /// [`Right::ReadText`].
    ReadText,
    /// [`Right::Act`].
    Act,
    /// [`Right::Govern`].
    Govern
}

/// A caller who has the right.
#[derive(Debug)]
pub struct May<R>(pub(super) Caller, PhantomData<R>);

impl<R> Deref for May<R> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl<R: Asks> FromRequest for May<R> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned().ok_or_else(Problem::unauthorized);
        ready(caller.and_then(|caller| caller.may(R::RIGHT).map(|()| Self(caller, PhantomData))))
    }
}
