//! Every frame that fuzzing once found worth keeping, on the harness that found it.

#[path = "../../../fuzz/harness/frame.rs"]
mod harness;

#[test]
fn every_frame_of_the_corpus_keeps_what_is_promised_of_frames() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/frame");
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        harness::frame(&std::fs::read(file.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files > 10, "the corpus is gone");
}

/// Texts and names of fields that nobody may see.
const PLANTED: &str = "planted by Ada";

/// Plants a text wherever one may stand, and a field with one in every object.
fn plant(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => PLANTED.clone_into(text),
        serde_json::Value::Array(items) => items.iter_mut().for_each(plant),
        serde_json::Value::Object(fields) => {
            fields.values_mut().for_each(plant);
            fields.insert(PLANTED.to_owned(), PLANTED.into());
            for secret in ["token", "jwt", "bearer", "cookie", "name", "quickReplies"] {
                fields.insert(secret.to_owned(), "planted".into());
            }
        }
        _ => {}
    }
}

#[test]
fn no_text_planted_in_a_frame_of_the_corpus_is_shown() {
    use liveperson_proto::redact::redacted;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/frame");
    let mut planted = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        redacted(&text);
        let Ok(mut frame) = serde_json::from_str(&text) else { continue };
        plant(&mut frame);
        let shown = redacted(&frame.to_string()).to_string();
        assert!(!shown.contains("planted"), "{frame}\n{shown}");
        planted += 1;
    }
    assert!(planted > 100, "{planted} frames of the corpus are JSON");
}
