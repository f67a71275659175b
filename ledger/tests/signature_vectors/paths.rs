//! Every path of the ledger that checks signatures gives the verdicts of the one rule.
//!
//! What a path checks covers a hash of its own, so that no public vector is a signature over it.
//! Each path is therefore given a value with the vector's key and signature in its bytes, and a
//! scheme that puts the vector's message in the place of the hash, and asks Ed25519. So the test
//! shows that the path decodes the key, asks about this key and signature, and follows the answer;
//! that the hash is the right one is shown in `domains`.
//!
//! The paths of evidence, votes and proposals check one at a time; the others also in batches.

use std::sync::{Arc, LazyLock};

use starling_ledger::address::AccountId;
use starling_ledger::authority::Authority;
use starling_ledger::block::{Block, BlockHash};
use starling_ledger::certificate::{CertificateError, CommitCertificate, CommitSignature};
use starling_ledger::chain::ChainStore;
use starling_ledger::codec::{decode, encode};
use starling_ledger::evidence::Evidence;
use starling_ledger::execution::{BlockError, BlockLimits, BlockPlan, Checks, Tip, build, execute};
use starling_ledger::genesis::Genesis;
use starling_ledger::hash::{Context, Hash};
use starling_ledger::keys::{
    Ed25519, PublicKey, SecretKey, Signature, SignatureCheck, SignatureScheme, Signer,
};
use starling_ledger::storage::MemoryStorage;
use starling_ledger::transaction::{Action, Body, RawTransaction, Transaction, TransactionError};
use starling_ledger::validators::{Validator, ValidatorSet};
use starling_ledger::vote::{Proposal, SignedProposal, SignedVote, Vote, VoteType};

use super::chance::Chance;
use super::tally;
use super::vectors::Vector;

/// Most bytes of any value here.
const LIMIT: usize = 256 * 1024;
/// Stands where the vector's signature comes in.
const PLACEHOLDER: Signature = Signature([0xee; 64]);
/// Most partners of a vector in a batch.
const PARTNERS_MAX: usize = 40;

/// Stands where the vector's key comes in.
fn placeholder() -> PublicKey {
    static KEY: LazyLock<PublicKey> =
        LazyLock::new(|| SecretKey::local("placeholder").public_key());
    *KEY
}

/// Puts the vector's key and signature in the place of the placeholders.
fn with(vector: &Vector, bytes: &[u8]) -> Vec<u8> {
    let bytes = replaced(bytes, placeholder().as_bytes(), &vector.key);
    replaced(&bytes, &PLACEHOLDER.0, &vector.signature)
}

/// Puts `to` in the place of every `from`.
pub(crate) fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut result = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        result.extend([&rest[..at], to].concat());
        rest = &rest[at + from.len()..];
    }
    [&result, rest].concat()
}

/// Asks Ed25519, about the vector with the vector's own message.
struct Substitute<'a>(&'a Vector);

impl<'a> Substitute<'a> {
    fn message<'m>(&self, key: &PublicKey, message: &'m [u8], signature: &Signature) -> &'m [u8]
    where
        'a: 'm,
    {
        let of_vector = *key.as_bytes() == self.0.key && signature.0[..] == self.0.signature;
        if of_vector { &self.0.message } else { message }
    }
}

impl SignatureScheme for Substitute<'_> {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        Ed25519.verify(key, self.message(key, message, signature), signature)
    }

    fn verify_each(&self, checks: &[SignatureCheck<'_>]) -> Vec<bool> {
        let substitute = |check: &SignatureCheck<'_>| {
            let message = self.message(check.key, check.message, check.signature);
            Ed25519.verify(check.key, message, check.signature)
        };
        let alone = || checks.iter().map(substitute).collect::<Vec<_>>();
        let messages: Vec<Vec<u8>> = checks
            .iter()
            .map(|check| {
                self.message(check.key, check.message, check.signature)
                    .to_vec()
            })
            .collect();
        let substituted: Vec<_> = checks
            .iter()
            .zip(&messages)
            .map(|(check, message)| SignatureCheck { message, ..*check })
            .collect();
        let verdicts = Ed25519.verify_each(&substituted);
        assert_eq!(verdicts, alone());
        verdicts
    }
}

fn body(actions: Vec<Action>) -> Body {
    Body {
        sender: None,
        nonce: 0,
        fee: 1_000,
        expires_at_ms: u64::MAX,
        memo: String::new(),
        actions,
    }
}

/// A network with the first state of its genesis.
struct Network {
    tip: Tip,
    empty: Block,
    /// Transactions of others, every third with a wrong signature.
    partners: Vec<(RawTransaction, bool)>,
}

static NETWORK: LazyLock<Network> = LazyLock::new(|| {
    let chain = ChainStore::new(Arc::new(MemoryStorage::new()));
    chain
        .init_genesis(&Genesis::local("vectors", 1_000, 4))
        .unwrap();
    let tip = chain.tip().unwrap();
    let limits = BlockLimits {
        bytes_max: u32::MAX,
        transactions_max: u32::MAX,
    };
    let plan = BlockPlan {
        round: 0,
        clock_ms: 2_000,
        candidates: &[],
        evidence: &[],
        parent_certificate: None,
        limits,
    };
    let empty = build(&tip, plan).unwrap().block;
    let partner = |number: usize| {
        let secret = SecretKey::local(&format!("sender {number}"));
        let authority = Authority::Key(secret.public_key());
        let body = body(vec![Action::Unjail]);
        let id = body.id(&tip.genesis_hash, &authority.account());
        let valid = !number.is_multiple_of(3);
        let mut signature = secret.sign(&id.0.0);
        signature.0[number % 64] ^= u8::from(!valid);
        let signatures = vec![signature];
        let transaction = Transaction {
            body,
            authority,
            signatures,
        };
        (transaction.to_raw(), valid)
    };
    let partners = (0..60).map(partner).collect();
    Network {
        partners,
        tip,
        empty,
    }
});

fn genesis() -> &'static Hash {
    &NETWORK.tip.genesis_hash
}

/// A transaction that the vector authorizes.
fn authorized(vector: &Vector) -> RawTransaction {
    let transaction = Transaction {
        body: body(vec![Action::Unjail]),
        authority: Authority::Key(placeholder()),
        signatures: vec![PLACEHOLDER],
    };
    RawTransaction(with(vector, &encode(&transaction)).into())
}

/// A transaction, well signed, that bonds the vector's key with its signature as the proof.
fn bonding(vector: &Vector) -> RawTransaction {
    let bond = Action::Bond {
        consensus_key: placeholder(),
        amount: 1,
        proof_of_possession: PLACEHOLDER,
    };
    let body = with(vector, &encode(&body(vec![bond])));
    let owner = SecretKey::local("owner");
    let authority = Authority::Key(owner.public_key());
    let parts: [&[u8]; 3] = [&genesis().0, &authority.account().0, &body];
    let signature = owner.sign(&Hash::of(Context::Transaction, &parts).0);
    let bytes = [body, encode(&authority), encode(&vec![signature])].concat();
    RawTransaction(bytes.into())
}

fn admitted(vector: &Vector, raw: &RawTransaction) -> bool {
    raw.verify(&Substitute(vector), genesis()).is_ok()
}

fn admitted_together(vector: &Vector, raw: RawTransaction, chance: &mut Chance) -> bool {
    let mut others: Vec<_> = (0..chance.below(PARTNERS_MAX))
        .map(|_| NETWORK.partners[chance.below(NETWORK.partners.len())].clone())
        .collect();
    let place = chance.below(others.len() + 1);
    others.insert(place, (raw, false));
    let raws: Vec<_> = others.iter().map(|(raw, _)| raw.clone()).collect();
    let results = RawTransaction::verify_each(&raws, &Substitute(vector), genesis());
    let mut verdicts: Vec<_> = results.iter().map(Result::is_ok).collect();
    let (verdict, _) = (verdicts.remove(place), others.remove(place));
    assert!(others.iter().map(|(_, valid)| *valid).eq(verdicts));
    verdict
}

/// Whether a block passes the check of signatures with the vector's transaction among `count`
/// others; then it fails at the next rule, as nobody in it has an account.
fn in_a_block(vector: &Vector, count: usize, chance: &mut Chance) -> bool {
    let valid = NETWORK.partners.iter().filter(|(_, valid)| *valid);
    let mut transactions: Vec<_> = valid.take(count).map(|(raw, _)| raw.clone()).collect();
    let place = chance.below(transactions.len() + 1);
    transactions.insert(place, authorized(vector));
    let mut block = NETWORK.empty.clone();
    block.header.transaction_count = u32::try_from(transactions.len()).unwrap();
    block.header.transaction_root = Block::transaction_root(&transactions);
    block.transactions = transactions;
    let scheme = Substitute(vector);
    let checks = Checks {
        scheme: &scheme,
        transactions: &|all| {
            let verified = RawTransaction::verify_all(all, &scheme, genesis())?;
            Ok(verified.into_iter().map(Arc::new).collect())
        },
        verified_certificate: None,
    };
    match execute(&NETWORK.tip, &block, &checks).unwrap_err() {
        BlockError::Apply { .. } => true,
        BlockError::Transaction { index, error } => {
            assert_eq!(index, place);
            let named = [TransactionError::Signature];
            assert!(named.contains(&error) || matches!(error, TransactionError::Codec(_)));
            false
        }
        other => panic!("{other}"),
    }
}

fn vote(block: u8, validator: PublicKey) -> Vote {
    Vote {
        vote_type: VoteType::Precommit,
        height: 5,
        round: 1,
        block: Some(BlockHash(Hash([block; 32]))),
        validator,
    }
}

fn proposal(block: u8) -> SignedProposal {
    SignedProposal {
        proposal: Proposal {
            height: 5,
            round: 1,
            block: BlockHash(Hash([block; 32])),
            pol_round: None,
            proposer: placeholder(),
        },
        signature: PLACEHOLDER,
    }
}

fn signed_vote(block: u8) -> SignedVote {
    SignedVote {
        vote: vote(block, placeholder()),
        signature: PLACEHOLDER,
    }
}

fn voted(vector: &Vector) -> bool {
    decode::<SignedVote, LIMIT>(&with(vector, &encode(&signed_vote(7))))
        .is_ok_and(|signed| signed.verify(&Substitute(vector), genesis()))
}

fn proposed(vector: &Vector) -> bool {
    decode::<SignedProposal, LIMIT>(&with(vector, &encode(&proposal(7))))
        .is_ok_and(|signed| signed.verify(&Substitute(vector), genesis()))
}

fn proven(vector: &Vector, evidence: &Evidence) -> bool {
    decode::<Evidence, LIMIT>(&with(vector, &encode(evidence)))
        .is_ok_and(|evidence| evidence.verify(&Substitute(vector), genesis()).is_ok())
}

/// Whether a certificate proves its block, with the vector as the precommit of one of `count`
/// validators.
fn certified(vector: &Vector, count: usize, chance: &mut Chance) -> bool {
    static SIGNED: LazyLock<Vec<(PublicKey, Signature)>> = LazyLock::new(|| {
        let sign = |number| {
            let secret = SecretKey::local(&format!("validator {number}"));
            let signed = vote(7, secret.public_key()).sign(genesis(), &secret);
            (secret.public_key(), signed.signature)
        };
        (0..PARTNERS_MAX).map(sign).collect()
    });
    let place = chance.below(count);
    let mut signed: Vec<_> = SIGNED[..count].to_vec();
    signed[place] = (placeholder(), PLACEHOLDER);
    let member = |(number, (key, _)): (u8, &(PublicKey, Signature))| Validator {
        account: AccountId([number; 32]),
        key: *key,
        power: 1,
    };
    let members = ValidatorSet::new((0..).zip(&signed).map(member).collect()).unwrap();
    let precommit = |(validator, (_, signature)): (u16, &(PublicKey, Signature))| CommitSignature {
        validator,
        signature: *signature,
    };
    let certificate = CommitCertificate {
        height: 5,
        round: 1,
        block: BlockHash(Hash([7; 32])),
        signatures: (0..).zip(&signed).map(precommit).collect(),
    };
    let members = decode::<ValidatorSet, LIMIT>(&with(vector, &encode(&members)));
    let certificate = decode::<CommitCertificate, LIMIT>(&with(vector, &encode(&certificate)));
    let (Ok(members), Ok(certificate)) = (members, certificate) else {
        return false;
    };
    match certificate.verify(&Substitute(vector), genesis(), &members) {
        Ok(power) => usize::try_from(power) == Ok(count),
        Err(CertificateError::Signature { index }) => {
            assert_eq!(usize::from(index), place);
            false
        }
        Err(other) => panic!("{other}"),
    }
}

/// Counts the verdicts of one path.
fn path(name: &str, verdict: impl FnMut(&Vector) -> bool) {
    tally(name, |row| row.3, verdict);
}

#[test]
fn transactions_and_blocks_have_the_verdicts_of_the_ledger() {
    let mut chance = Chance::new(3);
    path("transaction, alone", |vector| {
        admitted(vector, &authorized(vector))
    });
    path("transaction, in batches", |vector| {
        admitted_together(vector, authorized(vector), &mut chance)
    });
    path("proof of possession, alone", |vector| {
        admitted(vector, &bonding(vector))
    });
    path("proof of possession, in batches", |vector| {
        admitted_together(vector, bonding(vector), &mut chance)
    });
    path("block of one transaction", |vector| {
        in_a_block(vector, 0, &mut chance)
    });
    path("block of several transactions", |vector| {
        let count = chance.below(PARTNERS_MAX);
        in_a_block(vector, count, &mut chance)
    });
}

#[test]
fn consensus_messages_have_the_verdicts_of_the_ledger() {
    let mut chance = Chance::new(4);
    path("vote", voted);
    path("proposal", proposed);
    let of_votes = Evidence::of_votes(signed_vote(1), signed_vote(2));
    path("evidence of votes", |vector| proven(vector, &of_votes));
    let of_proposals = Evidence::of_proposals(proposal(1), proposal(2));
    path("evidence of proposals", |vector| {
        proven(vector, &of_proposals)
    });
    path("certificate of one validator", |vector| {
        certified(vector, 1, &mut chance)
    });
    path("certificate of several validators", |vector| {
        let count = chance.below(PARTNERS_MAX) + 1;
        certified(vector, count, &mut chance)
    });
}
