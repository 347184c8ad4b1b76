//! Status, type and size of what a webhook sent back, before a byte of it is believed.

use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Response, Url};

use super::fault::Fault;
use crate::settings::shown_url;

/// Bytes at most of an answer; the rest is not read.
pub(super) const LIMIT: usize = 256 * 1024;

/// The body of a proper answer.
pub(super) async fn read(asked: &Url, mut response: Response) -> Result<Vec<u8>, Fault> {
    let status = response.status();
    if status.is_redirection() {
        return Err(Fault::Redirect { status: status.as_u16(), to: target(asked, &response) });
    }
    if status.as_u16() != 200 {
        return Err(Fault::Status { status: status.as_u16() });
    }
    check_type(&response)?;
    if let Some(bytes) = response.content_length().filter(|bytes| *bytes > LIMIT as u64) {
        return Err(Fault::TooLarge { bytes, exact: true });
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| Fault::BrokeOff)? {
        if body.len() + chunk.len() > LIMIT {
            return Err(Fault::TooLarge { bytes: LIMIT as u64, exact: false });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn target(asked: &Url, response: &Response) -> String {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let target = location.and_then(|location| asked.join(location).ok());
    target.map_or_else(|| "elsewhere".to_owned(), |url| shown_url(&url).chars().take(200).collect())
}

fn check_type(response: &Response) -> Result<(), Fault> {
    let Some(found) = response.headers().get(CONTENT_TYPE) else {
        return Err(Fault::ContentType { found: "without a content type".to_owned() });
    };
    let found = found.to_str().unwrap_or("an unreadable content type");
    let essence = found.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Fault::ContentType { found: essence.chars().take(100).collect() })
}
