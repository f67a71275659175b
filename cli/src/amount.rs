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
    /// Parses decimal text such as `25`, `1.5` or `1,000`.
    ///
    /// # Errors
    /// [`AmountError`] says what is wrong with it.
    pub(crate) fn parse(&self, text: &str) -> Result<Amount, AmountError> {
        parse_amount(&text.replace(',', ""), self.decimals)
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

    fn star() -> Unit {
        Unit {
            symbol: "STAR".to_owned(),
            decimals: 6,
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
}
