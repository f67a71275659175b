//! Dates: milliseconds since 1970 as people read them.
//!
//! # Source
//! Howard Hinnant, "chrono-compatible low-level date algorithms" (`civil_from_days`).

use crate::quorum::clock;

const DAY_MS: u64 = 86_400_000;
/// Days from the first of March of the year 0 to 1970.
const EPOCH_DAYS: u64 = 719_468;
/// Days of 400 years.
const ERA_DAYS: u64 = 146_097;

/// Writes a time as `2026-11-25 22:50:01 UTC`.
pub(crate) fn date(time_ms: u64) -> String {
    let days = time_ms / DAY_MS + EPOCH_DAYS;
    let era = days / ERA_DAYS;
    let day_of_era = days % ERA_DAYS;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years begin in March here, so that the leap day is the last one.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = year_of_era + era * 400 + carry;
    format!("{year:04}-{month:02}-{day:02} {}", clock(time_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_leap_years_and_the_ends_of_months() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_868_799, "2000-02-29 23:59:59 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_798_761_599, "2026-12-31 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(date(seconds * 1_000), text);
        }
        // No value panics.
        date(u64::MAX);
    }
}
