//! Making a payment: body, fee, id, signature.

use starling_ledger::address::AccountId;
use starling_ledger::authority::Authority;
use starling_ledger::genesis::Parameters;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{SecretKey, Signer as _};
use starling_ledger::transaction::{
    Action, Amount, Body, MEMO_BYTES_MAX, Nonce, RawTransaction, Transaction, TransactionId,
};

use crate::error::{CliError, Outcome};
use crate::key_store::account_of;

/// A payment before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    /// Who receives.
    pub(crate) to: AccountId,
    /// Base units.
    pub(crate) amount: Amount,
    /// The sender's running number.
    pub(crate) nonce: Nonce,
    /// Fee offered, base units.
    pub(crate) fee: Amount,
    /// Last block time at which it may be included.
    pub(crate) expires_at_ms: u64,
    /// Text for people.
    pub(crate) memo: String,
}

/// A payment that can be submitted.
#[derive(Clone, Debug)]
pub(crate) struct SignedPayment {
    /// What the user means.
    pub(crate) id: TransactionId,
    /// What travels.
    pub(crate) raw: RawTransaction,
}

impl Payment {
    /// Signs for the network of `genesis`.
    pub(crate) fn sign(&self, genesis: &Hash, key: &SecretKey) -> SignedPayment {
        let body = Body {
            sender: None,
            nonce: self.nonce,
            fee: self.fee,
            expires_at_ms: self.expires_at_ms,
            memo: self.memo.clone(),
            actions: vec![Action::Transfer {
                to: self.to,
                amount: self.amount,
            }],
        };
        let id = body.id(genesis, &account_of(key.public_key()));
        let transaction = Transaction {
            body,
            authority: Authority::Key(key.public_key()),
            signatures: vec![key.sign(&id.0.0)],
        };
        SignedPayment {
            id,
            raw: transaction.to_raw(),
        }
    }

    /// Offers what the network asks for, rounded up to a thousandth of the unit.
    ///
    /// The rounding keeps the number readable; what is above the burned part goes to the proposer.
    ///
    /// # Errors
    /// A usage error if the fee cannot be counted.
    pub(crate) fn offer_fee(&mut self, rules: &Parameters, decimals: u8, is_new: bool) -> Outcome {
        // Integers have a fixed width, so that the size does not depend on the fee.
        let size_bytes = self
            .sign(&Hash::ZERO, &SecretKey::local("size"))
            .raw
            .0
            .len();
        let step = 10u64.pow(u32::from(decimals.saturating_sub(3)));
        let fee = rules
            .required_fee(size_bytes, u64::from(is_new))
            .and_then(|fee| fee.checked_next_multiple_of(step))
            .ok_or_else(|| CliError::usage("the network asks for more than can be counted"))?;
        self.fee = fee;
        Ok(())
    }
}

/// Checks the length of a memo.
///
/// # Errors
/// A usage error if it is too long.
pub(crate) fn check_memo(memo: &str) -> Outcome {
    if memo.len() <= MEMO_BYTES_MAX {
        return Ok(());
    }
    Err(CliError::usage(format!(
        "the memo has {} bytes, at most {MEMO_BYTES_MAX} are allowed",
        memo.len()
    )))
}

#[cfg(test)]
mod tests {
    use starling_ledger::genesis::local_account;
    use starling_ledger::keys::Ed25519;

    use super::*;
    use crate::testnet::birth;

    fn payment() -> Payment {
        Payment {
            to: local_account("bob"),
            amount: 25_000_000,
            nonce: 0,
            fee: 0,
            expires_at_ms: 1,
            memo: "lunch".to_owned(),
        }
    }

    #[test]
    fn signature_and_id_are_valid_on_its_network_only() {
        let (own, other) = (Hash([1; 32]), Hash([2; 32]));
        let signed = payment().sign(&own, &SecretKey::local("alice"));
        let verified = signed.raw.verify(&Ed25519, &own).unwrap();
        assert_eq!(verified.id(), signed.id);
        assert_eq!(verified.sender(), local_account("alice"));
        assert!(signed.raw.verify(&Ed25519, &other).is_err());
    }

    #[test]
    fn fee_offered_covers_what_is_burned_and_is_readable() {
        let genesis = birth::local("local", 4).unwrap();
        let mut payment = payment();
        payment.offer_fee(&genesis.parameters, 6, false).unwrap();
        let size = payment
            .sign(&Hash::ZERO, &SecretKey::local("alice"))
            .raw
            .0
            .len();
        let burned = genesis.parameters.required_fee(size, 0).unwrap();
        assert!(payment.fee >= burned && payment.fee.is_multiple_of(1_000));
        let without_entry = payment.fee;
        payment.offer_fee(&genesis.parameters, 6, true).unwrap();
        assert!(payment.fee >= without_entry + genesis.parameters.entry_fee);
    }
}
