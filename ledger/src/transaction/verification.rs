//! Checking who authorizes transactions: all signatures of all of them together.
//!
//! What the signatures of a transaction are, and what each has to cover, is decided in one place,
//! `Unverified::new`; one transaction and many go through the same code and get the same verdicts.
//! Most signatures have one key that must have made them: that of a single-key authority, those of
//! a policy that asks for all of its keys, and the consensus keys that are shown to be held. They
//! are checked in batches. Who signed for a policy of m among more keys is found by trying, one
//! signature after the other.

use super::{
    Action, RawTransaction, Transaction, TransactionError, TransactionId, VerifiedTransaction,
    WireId, possession_hash,
};
use crate::address::AccountId;
use crate::hash::Hash;
use crate::keys::{BATCH_MAX, PublicKey, Signature, SignatureCheck, SignatureScheme};

/// Verified transactions, all that were asked about and in their order; or the index of the first
/// that is wrong, and what is wrong with it.
pub type AllVerified<T> = Result<Vec<T>, (usize, TransactionError)>;

/// A transaction of the right form, and the signatures that have to be right.
struct Unverified {
    transaction: Transaction,
    authority_hash: Hash,
    sender: AccountId,
    id: TransactionId,
    wire_id: WireId,
    raw: RawTransaction,
    /// How many signatures are required of it.
    required: usize,
}

/// A signature that one certain key must have made.
struct Required {
    key: PublicKey,
    message: Hash,
    signature: Signature,
    /// What is wrong if it did not.
    otherwise: TransactionError,
}

impl RawTransaction {
    /// Decodes the transaction and checks its signatures for the network of `genesis`: those that
    /// authorize it, and the proof of possession of each key it bonds.
    ///
    /// # Errors
    /// [`TransactionError`] if bytes, form or signatures are wrong.
    pub fn verify(
        &self,
        scheme: &dyn SignatureScheme,
        genesis: &Hash,
    ) -> Result<VerifiedTransaction, TransactionError> {
        let mut verified = Self::verify_each(std::slice::from_ref(self), scheme, genesis);
        verified.pop().expect("one result for one transaction")
    }

    /// Verifies each of `all` as [`RawTransaction::verify`] does, with their signatures in batches;
    /// one result for each, in order.
    pub fn verify_each(
        all: &[Self],
        scheme: &dyn SignatureScheme,
        genesis: &Hash,
    ) -> Vec<Result<VerifiedTransaction, TransactionError>> {
        let mut required = Vec::with_capacity(all.len());
        let parse = |named| Unverified::new(named, (scheme, genesis), &mut required);
        let named = all.iter().zip(Self::wire_ids(all));
        let unverified: Vec<_> = named.map(parse).collect();
        let checks: Vec<_> = required.iter().map(Required::check).collect();
        let verdicts = scheme.verify_each(&checks);
        assert_eq!(verdicts.len(), checks.len(), "one verdict for each check");
        let mut checked = required.into_iter().zip(verdicts);
        let mut settle = |one: Unverified| {
            let own = checked.by_ref().take(one.required);
            one.settle(own)
        };
        let results = unverified.into_iter();
        results.map(|one| one.and_then(&mut settle)).collect()
    }

    /// Verifies `all` as [`RawTransaction::verify_each`] does, and gives up at the first wrong one.
    ///
    /// # Errors
    /// The index of the first that is wrong, and what is wrong with it.
    pub fn verify_all(
        all: &[Self],
        scheme: &dyn SignatureScheme,
        genesis: &Hash,
    ) -> AllVerified<VerifiedTransaction> {
        let mut verified = Vec::with_capacity(all.len());
        for batch in all.chunks(BATCH_MAX) {
            for result in Self::verify_each(batch, scheme, genesis) {
                verified.push(result.map_err(|error| (verified.len(), error))?);
            }
        }
        Ok(verified)
    }

    /// Decodes the transaction and takes its signatures for right, without looking at them.
    ///
    /// Only for a transaction whose block a checkpoint of a person stands for, as a replay below it
    /// does.
    ///
    /// # Errors
    /// [`TransactionError`] if bytes or form are wrong.
    pub fn trust(&self, genesis: &Hash) -> Result<VerifiedTransaction, TransactionError> {
        let transaction = self.decode()?;
        let authority_hash = transaction.authority.hash();
        let sender = transaction.sender_under(&authority_hash);
        Ok(VerifiedTransaction {
            authority_hash,
            id: transaction.body.id(genesis, &sender),
            wire_id: self.wire_id(),
            raw: self.clone(),
            sender,
            transaction,
        })
    }
}

impl Unverified {
    /// Decodes a transaction and adds its signatures to `all_required`.
    fn new(
        (raw, wire_id): (&RawTransaction, WireId),
        (scheme, genesis): (&dyn SignatureScheme, &Hash),
        all_required: &mut Vec<Required>,
    ) -> Result<Self, TransactionError> {
        let transaction = raw.decode()?;
        let authority_hash = transaction.authority.hash();
        let sender = transaction.sender_under(&authority_hash);
        let id = transaction.body.id(genesis, &sender);
        let signatures = &transaction.signatures;
        let before = all_required.len();
        match transaction.authority.signers() {
            Some(keys) if keys.len() == signatures.len() => {
                let signed = keys.iter().zip(signatures);
                all_required.extend(signed.map(|(key, signature)| Required {
                    key: *key,
                    message: id.0,
                    signature: *signature,
                    otherwise: TransactionError::Signature,
                }));
            }
            None if transaction.authority.verify(scheme, &id.0.0, signatures) => {}
            _ => return Err(TransactionError::Signature),
        }
        for action in &transaction.body.actions {
            if let Action::Bond {
                consensus_key,
                proof_of_possession,
                ..
            } = action
            {
                all_required.push(Required {
                    key: *consensus_key,
                    message: possession_hash(genesis, &sender),
                    signature: *proof_of_possession,
                    otherwise: TransactionError::Possession,
                });
            }
        }
        Ok(Self {
            authority_hash,
            sender,
            id,
            wire_id,
            raw: raw.clone(),
            required: all_required.len() - before,
            transaction,
        })
    }

    /// Ends the verification with the verdict on each required signature.
    fn settle(
        self,
        checked: impl Iterator<Item = (Required, bool)>,
    ) -> Result<VerifiedTransaction, TransactionError> {
        // All are taken, so that the next transaction begins with its own.
        let mut wrong = None;
        for (required, right) in checked {
            if !right {
                wrong.get_or_insert(required.otherwise);
            }
        }
        match wrong {
            Some(error) => Err(error),
            None => Ok(VerifiedTransaction {
                authority_hash: self.authority_hash,
                sender: self.sender,
                id: self.id,
                wire_id: self.wire_id,
                raw: self.raw,
                transaction: self.transaction,
            }),
        }
    }
}

impl Required {
    fn check(&self) -> SignatureCheck<'_> {
        SignatureCheck {
            key: &self.key,
            message: &self.message.0,
            signature: &self.signature,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::{Authority, Policy};
    use crate::codec::CodecError;
    use crate::keys::{Ed25519, SecretKey, Signer};
    use crate::transaction::{Body, MEMO_BYTES_MAX};

    const GENESIS: Hash = Hash([3; 32]);

    fn keys() -> Vec<SecretKey> {
        let mut keys: Vec<_> = ["a", "b", "c"].map(SecretKey::local).into();
        keys.sort_by_key(Signer::public_key);
        keys
    }

    fn policy(threshold: u8) -> Authority {
        let keys = keys().iter().map(Signer::public_key).collect();
        Authority::Policy(Policy::new(threshold, keys).unwrap())
    }

    /// A transaction of `authority`, signed by the keys at these places.
    fn signed(authority: Authority, actions: Vec<Action>, by: &[usize]) -> Transaction {
        let body = Body {
            sender: None,
            nonce: 0,
            fee: 1,
            expires_at_ms: 1,
            memo: String::new(),
            actions,
        };
        let id = body.id(&GENESIS, &authority.account());
        let keys = keys();
        let signatures = by.iter().map(|at| keys[*at].sign(&id.0.0)).collect();
        Transaction {
            body,
            authority,
            signatures,
        }
    }

    fn too_long(what: &str) -> TransactionError {
        let allowed = format!("at most {MEMO_BYTES_MAX} are allowed");
        let reason = format!("{what}: a length of {}, {allowed}", MEMO_BYTES_MAX + 1);
        CodecError::Malformed { reason }.into()
    }

    fn one_key() -> Authority {
        Authority::Key(keys()[0].public_key())
    }

    fn bond(message: &Hash) -> Action {
        let key = SecretKey::local("consensus");
        Action::Bond {
            consensus_key: key.public_key(),
            amount: 1,
            proof_of_possession: key.sign(&message.0),
        }
    }

    fn verdict(transaction: &Transaction) -> Result<(), TransactionError> {
        let verified = transaction.to_raw().verify(&Ed25519, &GENESIS);
        verified.map(|verified| assert_eq!(verified.transaction(), transaction))
    }

    /// Right and wrong ones of every kind, with their verdicts.
    fn samples() -> Vec<(Transaction, Result<(), TransactionError>)> {
        let unjail = || vec![Action::Unjail];
        let wrong = || Err(TransactionError::Signature);
        let held = possession_hash(&GENESIS, &one_key().account());
        let of_other = possession_hash(&GENESIS, &policy(2).account());
        let elsewhere = possession_hash(&Hash([4; 32]), &one_key().account());
        let lost = || Err(TransactionError::Possession);
        let mut samples = vec![
            (signed(one_key(), unjail(), &[0]), Ok(())),
            (signed(one_key(), unjail(), &[1]), wrong()),
            (signed(one_key(), unjail(), &[]), wrong()),
            (signed(one_key(), unjail(), &[0, 0]), wrong()),
            (signed(policy(3), unjail(), &[0, 1, 2]), Ok(())),
            (signed(policy(3), unjail(), &[0, 2, 1]), wrong()),
            (signed(policy(3), unjail(), &[0, 1, 1]), wrong()),
            (signed(policy(3), unjail(), &[0, 1]), wrong()),
            (signed(policy(2), unjail(), &[0, 2]), Ok(())),
            (signed(policy(2), unjail(), &[1, 2]), Ok(())),
            (signed(policy(2), unjail(), &[2, 0]), wrong()),
            (signed(policy(2), unjail(), &[1, 1]), wrong()),
            (signed(policy(2), unjail(), &[0, 1, 2]), wrong()),
            (signed(one_key(), vec![bond(&held)], &[0]), Ok(())),
            (signed(one_key(), vec![bond(&held)], &[1]), wrong()),
            (signed(one_key(), vec![bond(&of_other)], &[0]), lost()),
            (signed(one_key(), vec![bond(&elsewhere)], &[0]), lost()),
            (signed(one_key(), vec![bond(&of_other)], &[1]), wrong()),
            (signed(policy(2), vec![bond(&of_other)], &[0, 1]), Ok(())),
            (signed(policy(2), vec![bond(&held)], &[0, 1]), lost()),
        ];
        let second = vec![bond(&held), bond(&elsewhere)];
        samples.push((signed(one_key(), second, &[0]), lost()));
        let mut long = signed(one_key(), unjail(), &[0]);
        long.body.memo = "m".repeat(MEMO_BYTES_MAX + 1);
        samples.push((long, Err(too_long("memo"))));
        samples
    }

    #[test]
    fn the_authority_signs_and_each_bonded_key_is_held() {
        for (index, (transaction, expected)) in samples().iter().enumerate() {
            assert_eq!(verdict(transaction), *expected, "sample {index}");
        }
    }

    #[test]
    fn many_get_the_verdict_of_each_alone() {
        let samples = samples();
        let raws: Vec<_> = samples.iter().map(|(one, _)| one.to_raw()).collect();
        for turn in 0..raws.len() {
            let mut raws = raws.clone();
            let mut expected: Vec<_> = samples.iter().map(|(_, verdict)| verdict).collect();
            raws.rotate_left(turn);
            expected.rotate_left(turn);
            let each = RawTransaction::verify_each(&raws, &Ed25519, &GENESIS);
            let verdicts = each.iter().map(|result| result.as_ref().map(drop));
            assert!(verdicts.eq(expected.iter().map(|verdict| verdict.as_ref().map(drop))));
            for (result, raw) in each.iter().zip(&raws) {
                let is_of =
                    |one: &VerifiedTransaction| one.raw() == raw && one.wire_id() == raw.wire_id();
                assert!(result.as_ref().is_ok_and(is_of) || result.is_err());
            }
            let first = expected
                .iter()
                .position(|verdict| verdict.is_err())
                .unwrap();
            let error = RawTransaction::verify_all(&raws, &Ed25519, &GENESIS).unwrap_err();
            assert_eq!((error.0, Err(error.1)), (first, expected[first].clone()));
        }
    }

    #[test]
    fn many_wire_ids_are_those_of_each() {
        let raw = |length: usize| RawTransaction(vec![7; length].into());
        let raws: Vec<_> = [190, 0, 3_000, 190, 64, 65, 1_024, 1_025].map(raw).into();
        let alone = raws.iter().map(RawTransaction::wire_id);
        assert!(RawTransaction::wire_ids(&raws).into_iter().eq(alone));
    }
}
