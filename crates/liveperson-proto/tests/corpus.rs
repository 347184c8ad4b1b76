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
