//! A transaction in the making: body, fee, id, signatures.

use std::collections::BTreeMap;

use starling_ledger::address::AccountId;
use starling_ledger::authority::Authority;
use starling_ledger::genesis::Parameters;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{PublicKey, SecretKey, Signature, Signer as _};
use starling_ledger::transaction::{
    Action, Amount, Body, MEMO_BYTES_MAX, Nonce, RawTransaction, Transaction, TransactionId,
};

use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;
use crate::key_store::account_of;

/// A transaction before it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    /// The account it acts for.
    pub(crate) sender: AccountId,
    /// Who authorizes it.
    pub(crate) authority: Authority,
    /// The sender's running number.
    pub(crate) nonce: Nonce,
    /// Fee offered, base units.
    pub(crate) fee: Amount,
    /// Last block time at which it may be included.
    pub(crate) expires_at_ms: u64,
    /// Text for people.
    pub(crate) memo: String,
    /// What it does.
    pub(crate) actions: Vec<Action>,
}

/// Signatures over one id, by the key that made them.
pub(crate) type Signatures = BTreeMap<PublicKey, Signature>;

/// A transaction that can be submitted.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    /// What the user means.
    pub(crate) id: TransactionId,
    /// What travels.
    pub(crate) raw: RawTransaction,
}

impl Draft {
    /// Makes a payment of the account that `key` is the first authority of; nonce, fee and expiry
    /// are still zero.
    pub(crate) fn payment(key: PublicKey, to: AccountId, amount: Amount) -> Self {
        Self {
            sender: account_of(key),
            authority: Authority::Key(key),
            nonce: 0,
            fee: 0,
            expires_at_ms: 0,
            memo: String::new(),
            actions: vec![Action::Transfer { to, amount }],
        }
    }

    /// Returns the most that a payment to one could be of what the sender holds; `None` if this is
    /// something else, or nothing would be left.
    pub(crate) fn most(&self, held: Amount) -> Option<Amount> {
        let [Action::Transfer { .. }] = self.actions.as_slice() else {
            return None;
        };
        held.checked_sub(self.fee).filter(|most| *most > 0)
    }

    /// Returns what the signatures cover. The sender is named only where its authority was
    /// replaced: naming what can be derived is refused by the ledger.
    pub(crate) fn body(&self) -> Body {
        Body {
            sender: (self.authority.account() != self.sender).then_some(self.sender),
            nonce: self.nonce,
            fee: self.fee,
            expires_at_ms: self.expires_at_ms,
            memo: self.memo.clone(),
            actions: self.actions.clone(),
        }
    }

    /// Returns its id on the network of `genesis`; this is what is signed.
    pub(crate) fn id(&self, genesis: &Hash) -> TransactionId {
        self.body().id(genesis, &self.sender)
    }

    /// Signs with `keys`, of which the authority takes as many as it asks for. No two that are
    /// signed so have the same bytes, even where they have the same id.
    ///
    /// # Errors
    /// [`Exit::Key`] if they are too few, or not of this authority.
    pub(crate) fn sign(&self, genesis: &Hash, keys: &[SecretKey]) -> Outcome<Signed> {
        let id = self.id(genesis);
        let mut noise = [0; 32];
        getrandom::fill(&mut noise).exit(Exit::Failure)?;
        let sign = |key: &SecretKey| (key.public_key(), key.sign_apart(&id.0.0, &noise));
        self.signed(genesis, &keys.iter().map(sign).collect())
    }

    /// Signs with the one key that authorizes it.
    pub(crate) fn sign_alone(&self, genesis: &Hash, key: &SecretKey) -> Signed {
        let body = self.body();
        let id = body.id(genesis, &self.sender);
        self.finished(body, id, vec![key.sign(&id.0.0)])
    }

    /// Puts signatures to it, in the order and number that the authority asks for.
    ///
    /// # Errors
    /// [`Exit::Key`] if they are too few.
    pub(crate) fn signed(&self, genesis: &Hash, given: &Signatures) -> Outcome<Signed> {
        let needed = self.authority.signature_count();
        let keys = keys_of(&self.authority).iter();
        let found = keys.filter_map(|key| given.get(key).copied());
        let signatures: Vec<_> = found.take(needed).collect();
        if signatures.len() < needed {
            let message = format!("{} of {needed} signatures are there", signatures.len());
            return Err(CliError::new(Exit::Key, message).code("signatures"));
        }
        let body = self.body();
        let id = body.id(genesis, &self.sender);
        Ok(self.finished(body, id, signatures))
    }

    fn finished(&self, body: Body, id: TransactionId, signatures: Vec<Signature>) -> Signed {
        let transaction = Transaction {
            body,
            authority: self.authority.clone(),
            signatures,
        };
        Signed {
            id,
            raw: transaction.to_raw(),
        }
    }

    /// Returns how long the encoding will be. Integers have a fixed width, so that it depends on
    /// neither the fee nor the nonce.
    pub(crate) fn size_bytes(&self) -> usize {
        self.unsigned().0.len()
    }

    /// Checks what does not depend on the ledger: number of actions, lengths, size.
    ///
    /// # Errors
    /// A usage error with the ledger's own words.
    pub(crate) fn check(&self) -> Outcome {
        self.unsigned().decode().exit(Exit::Usage).map(drop)
    }

    /// Encodes it with signatures that are worth nothing.
    fn unsigned(&self) -> RawTransaction {
        let blank = Signature([0; 64]);
        let blanks = vec![blank; self.authority.signature_count()];
        self.finished(self.body(), TransactionId(Hash::ZERO), blanks)
            .raw
    }

    /// Offers what the network asks for, rounded up to a thousandth of the unit; `entries` are the
    /// new entries it makes in the state.
    ///
    /// The rounding keeps the number readable; what is above the burned part goes to the proposer.
    ///
    /// # Errors
    /// A usage error if the fee cannot be counted.
    pub(crate) fn offer_fee(&mut self, rules: &Parameters, decimals: u8, entries: u64) -> Outcome {
        let step = 10u64.pow(u32::from(decimals.saturating_sub(3)));
        let fee = rules
            .required_fee(self.size_bytes(), entries)
            .and_then(|fee| fee.checked_next_multiple_of(step))
            .ok_or_else(|| CliError::usage("the network asks for more than can be counted"))?;
        self.fee = fee;
        Ok(())
    }
}

/// Returns the keys that may sign for an authority, ascending.
pub(crate) fn keys_of(authority: &Authority) -> &[PublicKey] {
    match authority {
        Authority::Key(key) => std::slice::from_ref(key),
        Authority::Policy(policy) => policy.keys(),
    }
}

/// Checks the length of a memo or a note.
///
/// # Errors
/// A usage error if it is too long.
pub(crate) fn check_memo(what: &str, text: &str) -> Outcome {
    if text.len() <= MEMO_BYTES_MAX {
        return Ok(());
    }
    Err(CliError::usage(format!(
        "the {what} has {} bytes, at most {MEMO_BYTES_MAX} are allowed",
        text.len()
    )))
}

#[cfg(test)]
mod tests {
    use starling_ledger::authority::Policy;
    use starling_ledger::genesis::{Genesis, local_account};
    use starling_ledger::keys::Ed25519;

    use super::*;

    fn payment() -> Draft {
        let key = SecretKey::local("alice").public_key();
        Draft {
            memo: "lunch".to_owned(),
            ..Draft::payment(key, local_account("bob"), 25_000_000)
        }
    }

    fn two_of_three() -> (Vec<SecretKey>, Authority) {
        let mut keys = ["a", "b", "c"].map(SecretKey::local).to_vec();
        keys.sort_by_key(SecretKey::public_key);
        let public = keys.iter().map(SecretKey::public_key).collect();
        (keys, Authority::Policy(Policy::new(2, public).unwrap()))
    }

    #[test]
    fn signature_and_id_are_valid_on_its_network_only() {
        let (own, other) = (Hash([1; 32]), Hash([2; 32]));
        let signed = payment().sign_alone(&own, &SecretKey::local("alice"));
        let verified = signed.raw.verify(&Ed25519, &own).unwrap();
        assert_eq!(verified.id(), signed.id);
        assert_eq!(verified.sender(), local_account("alice"));
        assert!(signed.raw.verify(&Ed25519, &other).is_err());
    }

    #[test]
    fn names_the_sender_only_where_its_authority_was_replaced() {
        assert_eq!(payment().body().sender, None);
        let replaced = Draft {
            authority: two_of_three().1,
            ..payment()
        };
        assert_eq!(replaced.body().sender, Some(local_account("alice")));
        let own = Draft {
            sender: replaced.authority.account(),
            ..replaced
        };
        assert_eq!(own.body().sender, None);
    }

    #[test]
    fn any_two_of_three_keys_sign_and_one_does_not() {
        let genesis = Hash([1; 32]);
        let (keys, authority) = two_of_three();
        let draft = Draft {
            authority,
            ..payment()
        };
        for left_out in 0..3 {
            let mut signers = keys.clone();
            signers.remove(left_out);
            signers.reverse();
            let signed = draft.sign(&genesis, &signers).unwrap();
            let verified = signed.raw.verify(&Ed25519, &genesis).unwrap();
            assert_eq!(verified.sender(), local_account("alice"));
        }
        assert!(draft.sign(&genesis, &keys).is_ok());
        for signers in [&keys[..1], &[SecretKey::local("alice")]] {
            let error = draft.sign(&genesis, signers).unwrap_err();
            assert_eq!((error.exit, error.code.as_str()), (Exit::Key, "signatures"));
        }
    }

    #[test]
    fn fee_offered_covers_what_is_burned_and_is_readable() {
        let genesis = Genesis::local("local", 1, 4);
        for authority in [payment().authority, two_of_three().1] {
            let mut draft = Draft {
                authority,
                ..payment()
            };
            draft.offer_fee(&genesis.parameters, 6, 0).unwrap();
            let burned = genesis.parameters.required_fee(draft.size_bytes(), 0);
            assert!(draft.fee >= burned.unwrap() && draft.fee.is_multiple_of(1_000));
            let without_entry = draft.fee;
            draft.offer_fee(&genesis.parameters, 6, 1).unwrap();
            assert!(draft.fee >= without_entry + genesis.parameters.entry_fee);
        }
    }

    #[test]
    fn too_many_actions_are_refused_before_anything_is_signed() {
        let mut draft = payment();
        draft.check().unwrap();
        draft.actions = vec![draft.actions[0].clone(); 17];
        assert_eq!(draft.check().unwrap_err().exit, Exit::Usage);
    }
}
