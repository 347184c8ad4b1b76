//! How an error looks in HTTP: problem details (RFC 9457), from this one place.

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, ContentType};
use actix_web::{HttpResponse, ResponseError, web};
use serde::Serialize;

/// An error as a client sees it; its cause went to the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What kind of problem, a name that stays.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status.
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    /// What it means here.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl Problem {
    fn new(status: StatusCode, name: &str, title: &'static str) -> Self {
        Self { kind: format!("urn:muster:problem:{name}"), title, status, detail: None }
    }

    /// The request cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "the request cannot be understood").about(detail)
    }

    /// Nothing of that name is there.
    pub fn not_found(name: &str, title: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, name, title)
    }

    /// There is no such bot.
    pub(super) fn unknown_bot() -> Self {
        Self::not_found("unknown-bot", "there is no such bot in this account")
    }

    /// The store does not answer.
    pub(super) fn store_away() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "store-away", "the store does not answer; try again soon")
    }

    /// Something went wrong that the client cannot help.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "something went wrong here; the log says what",
        )
    }

    /// The request is addressed to another host.
    pub(super) fn foreign_host() -> Self {
        Self::new(StatusCode::FORBIDDEN, "foreign-host", "this host name is not served").about(
            "ask 127.0.0.1, [::1] or localhost; a proxy in front must set the Host header to one of them",
        )
    }

    /// Says what it means here.
    #[must_use]
    pub fn about(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.title)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.status);
        response.content_type("application/problem+json");
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            response.insert_header((ALLOW, "GET, HEAD"));
        }
        match serde_json::to_string(self) {
            Ok(body) => response.body(body),
            Err(_) => response.content_type(ContentType::plaintext()).body(self.title),
        }
    }
}

/// Queries that cannot be understood become problems too.
pub(super) fn of_queries() -> web::QueryConfig {
    web::QueryConfig::default().error_handler(|error, _| Problem::bad_request(error.to_string()).into())
}

pub(super) async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found("no-such-page", "there is nothing at this address"))
}

pub(super) async fn method_not_allowed() -> Result<HttpResponse, Problem> {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    Err(Problem::new(status, "method-not-allowed", "this can only be looked at: GET or HEAD"))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
