//! HTTP as all services need it: addresses put together safely, answers with bounds.

use std::time::Duration;

use liveperson_proto::host::is_bare_host;
use reqwest::header::{HeaderMap, RETRY_AFTER, SET_COOKIE};
use reqwest::{RequestBuilder, Url};

/// No body of the platform's HTTP services comes near this.
const BODY_LIMIT: usize = 1024 * 1024;
const COOKIE_LIMIT: usize = 8 * 1024;
/// What a service may ask us to wait at most; beyond it is a mistake.
const LONGEST_WAIT: u64 = 24 * 60 * 60;

/// What is wrong with an answer that came; it says nothing of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// Over 1 MiB.
    #[error("the answer is over {BODY_LIMIT} bytes")]
    TooLarge,
    /// Not the JSON that was expected.
    #[error("the answer is not the expected JSON (line {line}, column {column})")]
    NotJson {
        /// Where reading stopped.
        line: usize,
        /// Where reading stopped.
        column: usize,
    },
    /// The token is missing.
    #[error("the answer holds no token")]
    NoToken,
}

impl From<serde_json::Error> for AnswerFault {
    // The error's own text may quote what it read.
    fn from(error: serde_json::Error) -> Self {
        Self::NotJson { line: error.line(), column: error.column() }
    }
}

/// An answer, whatever its status; only a success has a body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) cookies: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) enum HttpFault {
    NoAnswer(reqwest::Error),
    TooLarge,
}

impl From<reqwest::Error> for HttpFault {
    fn from(error: reqwest::Error) -> Self {
        Self::NoAnswer(error.without_url())
    }
}

/// Sends a request; the client's time limit covers the body too.
pub(crate) async fn ask(request: RequestBuilder) -> Result<Answer, HttpFault> {
    let mut response = request.send().await?;
    let mut answer = Answer {
        status: response.status().as_u16(),
        retry_after: retry_after(response.headers()),
        cookies: cookies(response.headers()),
        body: Vec::new(),
    };
    if !response.status().is_success() {
        return Ok(answer);
    }
    while let Some(chunk) = response.chunk().await? {
        if answer.body.len() + chunk.len() > BODY_LIMIT {
            return Err(HttpFault::TooLarge);
        }
        answer.body.extend_from_slice(&chunk);
    }
    Ok(answer)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(LONGEST_WAIT)))
}

/// The cookies as they are replayed: `a=1; b=2`.
fn cookies(headers: &HeaderMap) -> String {
    let mut jar = String::new();
    for cookie in headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
        let pair = cookie.split(';').next().unwrap_or_default().trim();
        let is_set = pair.split_once('=').is_some_and(|(name, value)| !name.is_empty() && !value.is_empty());
        if !is_set || jar.len() + pair.len() > COOKIE_LIMIT {
            continue;
        }
        if !jar.is_empty() {
            jar.push_str("; ");
        }
        jar.push_str(pair);
    }
    jar
}

/// Puts an address together; segments are escaped, so none can leave its place in the path.
pub(crate) fn address(scheme: &str, host: &str, path: &[&str], query: &str) -> Option<Url> {
    if !is_bare_host(host) {
        return None;
    }
    let mut url = Url::parse(&format!("{scheme}://{host}/")).ok()?;
    url.path_segments_mut().ok()?.pop_if_empty().extend(path);
    url.set_query(Some(query).filter(|query| !query.is_empty()));
    // `.` and `..` are dropped by the escaping: such an address would be another one.
    (url.path_segments()?.count() == path.len()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_cannot_leave_their_place() {
        let url = |account: &str| address("https", "h:1", &["api", account, "login"], "v=1.3");
        assert_eq!(url("12").unwrap().as_str(), "https://h:1/api/12/login?v=1.3");
        assert_eq!(url("a/b?c#d").unwrap().as_str(), "https://h:1/api/a%2Fb%3Fc%23d/login?v=1.3");
        for account in [".", ".."] {
            assert!(url(account).is_none(), "{account}");
        }
        assert!(address("https", "h/path", &["api"], "").is_none());
    }

    #[test]
    fn cookies_are_replayed_without_their_attributes() {
        let mut headers = HeaderMap::new();
        for value in ["Session_id=x y; Path=/; Secure", "gone=; Max-Age=0", "lb=2", "nonsense"] {
            headers.append(SET_COOKIE, value.parse().unwrap());
        }
        assert_eq!(cookies(&headers), "Session_id=x y; lb=2");
    }

    #[test]
    fn only_seconds_are_waited_and_not_for_ever() {
        for (text, seconds) in [
            ("7", Some(7)),
            ("0", Some(0)),
            ("99999999999", Some(LONGEST_WAIT)),
            ("-1", None),
            ("Wed, 21 Oct 2015 07:28:00 GMT", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn a_fault_does_not_quote_what_was_read() {
        let error = serde_json::from_str::<u8>("\"planted\"").unwrap_err();
        assert!(error.to_string().contains("planted"));
        assert!(!format!("{:?}", AnswerFault::from(error)).contains("planted"));
    }
}
