//! Durations and sizes as people write them: `250ms`, `5m`, `32MiB`.

use std::time::Duration;

const DURATIONS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Reads `250ms`, `30s`, `5m`, `1h` or `1d`: one whole number, one unit.
pub fn duration(text: &str) -> Option<Duration> {
    measure(text, &DURATIONS).map(Duration::from_millis)
}

/// Reads `512B`, `64KiB`, `32MiB` or `1GiB` as bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    measure(text, &SIZES)
}

/// Writes a duration the way [`duration`] reads it, in the largest unit that fits.
pub(super) fn duration_text(duration: Duration) -> String {
    text_of(duration.as_millis() as u64, &DURATIONS)
}

/// Writes bytes the way [`size`] reads them.
pub(super) fn size_text(bytes: u64) -> String {
    text_of(bytes, &SIZES)
}

fn measure(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn text_of(amount: u64, units: &[(&str, u64)]) -> String {
    let fits = |factor: u64| amount >= factor && amount.is_multiple_of(factor);
    let (unit, factor) = units.iter().rev().find(|(_, factor)| fits(*factor)).unwrap_or(&units[0]);
    format!("{}{unit}", amount / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, millis) in [
            ("250ms", Some(250)),
            ("30s", Some(30_000)),
            ("30 s", Some(30_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("30d", Some(2_592_000_000)),
            ("0s", Some(0)),
            ("30", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("1m30s", None),
            ("5 apples", None),
            ("", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(duration(text), millis.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn sizes_are_a_number_and_a_binary_unit() {
        for (text, bytes) in
            [("32MiB", Some(32 << 20)), ("64KiB", Some(65_536)), ("1B", Some(1)), ("5MB", None)]
        {
            assert_eq!(size(text), bytes, "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in ["0ms", "1ms", "1500ms", "2s", "5m", "1h", "30d"] {
            assert_eq!(duration(text).map(duration_text).as_deref(), Some(text));
        }
        assert_eq!(size_text(32 << 20), "32MiB");
    }
}
