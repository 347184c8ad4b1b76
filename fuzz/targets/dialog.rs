//! Any bytes as a schedule of what happens to a bot.
#![no_main]

#[path = "../harness/dialog.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| harness::dialog(bytes));
