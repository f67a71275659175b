//! Shares of voting power, for people.

use starling_ledger::validators::VotingPower;

/// How much power agreement needs, for people.
pub const NEEDED: &str = "more than 66.7 %";

/// Returns `power` in thousandths of `total`, rounded down; 0 of nothing.
pub fn permille(power: VotingPower, total: VotingPower) -> u32 {
    let share = (u128::from(power) * 1000).checked_div(u128::from(total));
    share
        .and_then(|share| u32::try_from(share).ok())
        .unwrap_or(0)
}

/// Writes `power` in per cent of `total`.
pub fn percent(power: VotingPower, total: VotingPower) -> String {
    let permille = permille(power, total);
    format!("{}.{} %", permille / 10, permille % 10)
}
