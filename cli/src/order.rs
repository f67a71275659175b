//! What one transaction is to do, from the wish to the bytes.

use starling_ledger::hash::Hash;
use starling_ledger::keys::SecretKey;
use starling_ledger::transaction::{Action, Nonce, RawTransaction, TransactionId, WireId};

use crate::draft::{Draft, Signed};
use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;

/// What one transaction is to do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Its actions.
    pub(crate) actions: Vec<Action>,
    /// Its memo.
    pub(crate) memo: String,
}

/// A transaction on its way: nonce and expiry are decided when it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// What it says.
    pub(crate) draft: Draft,
    /// Its id and bytes, once it is signed.
    pub(crate) signed: Option<Signed>,
    /// Whether it was signed before: under the same `--id`, or in a file.
    pub(crate) is_repeat: bool,
    /// What was signed before under the same `--id`, and is proven never to become final.
    pub(crate) renews: Option<TransactionId>,
    /// Its place in a batch.
    pub(crate) place: usize,
    claim: Claim,
}

/// Which transaction in a block is this one.
#[derive(Clone, Debug)]
enum Claim {
    /// The one with these bytes. Each signature is made apart, so that another command, which wants
    /// the same at the same moment, has other bytes even where it has the same id.
    Bytes {
        /// What signs it, and signs it again where another one has its nonce.
        keys: Vec<SecretKey>,
    },
    /// The one with this id: it lies in a file, and whoever submits the file means the same.
    Id,
}

impl Order {
    /// Plans a transaction that `keys` sign.
    pub(crate) const fn new(draft: Draft, keys: Vec<SecretKey>, place: usize) -> Self {
        Self {
            draft,
            signed: None,
            is_repeat: false,
            renews: None,
            place,
            claim: Claim::Bytes { keys },
        }
    }

    /// Takes a transaction whose signatures stand in a file.
    pub(crate) const fn of_file(draft: Draft, signed: Signed) -> Self {
        Self {
            draft,
            signed: Some(signed),
            is_repeat: true,
            renews: None,
            place: 0,
            claim: Claim::Id,
        }
    }

    /// Takes what was signed before under the same `--id`.
    ///
    /// # Errors
    /// [`Exit::Corrupt`] if it is no transaction.
    pub(crate) fn repeated(signed: Signed, place: usize) -> Outcome<Self> {
        let transaction = signed.raw.decode().exit(Exit::Corrupt)?;
        let draft = Draft {
            sender: transaction.sender(),
            authority: transaction.authority,
            nonce: transaction.body.nonce,
            fee: transaction.body.fee,
            expires_at_ms: transaction.body.expires_at_ms,
            memo: transaction.body.memo,
            actions: transaction.body.actions,
        };
        Ok(Self {
            signed: Some(signed),
            is_repeat: true,
            ..Self::new(draft, Vec::new(), place)
        })
    }

    /// Signs it, with a nonce and an expiry of now.
    ///
    /// # Errors
    /// Those of [`Draft::sign`].
    pub(crate) fn sign(&mut self, genesis: &Hash, nonce: Nonce, expires_at_ms: u64) -> Outcome {
        if let Claim::Bytes { keys } = &self.claim {
            (self.draft.nonce, self.draft.expires_at_ms) = (nonce, expires_at_ms);
            self.signed = Some(self.draft.sign(genesis, keys)?);
        }
        Ok(())
    }

    /// Says whether it can be signed again here.
    pub(crate) const fn can_be_signed(&self) -> bool {
        matches!(&self.claim, Claim::Bytes { keys } if !keys.is_empty())
    }

    /// Says whether a transaction with its id is this one, by its wire id; where nobody tells that,
    /// it is.
    pub(crate) fn is(&self, told: Option<WireId>) -> bool {
        match (&self.claim, &self.signed, told) {
            (Claim::Bytes { .. }, Some(signed), Some(told)) => signed.raw.wire_id() == told,
            _ => true,
        }
    }

    /// Returns its id and bytes.
    ///
    /// # Errors
    /// If it is not signed yet.
    pub(crate) fn signed(&self) -> Outcome<(&TransactionId, &RawTransaction)> {
        let signed = self.signed.as_ref().map(|signed| (&signed.id, &signed.raw));
        signed.ok_or_else(|| CliError::new(Exit::Failure, "nothing was signed"))
    }
}

#[cfg(test)]
mod tests {
    use starling_ledger::genesis::local_account;
    use starling_ledger::keys::Signer as _;

    use super::*;

    #[test]
    fn the_same_wish_at_the_same_moment_has_one_id_and_other_bytes() {
        let genesis = Hash([3; 32]);
        let key = SecretKey::local("alice");
        let draft = Draft::payment(key.public_key(), local_account("bob"), 5);
        let [mut one, mut other] = [0, 0].map(|_| Order::new(draft.clone(), vec![key.clone()], 0));
        for order in [&mut one, &mut other] {
            order.sign(&genesis, 7, 9).unwrap();
        }
        let ((id, raw), (other_id, other_raw)) = (one.signed().unwrap(), other.signed().unwrap());
        assert_eq!(id, other_id);
        assert!(one.is(Some(raw.wire_id())) && one.is(None));
        assert!(!one.is(Some(other_raw.wire_id())));
        // Whoever repeats it has the same bytes, and whoever has the file means the same id.
        let repeated = Order::repeated(one.signed.clone().unwrap(), 0).unwrap();
        assert!(repeated.is(Some(raw.wire_id())) && !repeated.is(Some(other_raw.wire_id())));
        assert_eq!(repeated.draft, one.draft);
        assert!(!repeated.can_be_signed() && one.can_be_signed());
        let file = Order::of_file(draft, one.signed.clone().unwrap());
        assert!(file.is(Some(other_raw.wire_id())) && !file.can_be_signed());
    }
}
