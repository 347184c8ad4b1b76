//! `lpsim`: the simulated platform as a process.
fn main() {}
