//! What a transaction takes from its sender, by its text alone.

use super::{Action, Amount, Body};
use crate::address::AccountId;

impl Action {
    /// Returns what leaves the balance of `sender` by this action, base units. What goes to oneself
    /// comes back.
    pub fn spends(&self, sender: &AccountId) -> Amount {
        match self {
            Self::Transfer { to, .. } if to == sender => 0,
            Self::Transfer { amount, .. } | Self::Bond { amount, .. } => *amount,
            Self::Record { .. }
            | Self::SetAuthority { .. }
            | Self::Unbond { .. }
            | Self::Unjail => 0,
        }
    }

    /// Says whether this is about a stake.
    pub const fn acts_on_stake(&self) -> bool {
        match self {
            Self::Bond { .. } | Self::Unbond { .. } | Self::Unjail => true,
            Self::Transfer { .. } | Self::Record { .. } | Self::SetAuthority { .. } => false,
        }
    }
}

impl Body {
    /// Returns what leaves the balance of `sender`, the fee included.
    pub fn spends(&self, sender: &AccountId) -> u128 {
        let amounts = self.actions.iter().map(|action| action.spends(sender));
        u128::from(self.fee) + amounts.map(u128::from).sum::<u128>()
    }

    /// Returns the least balance with which all of it can be paid: what leaves it, and what a
    /// transfer to oneself needs for a moment.
    pub fn needs(&self, sender: &AccountId) -> u128 {
        let mut spent = u128::from(self.fee);
        let mut needed = spent;
        for action in &self.actions {
            if let Action::Transfer { amount, .. } = action {
                needed = needed.max(spent + u128::from(*amount));
            }
            spent += u128::from(action.spends(sender));
        }
        needed.max(spent)
    }

    /// Says whether an action is about a stake.
    pub fn acts_on_stake(&self) -> bool {
        self.actions.iter().any(Action::acts_on_stake)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(actions: Vec<Action>) -> Body {
        Body {
            sender: None,
            nonce: 0,
            fee: 10,
            expires_at_ms: 0,
            memo: String::new(),
            actions,
        }
    }

    fn pay(to: u8, amount: Amount) -> Action {
        Action::Transfer {
            to: AccountId([to; 32]),
            amount,
        }
    }

    #[test]
    fn what_goes_to_oneself_is_needed_and_not_spent() {
        let me = AccountId([1; 32]);
        let there_and_back = body(vec![pay(2, 5), pay(1, 100), pay(2, 7)]);
        assert_eq!(there_and_back.spends(&me), 10 + 5 + 7);
        assert_eq!(there_and_back.needs(&me), 10 + 5 + 100);
        let last = body(vec![pay(1, 2), pay(2, 7)]);
        assert_eq!((last.spends(&me), last.needs(&me)), (17, 17));
    }

    #[test]
    fn amounts_beyond_64_bits_are_counted() {
        let me = AccountId([1; 32]);
        let wrapping = body(vec![pay(2, Amount::MAX); 16]);
        assert_eq!(wrapping.spends(&me), 10 + 16 * u128::from(Amount::MAX));
        assert_eq!(wrapping.needs(&me), wrapping.spends(&me));
    }
}
