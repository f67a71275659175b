//! Spans of time as people type them: `5s`, `2m`, `500ms`, `1h`.

use std::time::Duration;

/// Parses a number with its unit.
///
/// # Errors
/// A sentence for clap if the text is no such span.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no span of time; write 5s, 2m, 500ms or 1h");
    let digits = text
        .find(|symbol: char| !symbol.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(unit_ms)
        .map(Duration::from_millis)
        .ok_or_else(wrong)
}

/// Returns `duration` as whole milliseconds.
pub(crate) fn as_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Writes a span the way people read it: `68 ms`, `1.9 s`, `2 min`, `24 h`, `7 days`.
pub(crate) fn show(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..100_000 if ms.is_multiple_of(1_000) => format!("{} s", ms / 1_000),
        1_000..100_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        100_000..6_000_000 => format!("{} min", (ms + 30_000) / 60_000),
        6_000_000..172_800_000 => format!("{} h", (ms + 1_800_000) / 3_600_000),
        _ => format!("{} days", (ms + 43_200_000) / 86_400_000),
    }
}

/// Writes a span in tenths of a second: `0.8 s`.
pub(crate) fn show_tenths(duration: Duration) -> String {
    let tenths = duration.as_millis() / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parses_units_and_refuses_others() {
        assert_eq!(parse("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse("7"), Ok(Duration::from_secs(7)));
        assert!(parse("5 days").is_err());
        assert!(parse("-1s").is_err());
        assert!(parse("99999999999999999999s").is_err());
    }

    #[test]
    fn shows_what_people_read() {
        assert_eq!(show(Duration::from_millis(68)), "68 ms");
        assert_eq!(show(Duration::from_millis(1_940)), "1.9 s");
        assert_eq!(show(Duration::from_secs(120)), "2 min");
        assert_eq!(show(Duration::from_secs(5_999)), "100 min");
        assert_eq!(show(Duration::from_secs(86_400)), "24 h");
        assert_eq!(show(Duration::from_secs(7 * 86_400)), "7 days");
    }

    proptest! {
        #[test]
        fn whole_units_are_read_and_other_text_is_refused(number in 0..1_000_000u64, text in ".*") {
            let read = |unit: &str| parse(&format!("{number}{unit}"));
            prop_assert_eq!(read("ms"), Ok(Duration::from_millis(number)));
            prop_assert_eq!(read("min"), Ok(Duration::from_secs(number * 60)));
            let number = text.starts_with(|first: char| first.is_ascii_digit());
            prop_assert!(number || parse(&text).is_err());
        }
    }
}
