//! Amounts as people write them: decimals with the network's symbol, `1,000.5 STAR`.
//!
//! Inside, an amount is a whole number of base units; nothing is ever rounded.

use starling_ledger::genesis::{AmountError, format_amount, parse_amount};
use starling_ledger::transaction::Amount;

/// The unit of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Its symbol, such as `STAR`.
    pub(crate) symbol: String,
    /// Its decimal places, at most 12.
    pub(crate) decimals: u8,
}

impl Unit {
    /// Parses decimal text such as `25`, `1.5` or `1,000`. A comma stands between thousands or not
    /// at all: for many people `1,5` is one and a half.
    ///
    /// # Errors
    /// [`AmountError`] says what is wrong with it.
    pub(crate) fn parse(&self, text: &str) -> Result<Amount, AmountError> {
        if !text.contains(',') {
            return parse_amount(text, self.decimals);
        }
        let plain = text.replace(',', "");
        let whole = plain.split('.').next().unwrap_or_default();
        let grouped = plain.replacen(whole, &group(whole), 1);
        if grouped != text || text.starts_with('0') {
            let text = text.to_owned();
            return Err(AmountError::Malformed { text });
        }
        parse_amount(&plain, self.decimals)
    }

    /// Writes `amount` without the symbol, in groups of three.
    pub(crate) fn show(&self, amount: Amount) -> String {
        let plain = format_amount(amount, self.decimals);
        match plain.split_once('.') {
            Some((whole, fraction)) => format!("{}.{fraction}", group(whole)),
            None => group(&plain),
        }
    }

    /// Writes `amount` with the symbol.
    pub(crate) fn full(&self, amount: Amount) -> String {
        format!("{} {}", self.show(amount), self.symbol)
    }
}

/// How the ledger and nodes, which know no symbol, name an amount.
const BASE_UNITS: &str = " base units";

impl Unit {
    /// Writes the amounts in the words of a node as people write them.
    pub(crate) fn speak(&self, words: &str) -> String {
        let mut spoken = String::new();
        let mut rest = words;
        while let Some(at) = rest.find(BASE_UNITS) {
            let (before, after) = rest.split_at(at);
            let digits = before.trim_end_matches(|symbol: char| symbol.is_ascii_digit());
            spoken.push_str(digits);
            rest = match before[digits.len()..].parse() {
                Ok(amount) => {
                    spoken.push_str(&self.full(amount));
                    &after[BASE_UNITS.len()..]
                }
                Err(_) => {
                    spoken.push_str(&before[digits.len()..]);
                    spoken.push_str(BASE_UNITS);
                    &after[BASE_UNITS.len()..]
                }
            };
        }
        spoken + rest
    }
}

/// Returns the first amount in the words of a node.
pub(crate) fn first_amount(words: &str) -> Option<Amount> {
    let (before, _) = words.split_once(BASE_UNITS)?;
    let digits = before.trim_end_matches(|symbol: char| symbol.is_ascii_digit());
    before[digits.len()..].parse().ok()
}

/// Writes a whole number in groups of three.
pub(crate) fn group(digits: &str) -> String {
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn star() -> Unit {
        Unit {
            symbol: "STAR".to_owned(),
            decimals: 6,
        }
    }

    #[test]
    fn words_of_a_node_speak_the_unit() {
        use starling_ledger::execution::ApplyError;
        let words = ApplyError::Funds {
            balance: 1_000_000,
            needed: 25_000_800,
        };
        let words = words.to_string();
        assert_eq!(
            star().speak(&words),
            "the account holds 1 STAR, 25.0008 STAR are needed"
        );
        assert_eq!(first_amount(&words), Some(1_000_000));
        for same in [
            "",
            "in base units",
            "no amount",
            "99999999999999999999999 base units",
        ] {
            assert_eq!(star().speak(same), same);
            assert_eq!(first_amount(same), None);
        }
    }

    #[test]
    fn parses_decimals_exactly() {
        assert_eq!(star().parse("25"), Ok(25_000_000));
        assert_eq!(star().parse("1.5"), Ok(1_500_000));
        assert_eq!(star().parse("0.000001"), Ok(1));
        assert_eq!(star().parse("1,000"), Ok(1_000_000_000));
    }

    #[test]
    fn refuses_what_would_be_rounded_or_misread() {
        for text in ["", ".", "-1", "+1", "1e6", "0x10", "1.2.3", "١"] {
            assert!(
                matches!(star().parse(text), Err(AmountError::Malformed { .. })),
                "{text}"
            );
        }
        assert!(star().parse("0.0000001").is_err());
    }

    #[test]
    fn shows_groups_and_no_trailing_zeros() {
        assert_eq!(star().full(999_974_999_000), "999,974.999 STAR");
        assert_eq!(star().show(1), "0.000001");
        assert_eq!(star().show(0), "0");
        assert_eq!(star().show(u64::MAX), "18,446,744,073,709.551615");
    }

    #[test]
    fn unit_without_decimals_shows_whole_numbers() {
        let unit = Unit {
            symbol: "VOTE".to_owned(),
            decimals: 0,
        };
        assert_eq!(unit.full(1_234), "1,234 VOTE");
        assert_eq!(unit.parse("12"), Ok(12));
        assert!(unit.parse("1.5").is_err());
    }

    /// Half of the world writes one and a half so.
    #[test]
    fn refuses_a_comma_that_does_not_part_thousands() {
        for text in [
            "1,5",
            "1,50",
            "1,0000",
            "12,34,567",
            ",100",
            "1,000,",
            "1,,000",
            "0,001",
            "1.000,5",
            "1.5,000",
            "1000,000",
        ] {
            assert!(
                matches!(star().parse(text), Err(AmountError::Malformed { .. })),
                "{text}"
            );
        }
        assert_eq!(star().parse("1,234,567.8"), Ok(1_234_567_800_000));
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_typed_again(amount in any::<u64>(), decimals in 0..=12u8) {
            let unit = Unit { decimals, ..star() };
            prop_assert_eq!(unit.parse(&unit.show(amount)), Ok(amount));
        }

        #[test]
        fn commas_stand_where_they_are_shown_or_nowhere(text in "[0-9]{1,2}[0-9,.]{0,12}") {
            if let Ok(amount) = star().parse(&text) && text.contains(',') {
                let shown = star().show(amount);
                prop_assert_eq!(text.split('.').next(), shown.split('.').next());
            }
        }
    }
}
