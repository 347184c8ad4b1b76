//! The command line.

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

/// Gives back what is not used any more: glibc's arenas keep the most that each thread ever held.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    muster::cli::main()
}
