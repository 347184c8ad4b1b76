//! Frames as text: what they are about, and how they are spoilt.

use serde_json::Value;

/// A text that no client can read.
pub(super) const NO_JSON: &str = "}{ this is no JSON \u{fffd}";

/// The wire type of a notification; written first or last, but never inside the body.
pub(super) fn kind_of(text: &str) -> &str {
    const FIRST: &str = r#"{"kind":"notification","type":""#;
    const NAME: &str = r#""type":""#;
    let rest = match text.strip_prefix(FIRST) {
        Some(rest) => rest,
        None => text.rsplit(NAME).next().unwrap_or_default(),
    };
    rest.split('"').next().unwrap_or_default()
}

/// The dialog of an event's frame.
pub(super) fn dialog_of(text: &str) -> Option<String> {
    let frame: Value = serde_json::from_str(text).ok()?;
    frame["body"]["dialogId"].as_str().map(str::to_owned)
}

/// A frame that was cut off.
pub(super) fn first_half(text: &str) -> &str {
    let mut end = text.len() / 2;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A frame of exactly that length, if that is enough for one at all.
pub(super) fn huge(bytes: usize) -> String {
    const HEAD: &str = r#"{"kind":"notification","type":".ams.Padding","body":{"padding":""#;
    const TAIL: &str = r#""}}"#;
    let padding = bytes.saturating_sub(HEAD.len() + TAIL.len());
    format!("{HEAD}{}{TAIL}", "x".repeat(padding))
}

/// The frame with `null` for its list of changes; `None` when it has none.
pub(super) fn with_null_changes(text: &str) -> Option<String> {
    if !text.contains(r#""changes":["#) {
        return None;
    }
    let mut frame: Value = serde_json::from_str(text).ok()?;
    let changes = frame.get_mut("body")?.get_mut("changes").filter(|changes| changes.is_array())?;
    *changes = Value::Null;
    Some(frame.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notifications_type_is_found_wherever_it_stands() {
        for (text, kind) in [
            (r#"{"kind":"notification","type":".a.B","body":{"type":"C"}}"#, ".a.B"),
            (r#"{"body":{"changes":[{"type":"UPSERT"}]},"kind":"notification","type":"a.B"}"#, "a.B"),
        ] {
            assert_eq!(kind_of(text), kind);
        }
    }

    #[test]
    fn a_huge_frame_is_as_long_as_told_and_is_json() {
        let frame = huge(1000);
        assert_eq!(frame.len(), 1000);
        assert!(serde_json::from_str::<Value>(&frame).is_ok());
    }
}
