//! Times as people and machines read them.

const DAY: i64 = 86_400_000;

/// Writes milliseconds of Unix time as RFC 3339 in UTC, such as `2026-11-21T10:45:04.123Z`.
pub fn rfc3339(ms: i64) -> String {
    let (year, month, day) = civil(ms.div_euclid(DAY));
    let ms = ms.rem_euclid(DAY);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
}

/// The date of a day counted from 1 January 1970, in the Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years are counted from 1 March, so that the leap day is the last one of its year;
    // 719,468 days lie between 1 March of year 0 and 1 January 1970, 146,097 in four centuries.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_709_210_096_789, "2024-02-29T12:34:56.789Z"),
            (1_795_257_904_123, "2026-11-21T10:45:04.123Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(ms), text);
        }
    }

    #[test]
    fn the_days_of_four_centuries_follow_one_another() {
        let mut last = civil(-1);
        for day in 0..146_097 {
            let today = civil(day);
            assert!(today > last, "{last:?} {today:?}");
            assert!((1..=12).contains(&today.1) && (1..=31).contains(&today.2), "{today:?}");
            last = today;
        }
        assert_eq!(civil(146_097), (2370, 1, 1));
    }

    #[test]
    fn no_moment_panics() {
        for ms in [i64::MIN, i64::MAX] {
            assert!(rfc3339(ms).ends_with('Z'));
        }
    }
}
