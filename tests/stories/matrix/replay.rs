//! What repeats a run: a seed, and the one case to run.

use crate::outside::Store;

const SEED: &str = "MUSTER_MATRIX_SEED";
const CASE: &str = "MUSTER_MATRIX_CASE";

/// The seed of this run; another one each time unless it is given.
pub(super) fn seed() -> u64 {
    std::env::var(SEED).map_or_else(|_| fastrand::u64(..1_000_000), |text| text.parse().unwrap())
}

/// Whether this case is to run: all are, unless the beginning of some names is given.
pub(super) fn is_wanted(case: &str) -> bool {
    std::env::var(CASE).map_or(true, |only| case.starts_with(&only))
}

/// The command that runs one case again.
pub(super) fn command(test: &str, case: &str, seed: u64) -> String {
    format!("{SEED}={seed} {CASE}={case} cargo nextest run -p muster --test stories {test}")
}

pub(super) fn name(store: Store) -> &'static str {
    match store {
        Store::Sqlite => "sqlite",
        Store::Postgres => "postgres",
    }
}
