//! Any bytes as a frame from the platform.
#![no_main]

#[path = "../harness/frame.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| harness::frame(bytes));
