//! Amounts as decimal text in the unit of the network, such as `0.001`.

use crate::transaction::Amount;

/// Why a text is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AmountError {
    /// Not a decimal number.
    #[error("{text:?} is not a decimal number, such as 25 or 0.001")]
    Malformed {
        /// What was given.
        text: String,
    },
    /// Finer than a base unit.
    #[error("{text:?} has more than {decimals} decimal places")]
    TooFine {
        /// What was given.
        text: String,
        /// The decimal places of the unit.
        decimals: u8,
    },
    /// Above 64 bits of base units.
    #[error("{text:?} is more than can be counted")]
    TooLarge {
        /// What was given.
        text: String,
    },
}

/// Parses decimal text in a unit of `decimals` places into base units. Signs, exponents, separators
/// and blanks are refused.
///
/// # Errors
/// [`AmountError`] says what is wrong with the text.
pub fn parse_amount(text: &str, decimals: u8) -> Result<Amount, AmountError> {
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => ("", ""),
        Some(parts) => parts,
        None => (text, ""),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        let text = text.to_owned();
        return Err(AmountError::Malformed { text });
    }
    let missing = usize::from(decimals)
        .checked_sub(fraction.len())
        .ok_or_else(|| AmountError::TooFine {
            text: text.to_owned(),
            decimals,
        })?;
    let base_units = format!("{whole}{fraction}{}", "0".repeat(missing));
    base_units.parse().map_err(|_| AmountError::TooLarge {
        text: text.to_owned(),
    })
}

/// Writes base units as decimal text in a unit of `decimals` places, without trailing zeros.
pub fn format_amount(amount: Amount, decimals: u8) -> String {
    let decimals = usize::from(decimals);
    let digits = format!("{amount:0>width$}", width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_at_the_edges() {
        for (amount, decimals, text) in [
            (0, 6, "0"),
            (1, 6, "0.000001"),
            (1_500_000, 6, "1.5"),
            (u64::MAX, 0, "18446744073709551615"),
            (u64::MAX, 12, "18446744.073709551615"),
        ] {
            assert_eq!(format_amount(amount, decimals), text);
            assert_eq!(parse_amount(text, decimals), Ok(amount));
        }
    }

    #[test]
    fn refuses_what_is_no_decimal_number() {
        for text in [
            "", ".", ".5", "5.", "+1", "-1", "1e3", "1_000", "1,000", " 1", "1.2.3",
        ] {
            assert!(
                matches!(parse_amount(text, 6), Err(AmountError::Malformed { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_what_is_too_fine_or_too_large() {
        assert!(matches!(
            parse_amount("0.0000001", 6),
            Err(AmountError::TooFine { decimals: 6, .. })
        ));
        assert!(matches!(
            parse_amount("18446744073709551616", 0),
            Err(AmountError::TooLarge { .. })
        ));
    }
}
