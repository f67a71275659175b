//! One value of every type with a list, at the limit of each, and one item above it.

mod proofs;

use std::sync::LazyLock;

use bincode::{Decode, Encode};
use starling_ledger::address::{AccountId, NetworkKind};
use starling_ledger::authority::{Authority, POLICY_KEYS_MAX, Policy};
use starling_ledger::block::{
    BLOCK_BYTES_MAX, BLOCK_EVIDENCE_MAX, BLOCK_TRANSACTIONS_MAX, Block, BlockHash, BlockHeader,
    FinalBlock,
};
use starling_ledger::certificate::{CommitCertificate, CommitSignature};
use starling_ledger::codec::{CodecError, decode, encode};
use starling_ledger::evidence::Evidence;
use starling_ledger::genesis::{GENESIS_ACCOUNTS_MAX, Genesis, GenesisAccount, GenesisValidator};
use starling_ledger::hash::Hash;
use starling_ledger::keys::{PublicKey, SecretKey, Signature, Signer as _};
use starling_ledger::record::{RECORD_BYTES_MAX, Record};
use starling_ledger::staking::{
    CANDIDATES_MAX, Candidates, PRESENCE_BYTES_MAX, Presence, RELEASES_MAX, Release,
    STAKE_BYTES_MAX, Stake,
};
use starling_ledger::transaction::{
    ACTIONS_MAX, Action, Body, MEMO_BYTES_MAX, RawTransaction, TRANSACTION_BYTES_MAX, Transaction,
};
use starling_ledger::validators::{
    VALIDATOR_SET_BYTES_MAX, VALIDATORS_MAX, Validator, ValidatorSet,
};
use starling_ledger::vote::{Proposal, Vote, VoteType};

/// Most bytes of a stored genesis.
const GENESIS_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most bytes of a stored certificate.
const CERTIFICATE_BYTES_MAX: usize = 70 * 1024;

/// A value at its limits.
pub(crate) struct Value {
    /// Its type, and what of it is at the limit.
    pub(crate) name: String,
    /// The name of its type.
    pub(crate) kind: &'static str,
    /// Its encoding.
    pub(crate) most: Vec<u8>,
    /// The encoding of a value with one item more, where the list is not full for another reason.
    pub(crate) more: Option<Vec<u8>>,
    /// Decodes bytes as a value of the type and encodes that again.
    pub(crate) again: fn(&[u8]) -> Result<Vec<u8>, CodecError>,
}

/// All of them.
pub(crate) fn values() -> &'static [Value] {
    static VALUES: LazyLock<Vec<Value>> = LazyLock::new(|| {
        let mut values = transactions();
        values.extend(consensus());
        values.extend(blocks());
        values.extend(entries());
        values.push(genesis());
        values.extend(proofs::values());
        values
    });
    &VALUES
}

fn again<T: Encode + Decode<()>, const LIMIT: usize>(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    decode::<T, LIMIT>(bytes).map(|value| encode(&value))
}

/// `make` makes the value with so many items above the limit, 0 or 1.
fn value<T: Encode + Decode<()>, const LIMIT: usize>(
    what: &str,
    make: impl Fn(usize) -> T,
) -> Value {
    let path = std::any::type_name::<T>();
    let kind = path.rsplit("::").next().unwrap_or(path);
    let [most, more] = [0, 1].map(|above| encode(&make(above)));
    assert!(most.len() <= LIMIT, "{kind}, {what}: {} bytes", most.len());
    Value {
        name: format!("{kind}, {what}"),
        kind,
        more: (more != most && more.len() <= LIMIT).then_some(more),
        most,
        again: again::<T, LIMIT>,
    }
}

/// Keys in ascending order.
fn keys() -> &'static [PublicKey] {
    static KEYS: LazyLock<Vec<PublicKey>> = LazyLock::new(|| {
        let names = (0..=VALIDATORS_MAX).map(|number| format!("maxima {number}"));
        let mut keys: Vec<_> = names
            .map(|name| SecretKey::local(&name).public_key())
            .collect();
        keys.sort_unstable();
        keys
    });
    &KEYS
}

fn account(number: usize) -> AccountId {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&(number as u64).to_be_bytes());
    AccountId(id)
}

fn signatures(count: usize) -> Vec<Signature> {
    vec![Signature([0x51; 64]); count]
}

/// A policy as it is encoded, which need not be one.
fn policy(count: usize) -> Vec<u8> {
    let mut bytes = encode(&1u32);
    bytes.extend(encode(&(16u8, keys()[..count].to_vec())));
    bytes
}

fn widest() -> Authority {
    let keys = keys()[..POLICY_KEYS_MAX].to_vec();
    Authority::Policy(Policy::new(16, keys).unwrap())
}

fn record(note_bytes: usize) -> Action {
    Action::Record {
        digest: Hash([7; 32]),
        note: "n".repeat(note_bytes),
    }
}

fn body(memo_bytes: usize, actions: usize) -> Body {
    Body {
        sender: Some(account(1)),
        nonce: 7,
        fee: 1_000,
        expires_at_ms: 1_767_225_600_000,
        memo: "m".repeat(memo_bytes),
        actions: vec![record(MEMO_BYTES_MAX); actions],
    }
}

fn transaction(signers: usize) -> Transaction {
    Transaction {
        body: body(MEMO_BYTES_MAX, ACTIONS_MAX),
        authority: widest(),
        signatures: signatures(signers),
    }
}

fn transactions() -> Vec<Value> {
    const LIMIT: usize = TRANSACTION_BYTES_MAX;
    vec![
        value::<_, LIMIT>("note", |above| record(MEMO_BYTES_MAX + above)),
        value::<_, LIMIT>("memo", |above| body(MEMO_BYTES_MAX + above, ACTIONS_MAX)),
        value::<_, LIMIT>("actions", |above| body(MEMO_BYTES_MAX, ACTIONS_MAX + above)),
        value::<_, LIMIT>("signatures", |above| transaction(POLICY_KEYS_MAX + above)),
        Value {
            name: "Authority, keys".to_owned(),
            kind: "Authority",
            most: policy(POLICY_KEYS_MAX),
            more: Some(policy(POLICY_KEYS_MAX + 1)),
            again: again::<Authority, LIMIT>,
        },
    ]
}

fn certificate(signers: usize) -> CommitCertificate {
    let signature = |position| CommitSignature {
        validator: u16::try_from(position).unwrap(),
        signature: Signature([0x51; 64]),
    };
    CommitCertificate {
        height: 1,
        round: 0,
        block: BlockHash(Hash([1; 32])),
        signatures: (0..signers).map(signature).collect(),
    }
}

fn members(count: usize) -> Vec<Validator> {
    let member = |number: usize| Validator {
        account: account(number),
        key: keys()[number],
        power: 1,
    };
    (0..count).map(member).collect()
}

fn validators() -> ValidatorSet {
    ValidatorSet::new(members(VALIDATORS_MAX)).unwrap()
}

fn consensus() -> Vec<Value> {
    vec![
        value::<_, CERTIFICATE_BYTES_MAX>("signatures", |above| {
            certificate(VALIDATORS_MAX + above)
        }),
        Value {
            name: "ValidatorSet, members".to_owned(),
            kind: "ValidatorSet",
            most: encode(&validators()),
            more: Some(encode(&members(VALIDATORS_MAX + 1))),
            again: again::<ValidatorSet, { VALIDATOR_SET_BYTES_MAX + 72 }>,
        },
    ]
}

/// The longest evidence: two proposals in which every option is there.
fn evidence() -> Evidence {
    let proposal = |byte| Proposal {
        height: 5,
        round: 1,
        block: BlockHash(Hash([byte; 32])),
        pol_round: Some(0),
        proposer: keys()[0],
    };
    let vote = Vote {
        vote_type: VoteType::Precommit,
        height: 5,
        round: 1,
        block: Some(BlockHash(Hash([1; 32]))),
        validator: keys()[0],
    };
    let key = SecretKey::local("maxima");
    let signed = |byte| proposal(byte).sign(&Hash([3; 32]), &key);
    let proposals = Evidence::of_proposals(signed(1), signed(2));
    let vote = vote.sign(&Hash([3; 32]), &key);
    let votes = Evidence::of_votes(vote, vote);
    match encode(&proposals).len() > encode(&votes).len() {
        true => proposals,
        false => votes,
    }
}

fn header() -> BlockHeader {
    BlockHeader {
        version: 1,
        upgrade_signal: 1,
        genesis: Hash([3; 32]),
        height: 2,
        round: 1,
        parent: BlockHash(Hash([1; 32])),
        time_ms: 1_767_225_600_123,
        proposer: account(1),
        transaction_root: Hash([4; 32]),
        transaction_count: 10_000,
        state_root: Hash([5; 32]),
        validators_hash: validators().hash(),
        next_validators_hash: validators().hash(),
        evidence_root: Hash([6; 32]),
        evidence_count: 64,
        parent_certificate_hash: Hash([7; 32]),
    }
}

fn block(size_bytes: usize, transactions: usize, evidence: usize) -> Block {
    let raw = RawTransaction(vec![0; size_bytes].into());
    Block {
        header: header(),
        transactions: vec![raw; transactions],
        evidence: vec![self::evidence(); evidence],
        parent_certificate: Some(certificate(VALIDATORS_MAX)),
    }
}

fn final_block() -> FinalBlock {
    FinalBlock {
        block: block(209, BLOCK_TRANSACTIONS_MAX, BLOCK_EVIDENCE_MAX),
        certificate: certificate(VALIDATORS_MAX),
    }
}

/// Blocks of 2 MiB of transactions: the most of them, and the longest.
fn blocks() -> Vec<Value> {
    const LIMIT: usize = BLOCK_BYTES_MAX;
    const COUNT: usize = BLOCK_TRANSACTIONS_MAX;
    const LONGEST: usize = TRANSACTION_BYTES_MAX;
    const EVIDENCE: usize = BLOCK_EVIDENCE_MAX;
    vec![
        value::<_, LIMIT>("transactions", |above| block(209, COUNT + above, EVIDENCE)),
        value::<_, LIMIT>("evidence", |above| block(209, COUNT, EVIDENCE + above)),
        value::<_, LIMIT>("bytes", |above| block(LONGEST + above, 128, EVIDENCE)),
        value::<_, LIMIT>("everything", |_| final_block()),
    ]
}

fn genesis() -> Value {
    let genesis = |above: usize| Genesis {
        name: "n".repeat(32),
        kind: NetworkKind::Local,
        symbol: "S".repeat(8),
        accounts: (0..GENESIS_ACCOUNTS_MAX + above)
            .map(|number| GenesisAccount {
                account: account(number),
                balance: 1,
            })
            .collect(),
        validators: (0..VALIDATORS_MAX)
            .map(|number| GenesisValidator {
                account: account(number),
                consensus_key: keys()[number],
                stake: 1,
            })
            .collect(),
        ..Genesis::local("maxima", 1, 4)
    };
    value::<_, GENESIS_BYTES_MAX>("accounts", genesis)
}

fn entries() -> Vec<Value> {
    let record = |above: usize| Record {
        height: 1,
        time_ms: 2,
        note: "n".repeat(MEMO_BYTES_MAX + above),
    };
    let presence = |above: usize| Presence {
        counted: 1,
        signed: vec![1; VALIDATORS_MAX + above],
    };
    let stake = |above: usize| Stake {
        releases: (0..=RELEASES_MAX + above)
            .map(|epoch| Release {
                amount: 1,
                epoch: epoch as u64,
            })
            .collect(),
        ..Stake::new(keys()[0])
    };
    let candidates = |count: usize| {
        let mut candidates = Candidates::default();
        for number in 0..count {
            candidates.insert(7, account(number));
        }
        candidates.to_bytes()
    };
    vec![
        value::<Record, { RECORD_BYTES_MAX + 1 }>("note", record),
        value::<Presence, { PRESENCE_BYTES_MAX + 4 }>("validators", presence),
        value::<Stake, { STAKE_BYTES_MAX + 16 }>("releases", stake),
        Value {
            name: "Candidates".to_owned(),
            kind: "Candidates",
            most: candidates(CANDIDATES_MAX),
            // Above the limit of bytes as well, which speaks first.
            more: Some(candidates(CANDIDATES_MAX + 1)),
            again: |bytes| Candidates::from_bytes(bytes).map(|value| value.to_bytes()),
        },
    ]
}
