//! How an error looks in HTTP: problem details (RFC 9457), from this one place. Each kind has a page of its
//! own, at the address that is its type.

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, ContentType, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError, web};
use muster_core::rights::{Right, Role};
use serde::Serialize;
use tracing::warn;
use utoipa::ToSchema;

use crate::store::StoreError;
use crate::telemetry::Chain;

/// A kind of problem; its name stays.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// What programs know it by.
    pub(super) name: &'static str,
    /// The HTTP status.
    pub(super) status: u16,
    /// The kind in words.
    pub(super) title: &'static str,
    /// What to do about it.
    pub(super) cure: &'static str,
}

macro_rules! kinds {
    ($($constant:ident = $name:literal, $status:literal, $title:literal, $cure:literal;)+) => {
        $(const $constant: &Kind = &Kind { name: $name, status: $status, title: $title, cure: $cure };)+
        /// Every kind, by status.
        pub(super) const KINDS: &[&Kind] = &[$($constant),+];
    };
}

kinds! {
    BAD_REQUEST = "bad-request", 400, "the request cannot be understood",
        "The detail says which part. `/api/v1/openapi.json` has every parameter and every body.";
    UNAUTHORIZED = "unauthorized", 401, "say who you are",
        "Send a token: `Authorization: Bearer mst_…`. The first start of a fleet prints one; an admin makes more with `muster tokens create`. A browser logs in at `/login`.";
    UNKNOWN_CREDENTIAL = "unknown-credential", 401, "this token or session is not known, or no longer",
        "It may be mistyped, revoked or past its time. `muster tokens list` shows what there is; a browser logs in again.";
    WRONG_PASSWORD = "wrong-password", 401, "no user has this name and password",
        "Try again; an admin can set another password with `muster users set`.";
    FORBIDDEN = "forbidden", 403, "your role may not do this",
        "The detail says which role it takes. An admin can give it to you.";
    LIMITED = "limited", 403, "this concerns accounts that you do not reach",
        "You are limited to some accounts; ask for something of those alone, or somebody who is not limited.";
    FOREIGN_HOST = "foreign-host", 403, "this host name is not served",
        "Without authentication muster answers to 127.0.0.1, [::1] and localhost only; a proxy in front must set the Host header to one of them.";
    FOREIGN_PAGE = "foreign-page", 403, "a page of another site may not write here",
        "A browser's session sends the csrf text of `/api/v1/me` as `x-muster-csrf` with everything that it writes.";
    NOT_FOUND = "no-such-page", 404, "there is nothing at this address",
        "`/api/v1/openapi.json` lists every address.";
    UNKNOWN = "unknown", 404, "there is no such thing",
        "It may be gone, mistyped, or of an account that you do not reach. The list one level up shows what there is.";
    METHOD = "method-not-allowed", 405, "this address does not take that method",
        "The header `Allow` says which it takes.";
    CONFLICT = "conflict", 409, "this cannot be done as things stand",
        "The detail says what is in the way.";
    STALE = "stale", 412, "this was changed since you looked",
        "Read it again, look at what is new, and send its ETag as `If-Match`.";
    TOO_LARGE = "too-large", 413, "the body is too large",
        "A body has at most 64 KiB, and a declared fleet at most 4 MiB.";
    MEDIA_TYPE = "media-type", 415, "the body must be JSON",
        "Send `content-type: application/json`.";
    INVALID = "invalid", 422, "the request is understood, and cannot be so",
        "`errors` names each part by a JSON pointer, and says what is wrong with it.";
    NO_ETAG = "no-etag", 428, "say which state you looked at",
        "Send the ETag of what you read as `If-Match`, so that nobody's change is lost.";
    TOO_MANY = "too-many-requests", 429, "too many attempts",
        "Wait as long as `Retry-After` says.";
    INTERNAL = "internal", 500, "something went wrong here",
        "The log says what, under this answer's `x-request-id`.";
    STORE_AWAY = "store-away", 503, "the store does not answer",
        "Try again soon; `/readyz?verbose` tells when it is back.";
    BUSY = "busy", 503, "as many are served as can be",
        "Wait as long as `Retry-After` says.";
}

/// Part of a request that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Fault {
    /// Where it stands in the body, as a JSON pointer (RFC 6901); empty for the whole.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

/// An error as a client sees it; its cause went to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    kind: &'static Kind,
    detail: Option<String>,
    errors: Vec<Fault>,
    allow: Option<&'static str>,
    retry_after: Option<u64>,
}

/// A problem as JSON.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody<'a> {
    /// The address of a page about this kind of problem; it stays.
    #[serde(rename = "type")]
    #[schema(example = "/api/problems/unknown")]
    kind: String,
    /// The kind in words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What it means here.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    /// Each part of the request that is wrong.
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    #[schema(required = false)]
    errors: &'a [Fault],
}

impl Problem {
    const fn new(kind: &'static Kind) -> Self {
        Self { kind, detail: None, errors: Vec::new(), allow: None, retry_after: None }
    }

    /// The request cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(BAD_REQUEST).about(detail)
    }

    /// Parts of the body are wrong: where, as a JSON pointer, and what.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let (pointer, detail) = (pointer.into(), detail.into());
        Self { errors: vec![Fault { pointer, detail: detail.clone() }], ..Self::new(INVALID).about(detail) }
    }

    /// Nothing of that name is there, or not for this caller.
    pub fn unknown(what: impl Into<String>) -> Self {
        Self::new(UNKNOWN).about(what)
    }

    /// There is no such bot.
    pub fn unknown_bot() -> Self {
        Self::unknown("there is no such bot in this account")
    }

    /// It cannot be done as things stand.
    pub fn conflict(why: impl Into<String>) -> Self {
        Self::new(CONFLICT).about(why)
    }

    /// Somebody else was faster.
    pub fn stale() -> Self {
        Self::new(STALE)
    }

    /// Nobody said which state they looked at.
    pub fn no_etag() -> Self {
        Self::new(NO_ETAG)
    }

    /// The store does not answer.
    pub fn store_away() -> Self {
        Self { retry_after: Some(2), ..Self::new(STORE_AWAY) }
    }

    /// What a store says, for a client; the log has it whole.
    pub fn of_store(error: &StoreError) -> Self {
        warn!(error = %Chain(error), "the store failed a request");
        match error {
            StoreError::Unavailable { .. } => Self::store_away(),
            StoreError::Rule(words) => Self::conflict(words),
            _ => Self::internal(),
        }
    }

    /// As many are served as can be.
    pub fn busy(detail: impl Into<String>) -> Self {
        Self { retry_after: Some(5), ..Self::new(BUSY).about(detail) }
    }

    /// Something went wrong that the client cannot help.
    pub fn internal() -> Self {
        Self::new(INTERNAL)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(UNAUTHORIZED)
    }

    pub(super) fn unknown_credential() -> Self {
        Self::new(UNKNOWN_CREDENTIAL)
    }

    pub(super) fn wrong_password() -> Self {
        Self::new(WRONG_PASSWORD)
    }

    pub(super) fn too_many(retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(TOO_MANY) }
    }

    pub(super) fn forbidden(role: Role, right: Right) -> Self {
        Self::new(FORBIDDEN).about(format!("it takes the role {}, and yours is {role}", right.least()))
    }

    pub(super) fn limited() -> Self {
        Self::new(LIMITED)
    }

    pub(super) fn foreign_host() -> Self {
        Self::new(FOREIGN_HOST)
    }

    pub(super) fn foreign_page() -> Self {
        Self::new(FOREIGN_PAGE)
    }

    pub(super) fn too_large() -> Self {
        Self::new(TOO_LARGE)
    }

    pub(super) fn media_type() -> Self {
        Self::new(MEDIA_TYPE)
    }

    /// Says what it means here.
    #[must_use]
    pub fn about(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    fn address(&self) -> String {
        format!("/api/problems/{}", self.kind.name)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.status, self.kind.title)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.status_code());
        response.content_type("application/problem+json");
        if let Some(allow) = self.allow {
            response.insert_header((ALLOW, allow));
        }
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if self.kind.status == 401 {
            response.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"muster\""));
        }
        let body = ProblemBody {
            kind: self.address(),
            title: self.kind.title,
            status: self.kind.status,
            detail: self.detail.as_deref(),
            errors: &self.errors,
        };
        match serde_json::to_string(&body) {
            Ok(body) => response.body(body),
            Err(_) => response.content_type(ContentType::plaintext()).body(self.kind.title),
        }
    }
}

/// Queries that cannot be understood become problems too.
pub(super) fn of_queries() -> web::QueryConfig {
    web::QueryConfig::default().error_handler(|error, _| Problem::bad_request(error.to_string()).into())
}

/// What stands in a path and cannot be what is asked for is not there.
pub(super) fn of_paths() -> web::PathConfig {
    web::PathConfig::default().error_handler(|error, _| Problem::unknown(error.to_string()).into())
}

pub(super) async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Problem::new(NOT_FOUND))
}

/// The answer to a method that an address does not take.
pub(super) fn method_not_allowed(allow: &'static str) -> Problem {
    Problem { allow: Some(allow), ..Problem::new(METHOD) }
}

/// The page about a kind of problem.
pub(super) async fn page(name: web::Path<String>) -> Result<HttpResponse, Problem> {
    let kind = KINDS.iter().find(|kind| kind.name == name.as_str()).ok_or(Problem::new(NOT_FOUND))?;
    let Kind { name, status, title, cure } = kind;
    Ok(HttpResponse::Ok()
        .content_type(ContentType::plaintext())
        .body(format!("{name} ({status}): {title}\n\n{cure}\n")))
}
