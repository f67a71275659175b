//! Checks of what a node tells of the state: accounts, records, stakes, consensus keys.

use starling_ledger::address::AccountId;
use starling_ledger::block::BlockHeader;
use starling_ledger::codec::decode;
use starling_ledger::hash::Hash;
use starling_ledger::keys::PublicKey;
use starling_ledger::light::{self, HistoryProof, Past};
use starling_ledger::staking::{ConsensusKey, Stake};
use starling_ledger::state::StateProof;
use starling_ledger::state_key::StateKey;
use starling_ledger::transaction::{TransactionId, VerifiedTransaction};
use starling_ledger::vote::Height;

use super::failure::{self, lied};
use super::{PIECE_BYTES_MAX, Verifier, piece, stake, state_proof};
use crate::error::{CliError, Outcome};
use crate::rpc::reply::{self, AsOf};
use crate::testnet::birth::now_ms;

impl Verifier<'_> {
    /// Checks header and certificate of an answer about the state, which must not be older than
    /// what is remembered; returns the proof with the header it holds under.
    fn state(&mut self, told: &AsOf) -> Outcome<(BlockHeader, StateProof)> {
        let header: BlockHeader = piece("header", &told.header, decode::<_, PIECE_BYTES_MAX>)?;
        if header.height < self.trusted.height() {
            return Err(self.behind(header.height, header.time_ms));
        }
        let header = self.header(&told.header, &told.certificate)?.header;
        if told.height != header.height {
            return Err(lied("what is told is of another block than its proof"));
        }
        Ok((header, state_proof(&told.proof)?))
    }

    /// Refuses an answer as of the genesis where a block was verified before.
    fn at_genesis(&self) -> Outcome {
        match self.trusted.height() {
            0 => Ok(()),
            _ => Err(self.behind(0, self.genesis.time_ms)),
        }
    }

    fn behind(&self, height: Height, time_ms: u64) -> CliError {
        failure::behind((height, time_ms), &self.trusted, now_ms())
    }

    /// Checks what a node says about `account`, also that the ledger does not know it; returns the
    /// time of the block as of which it holds.
    ///
    /// # Errors
    /// [`Exit::Verification`](crate::exit::Exit::Verification) says what does not fit; the code is
    /// `behind` where the node shows
    /// an older state than was seen before.
    pub(crate) fn account(&mut self, account: &AccountId, answer: &reply::Account) -> Outcome<u64> {
        if answer.at.height == 0 {
            return self.first_account(account, answer);
        }
        let (header, proof) = self.state(&answer.at)?;
        let entry = light::verify_account(&header, &proof, account).map_err(lied)?;
        let (nonce, balance) = entry.map_or((0, 0), |entry| (entry.nonce, entry.balance));
        let told = (answer.exists, answer.nonce, answer.balance_base);
        if told != (entry.is_some(), nonce, balance) {
            return Err(lied("the account told is not the one proven"));
        }
        let authority = entry.map(|entry| entry.authority.to_string());
        if answer.authority != authority {
            return Err(lied("the authority told is not the one proven"));
        }
        let history = entry.map(|entry| entry.history.to_string());
        if answer.history.is_some() && answer.history != history {
            return Err(lied("the history told is not the one proven"));
        }
        Ok(header.time_ms)
    }

    /// Checks what a node says about `account` before block 1: the genesis is the state.
    fn first_account(&self, account: &AccountId, answer: &reply::Account) -> Outcome<u64> {
        self.at_genesis()?;
        let mut listed = self.genesis.accounts.iter();
        let listed = listed.find(|listed| listed.account == *account);
        let mut validators = self.genesis.validators.iter();
        let validates = validators.any(|validator| validator.account == *account);
        let balance = listed.map_or(0, |listed| listed.balance);
        let exists = listed.is_some() || validates;
        let first = exists.then(|| Hash(account.0).to_string());
        let authority = answer
            .authority
            .as_ref()
            .filter(|told| Some(*told) != first.as_ref());
        let told = (answer.exists, answer.nonce, answer.balance_base);
        if told != (exists, 0, balance) || authority.is_some() {
            return Err(lied("the account told is not the one of the genesis"));
        }
        Ok(self.genesis.time_ms)
    }

    /// Checks what a node says about the record that `sender` made of `digest`, also that there is
    /// none.
    ///
    /// # Errors
    /// As [`Verifier::account`].
    pub(crate) fn record(
        &mut self,
        sender: &AccountId,
        digest: &Hash,
        answer: &reply::Record,
    ) -> Outcome {
        let told = (
            answer.exists,
            answer.recorded_height,
            answer.recorded_ms,
            answer.note.clone(),
        );
        // The genesis holds no records.
        let mut proven = (false, None, None, None);
        if answer.at.height == 0 {
            self.at_genesis()?;
        } else {
            let (header, proof) = self.state(&answer.at)?;
            let entry = light::verify_record(&header, &proof, sender, digest);
            if let Some(record) = entry.map_err(lied)? {
                let (height, time_ms) = (Some(record.height), Some(record.time_ms));
                proven = (true, height, time_ms, Some(record.note));
            }
        }
        match told == proven {
            true => Ok(()),
            false => Err(lied("the record told is not the one proven")),
        }
    }

    /// Checks what a node says became of `transaction`, by its sender's history.
    ///
    /// # Errors
    /// As [`Verifier::account`].
    pub(crate) fn history(
        &mut self,
        transaction: &VerifiedTransaction,
        answer: &reply::History,
    ) -> Outcome<Past> {
        if answer.at.height == 0 {
            self.at_genesis()?;
            return Ok(Past::Open { next: 0 });
        }
        let (header, _) = self.state(&answer.at)?;
        light::verify_history(&header, &answer.proof()?, transaction).map_err(lied)
    }

    /// Checks what a node says about the stake of `account`, also that there is none. When a
    /// release is due is the node's word.
    ///
    /// # Errors
    /// As [`Verifier::account`].
    pub(crate) fn stake(&mut self, account: &AccountId, answer: &reply::Stake) -> Outcome {
        let entry = if answer.at.height == 0 {
            self.at_genesis()?;
            let mut validators = self.genesis.validators.iter();
            let listed = validators.find(|validator| validator.account == *account);
            listed.map(|listed| Stake {
                bonded: listed.stake,
                ..Stake::new(listed.consensus_key)
            })
        } else {
            let (header, proof) = self.state(&answer.at)?;
            light::verify_stake(&header, &proof, account).map_err(lied)?
        };
        match stake::told(answer) == entry.as_ref().map(stake::proven) {
            true => Ok(()),
            false => Err(lied("the stake told is not the one proven")),
        }
    }

    /// Checks what a node says about a consensus key, also that nobody ever named it.
    ///
    /// # Errors
    /// As [`Verifier::account`].
    pub(crate) fn consensus_key(
        &mut self,
        key: &PublicKey,
        answer: &reply::ConsensusKey,
    ) -> Outcome {
        let kind = self.genesis.kind;
        let proven = if answer.at.height == 0 {
            self.at_genesis()?;
            let mut validators = self.genesis.validators.iter();
            let listed = validators.find(|validator| validator.consensus_key == *key);
            listed.map(|listed| (listed.account.to_address(kind), false))
        } else {
            let (header, proof) = self.state(&answer.at)?;
            let place = StateKey::consensus_key(key);
            let value = proof.verify(&header.state_root, &place).map_err(lied)?;
            let entry = value.map(ConsensusKey::from_bytes).transpose();
            let entry = entry.map_err(lied)?;
            entry.map(|entry| (entry.account.to_address(kind), entry.excluded))
        };
        let told = (answer.exists, answer.account.clone(), answer.excluded);
        let expected = match proven {
            Some((account, excluded)) => (true, Some(account), excluded),
            None => (false, None, false),
        };
        match told == expected {
            true => Ok(()),
            false => Err(lied("the consensus key told is not the one proven")),
        }
    }
}

impl reply::History {
    /// Reads the proof in the answer.
    ///
    /// # Errors
    /// [`Exit::Verification`](crate::exit::Exit::Verification) if it is none.
    pub(crate) fn proof(&self) -> Outcome<HistoryProof> {
        let hash = |text: &String| {
            text.parse()
                .map_err(|error| lied(format!("an id is {error}")))
        };
        let ids = self.ids.iter().map(|id| hash(id).map(TransactionId));
        Ok(HistoryProof {
            account: state_proof(&self.at.proof)?,
            before: hash(&self.before)?,
            ids: ids.collect::<Outcome<_>>()?,
        })
    }
}
