//! What a request brings as JSON: bounded, typed, and refused by the part that is wrong.

use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;

use super::Problem;

/// A body as JSON of this shape.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T> Deref for Body<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = is_json(request);
        let bytes = Bytes::from_request(request, payload);
        Box::pin(async move {
            if !is_json {
                return Err(Problem::media_type());
            }
            let bytes =
                bytes.await.map_err(|error| match error.as_response_error().status_code().as_u16() {
                    413 => Problem::too_large(),
                    _ => Problem::bad_request(error.to_string()),
                })?;
            parse(&bytes).map(Self)
        })
    }
}

fn is_json(request: &HttpRequest) -> bool {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer: String = error.path().iter().map(segment).collect();
        let inner = error.into_inner();
        if inner.is_data() {
            Problem::invalid(pointer, inner.to_string())
        } else {
            Problem::bad_request(format!("the body is no JSON: {inner}"))
        }
    })?;
    reader.end().map_err(|error| Problem::bad_request(format!("the body is no JSON: {error}")))?;
    Ok(parsed)
}

fn segment(segment: &serde_path_to_error::Segment) -> String {
    use serde_path_to_error::Segment;
    match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    }
}

/// Why somebody does something: 1 to 500 characters, and no control characters.
///
/// # Errors
/// A problem that points at `/reason`.
pub fn reason(text: &str) -> Result<&str, Problem> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 500 || text.chars().any(char::is_control) {
        return Err(Problem::invalid("/reason", "say why, in 1 to 500 characters on one line"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only its shape counts")]
        inner: Vec<Inner>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only its shape counts")]
        number: u8,
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        for (body, says) in [
            (r#"{"inner":[{"number":1},{"number":"x"}]}"#, r#""pointer":"/inner/1/number""#),
            (r#"{"inner":[],"more":1}"#, "unknown field `more`"),
            ("{", "no JSON"),
            (r#"{"inner":[]} {}"#, "no JSON"),
            ("", "no JSON"),
        ] {
            let problem = parse::<Outer>(body.as_bytes()).unwrap_err();
            assert!(
                format!("{problem:?}").replace(": ", ":").contains(&says.replace("\"pointer\"", "pointer")),
                "{problem:?}"
            );
        }
        assert!(parse::<Outer>(br#"{"inner":[{"number":7}]} "#).is_ok());
    }

    #[test]
    fn a_reason_says_something_on_one_line() {
        assert_eq!(reason(" a support case "), Ok("a support case"));
        for wrong in ["", "  ", "two\nlines", &"x".repeat(501)] {
            assert!(reason(wrong).is_err(), "{wrong:?}");
        }
    }
}
