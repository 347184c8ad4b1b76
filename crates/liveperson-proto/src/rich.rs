//! Limits of rich content, checked before it is sent.
//!
//! Source: the vendor's published renderer schema; nesting and element caps are advice.

use serde_json::Value;

/// Elements at most in one piece of rich content.
pub const MAX_ELEMENTS: usize = 50;
/// Levels at most.
pub const MAX_DEPTH: usize = 8;

/// What is wrong with a piece of rich content, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rich content at {path}: {what}")]
pub struct RichFault {
    /// Where, as a JSON pointer.
    pub path: String,
    /// What is wrong, in words.
    pub what: String,
}

/// Checks the known limits; unknown element types pass.
pub fn check(content: &Value) -> Result<(), RichFault> {
    let root = kind(content);
    if !matches!(root, "vertical" | "horizontal" | "carousel") {
        return Err(fault("", format!("the root is \"{root}\"; use vertical, horizontal or carousel")));
    }
    let mut elements = 0;
    element(content, "", 1, &mut elements)
}

fn element(value: &Value, path: &str, depth: usize, elements: &mut usize) -> Result<(), RichFault> {
    *elements += 1;
    if *elements > MAX_ELEMENTS {
        return Err(fault(path, format!("more than {MAX_ELEMENTS} elements")));
    }
    if depth > MAX_DEPTH {
        return Err(fault(path, format!("more than {MAX_DEPTH} levels")));
    }
    for (field, limit) in limits(kind(value)) {
        text_limit(value, path, field, *limit)?;
    }
    let children = value.get("elements").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if kind(value) == "carousel" && !(2..=10).contains(&children.len()) {
        return Err(fault(path, format!("a carousel has 2 to 10 cards, this has {}", children.len())));
    }
    for (n, child) in children.iter().enumerate() {
        element(child, &format!("{path}/elements/{n}"), depth + 1, elements)?;
    }
    Ok(())
}

/// Required texts of an element and their longest length in characters.
fn limits(kind: &str) -> &'static [(&'static str, usize)] {
    match kind {
        "text" => &[("text", 5000)],
        "button" => &[("title", 128)],
        "image" => &[("url", 2048)],
        _ => &[],
    }
}

fn text_limit(value: &Value, path: &str, field: &str, limit: usize) -> Result<(), RichFault> {
    let Some(text) = value.get(field).and_then(Value::as_str) else {
        return Err(fault(path, format!("\"{field}\" is missing or no text")));
    };
    let length = text.chars().count();
    if length > limit {
        Err(fault(path, format!("\"{field}\" has {length} characters, at most {limit} go")))
    } else {
        Ok(())
    }
}

fn kind(value: &Value) -> &str {
    value.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn fault(path: &str, what: String) -> RichFault {
    RichFault { path: if path.is_empty() { "/".to_owned() } else { path.to_owned() }, what }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn content_within_the_limits_passes() {
        let card = json!({"type":"vertical","elements":[{"type":"text","text":"hi"},{"type":"button","title":"Yes"},{"type":"new"}]});
        assert_eq!(check(&card), Ok(()));
    }

    #[test]
    fn faults_name_their_place() {
        for (content, path) in [
            (json!({"type":"text","text":"x"}), "/"),
            (json!({"type":"vertical","elements":[{"type":"text"}]}), "/elements/0"),
            (
                json!({"type":"vertical","elements":[{"type":"button","title":"x".repeat(129)}]}),
                "/elements/0",
            ),
            (json!({"type":"carousel","elements":[{"type":"vertical"}]}), "/"),
            (json!({"type":"vertical","elements":vec![json!({"type":"map"}); 60]}), "/elements/49"),
        ] {
            assert_eq!(check(&content).unwrap_err().path, path, "{content}");
        }
    }
}
