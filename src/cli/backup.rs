//! `muster backup`: a copy of a SQLite store, also while a fleet runs on it.

use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use tokio::runtime::Handle;

use super::Failure;
use super::store::StoreArguments;
use super::table::counted;

/// What `muster backup` takes.
#[derive(Args)]
pub(super) struct Arguments {
    /// The file to make; it must not exist [default: muster-backup-TIME.db in this folder]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) async fn backup(Arguments { to, store }: Arguments, io: Handle) -> Result<(), Failure> {
    let to = to.unwrap_or_else(named_by_time);
    let store = store.open(io).await?;
    let began = Instant::now();
    let made = store.backup(&to).await;
    let described = store.describe();
    store.close().await;
    let made = made.map_err(|error| Failure::of(&error))?;
    println!(
        "{}: {} of {described} in {:.1} s, {} held",
        made.path.display(),
        size(made.bytes),
        began.elapsed().as_secs_f64(),
        counted(made.held as usize, "conversation"),
    );
    println!("keep the key file of the store too, in another place: without it every bot logs in anew");
    Ok(())
}

fn named_by_time() -> PathBuf {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = crate::board::rfc3339(since.as_millis() as i64);
    let second: String = time.chars().take(19).filter(char::is_ascii_alphanumeric).collect();
    format!("muster-backup-{second}Z.db").into()
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_told_in_the_unit_that_fits() {
        for (bytes, text) in [(1, "1 KiB"), (4096, "4 KiB"), (1_572_864, "1.5 MiB")] {
            assert_eq!(size(bytes), text);
        }
    }
}
