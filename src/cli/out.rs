//! Standard output that may be closed: `muster bots | head -1` is no reason to panic.

use std::fmt::Arguments;
use std::io::Write as _;

/// Writes to standard output. Where nobody reads any more, the command goes on in silence.
pub(super) fn write(words: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    let written = out.write_fmt(words).and_then(|()| out.flush());
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        eprintln!("muster: the answer cannot be written: {error}");
    }
}

/// `std`'s `print!` panics where nobody reads.
macro_rules! print {
    ($($words:tt)*) => { $crate::cli::out::write(format_args!($($words)*)) };
}

/// `std`'s `println!` panics where nobody reads.
macro_rules! println {
    () => { $crate::cli::out::write(format_args!("\n")) };
    ($($words:tt)*) => { $crate::cli::out::write(format_args!("{}\n", format_args!($($words)*))) };
}
