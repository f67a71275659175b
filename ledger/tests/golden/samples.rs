//! One value of every type of the format, made of publicly known keys and fixed numbers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bincode::{Decode, Encode};
use starling_ledger::address::{AccountId, NetworkKind};
use starling_ledger::authority::{Authority, Policy};
use starling_ledger::block::{BLOCK_BYTES_MAX, Block, BlockHash, BlockHeader, FinalBlock};
use starling_ledger::certificate::{CommitCertificate, CommitSignature};
use starling_ledger::codec::{CodecError, decode, encode};
use starling_ledger::evidence::Evidence;
use starling_ledger::genesis::{Genesis, GenesisAccount, GenesisValidator, Parameters};
use starling_ledger::hash::{Context, Hash};
use starling_ledger::keys::{PublicKey, SecretKey, Signer};
use starling_ledger::state::{PROOF_BYTES_MAX, State, StateProof};
use starling_ledger::storage::{MemoryStorage, Storage};
use starling_ledger::transaction::{
    Action, Body, RawTransaction, TRANSACTION_BYTES_MAX, Transaction, possession_hash,
};
use starling_ledger::validators::{Validator, ValidatorSet};
use starling_ledger::vote::{Proposal, SignedProposal, SignedVote, Vote, VoteType};

/// Most bytes of any sample of consensus or genesis.
const SMALL_BYTES_MAX: usize = 256 * 1024;
/// Most bytes of a block with its certificate.
const FINAL_BYTES_MAX: usize = BLOCK_BYTES_MAX + SMALL_BYTES_MAX;

/// One value: where it is written down, its bytes, and the way through its type.
pub(crate) struct Sample {
    /// The file it stands in.
    pub(crate) file: &'static str,
    /// Its name in the file.
    pub(crate) name: &'static str,
    /// Its encoding.
    pub(crate) bytes: Vec<u8>,
    /// Decodes bytes as a value of the type and encodes that again.
    pub(crate) again: fn(&[u8]) -> Result<Vec<u8>, CodecError>,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name, self.file)
    }
}

fn again<T: Encode + Decode<()>, const LIMIT: usize>(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    decode::<T, LIMIT>(bytes).map(|value| encode(&value))
}

fn sample<T: Encode + Decode<()>, const LIMIT: usize>(
    file: &'static str,
    name: &'static str,
    value: &T,
) -> Sample {
    Sample {
        file,
        name,
        bytes: encode(value),
        again: again::<T, LIMIT>,
    }
}

/// All samples; those of one file stand together.
pub(crate) fn all() -> Vec<Sample> {
    let mut samples = transactions();
    samples.extend(consensus());
    samples.extend(blocks());
    samples.extend(documents());
    samples
}

fn network() -> Hash {
    Hash::of(Context::Genesis, &[b"golden"])
}

fn key(name: &str) -> PublicKey {
    SecretKey::local(name).public_key()
}

fn account(name: &str) -> AccountId {
    Authority::Key(key(name)).account()
}

fn two_of_three() -> (Vec<SecretKey>, Authority) {
    let mut keys: Vec<_> = ["alice", "bob", "carol"].map(SecretKey::local).into();
    keys.sort_by_key(Signer::public_key);
    let public = keys.iter().map(Signer::public_key).collect();
    let policy = Policy::new(2, public).unwrap();
    (keys, Authority::Policy(policy))
}

fn body(sender: Option<AccountId>, actions: Vec<Action>) -> Body {
    Body {
        sender,
        nonce: 7,
        fee: 1_000,
        expires_at_ms: 1_767_225_600_000,
        memo: "café".to_owned(),
        actions,
    }
}

fn signed(body: Body, authority: Authority, keys: &[&SecretKey]) -> Transaction {
    let sender = body.sender.unwrap_or_else(|| authority.account());
    let id = body.id(&network(), &sender);
    Transaction {
        signatures: keys.iter().map(|key| key.sign(&id.0.0)).collect(),
        body,
        authority,
    }
}

fn actions() -> [(&'static str, Action); 7] {
    let bob = SecretKey::local("bob");
    let proof = possession_hash(&network(), &account("alice"));
    let transfer = Action::Transfer {
        to: account("bob"),
        amount: 1_500_000,
    };
    let record = Action::Record {
        digest: Hash::of(Context::LocalKey, &[b"document"]),
        note: "minutes".to_owned(),
    };
    let bond = Action::Bond {
        consensus_key: bob.public_key(),
        amount: 10_000,
        proof_of_possession: bob.sign(&proof.0),
    };
    let (_, policy) = two_of_three();
    let set = |authority| Action::SetAuthority { authority };
    [
        ("action_transfer", transfer),
        ("action_record", record),
        ("action_set_authority_key", set(Authority::Key(key("bob")))),
        ("action_set_authority_policy", set(policy)),
        ("action_bond", bond),
        ("action_unbond", Action::Unbond { amount: 10_000 }),
        ("action_unjail", Action::Unjail),
    ]
}

/// A transaction by one key, and one by a policy in the name of another account.
fn two_transactions() -> (Transaction, Transaction) {
    let alice = SecretKey::local("alice");
    let every = actions().map(|(_, action)| action);
    let plain = body(None, every.into());
    let (keys, policy) = two_of_three();
    let named = body(Some(account("dave")), vec![Action::Unjail]);
    (
        signed(plain, Authority::Key(alice.public_key()), &[&alice]),
        signed(named, policy, &[&keys[0], &keys[2]]),
    )
}

fn transactions() -> Vec<Sample> {
    const FILE: &str = "transaction.txt";
    const LIMIT: usize = TRANSACTION_BYTES_MAX;
    let mut samples: Vec<_> = actions()
        .iter()
        .map(|(name, action)| sample::<_, LIMIT>(FILE, name, action))
        .collect();
    for (names, transaction) in TRANSACTION_NAMES
        .iter()
        .zip(<[_; 2]>::from(two_transactions()))
    {
        let [authority, sender, body, id, whole, wire_id] = *names;
        let meant = transaction.body.id(&network(), &transaction.sender());
        let wire = transaction.to_raw().wire_id();
        samples.extend([
            sample::<_, LIMIT>(FILE, authority, &transaction.authority),
            sample::<_, LIMIT>(FILE, sender, &transaction.sender()),
            sample::<_, LIMIT>(FILE, body, &transaction.body),
            sample::<_, LIMIT>(FILE, id, &meant),
            sample::<_, LIMIT>(FILE, whole, &transaction),
            sample::<_, LIMIT>(FILE, wire_id, &wire),
        ]);
    }
    samples
}

const TRANSACTION_NAMES: [[&str; 6]; 2] = [
    [
        "key_authority",
        "key_sender",
        "key_body",
        "key_transaction_id",
        "key_transaction",
        "key_wire_id",
    ],
    [
        "policy_authority",
        "policy_sender",
        "policy_body",
        "policy_transaction_id",
        "policy_transaction",
        "policy_wire_id",
    ],
];

fn block_hash(name: &str) -> BlockHash {
    BlockHash(Hash::of(Context::Block, &[name.as_bytes()]))
}

fn vote(vote_type: VoteType, block: Option<BlockHash>) -> SignedVote {
    let vote = Vote {
        vote_type,
        height: 5,
        round: 1,
        block,
        validator: key("alice"),
    };
    vote.sign(&network(), &SecretKey::local("alice"))
}

fn proposal(block: BlockHash, pol_round: Option<u32>) -> SignedProposal {
    let proposal = Proposal {
        height: 5,
        round: 1,
        block,
        pol_round,
        proposer: key("alice"),
    };
    proposal.sign(&network(), &SecretKey::local("alice"))
}

fn two_votes() -> Evidence {
    let other = vote(VoteType::Precommit, None);
    Evidence::of_votes(vote(VoteType::Precommit, Some(block_hash("one"))), other)
}

fn certificate() -> CommitCertificate {
    let signature = |(position, name): (u16, &str)| {
        let precommit = Vote {
            vote_type: VoteType::Precommit,
            height: 1,
            round: 0,
            block: Some(block_hash("one")),
            validator: key(name),
        };
        CommitSignature {
            validator: position,
            signature: precommit
                .sign(&network(), &SecretKey::local(name))
                .signature,
        }
    };
    CommitCertificate {
        height: 1,
        round: 0,
        block: block_hash("one"),
        signatures: [(0, "alice"), (2, "carol")].map(signature).into(),
    }
}

fn validators() -> ValidatorSet {
    let member = |(name, power)| Validator {
        account: account(name),
        key: key(name),
        power,
    };
    ValidatorSet::new([("alice", 10), ("bob", 20)].map(member).into()).unwrap()
}

fn consensus() -> Vec<Sample> {
    const FILE: &str = "consensus.txt";
    const LIMIT: usize = SMALL_BYTES_MAX;
    let prevote = vote(VoteType::Prevote, Some(block_hash("one")));
    let fresh = proposal(block_hash("one"), None);
    let locked = proposal(block_hash("two"), Some(0));
    let two_proposals = Evidence::of_proposals(fresh, locked);
    vec![
        sample::<_, LIMIT>(FILE, "vote", &prevote.vote),
        sample::<_, LIMIT>(FILE, "vote_sign_hash", &prevote.vote.sign_hash(&network())),
        sample::<_, LIMIT>(FILE, "signed_prevote", &prevote),
        sample::<_, LIMIT>(
            FILE,
            "signed_precommit_nil",
            &vote(VoteType::Precommit, None),
        ),
        sample::<_, LIMIT>(FILE, "proposal", &fresh.proposal),
        sample::<_, LIMIT>(
            FILE,
            "proposal_sign_hash",
            &fresh.proposal.sign_hash(&network()),
        ),
        sample::<_, LIMIT>(FILE, "signed_proposal", &fresh),
        sample::<_, LIMIT>(FILE, "signed_proposal_locked", &locked),
        sample::<_, LIMIT>(FILE, "certificate", &certificate()),
        sample::<_, LIMIT>(FILE, "certificate_hash", &certificate().hash()),
        sample::<_, LIMIT>(FILE, "evidence_votes", &two_votes()),
        sample::<_, LIMIT>(FILE, "evidence_votes_hash", &two_votes().hash()),
        sample::<_, LIMIT>(FILE, "evidence_proposals", &two_proposals),
        sample::<_, LIMIT>(FILE, "validator_set", &validators()),
        sample::<_, LIMIT>(FILE, "validator_set_hash", &validators().hash()),
    ]
}

fn header(transactions: &[RawTransaction], evidence: &[Evidence]) -> BlockHeader {
    BlockHeader {
        version: 1,
        upgrade_signal: 1,
        genesis: network(),
        height: 2,
        round: 1,
        parent: block_hash("one"),
        time_ms: 1_767_225_600_123,
        proposer: account("bob"),
        transaction_root: Block::transaction_root(transactions),
        transaction_count: u32::try_from(transactions.len()).unwrap(),
        state_root: Hash::of(Context::StateNode, &[b"golden"]),
        validators_hash: validators().hash(),
        next_validators_hash: validators().hash(),
        evidence_root: Block::evidence_root(evidence),
        evidence_count: u32::try_from(evidence.len()).unwrap(),
        parent_certificate_hash: certificate().hash(),
    }
}

fn blocks() -> Vec<Sample> {
    const FILE: &str = "block.txt";
    let (one, other) = two_transactions();
    let transactions = vec![one.to_raw(), other.to_raw()];
    let evidence = vec![two_votes()];
    let header = header(&transactions, &evidence);
    let block = Block {
        header: header.clone(),
        transactions,
        evidence,
        parent_certificate: Some(certificate()),
    };
    let first = Block {
        header: BlockHeader {
            parent_certificate_hash: Block::certificate_hash(None),
            height: 1,
            ..header.clone()
        },
        transactions: vec![],
        evidence: vec![],
        parent_certificate: None,
    };
    let last = FinalBlock {
        block: block.clone(),
        certificate: certificate(),
    };
    vec![
        sample::<_, SMALL_BYTES_MAX>(FILE, "header", &header),
        sample::<_, SMALL_BYTES_MAX>(FILE, "block_hash", &header.hash()),
        sample::<_, BLOCK_BYTES_MAX>(FILE, "block", &block),
        sample::<_, BLOCK_BYTES_MAX>(FILE, "block_1", &first),
        sample::<_, FINAL_BYTES_MAX>(FILE, "final_block", &last),
    ]
}

fn genesis() -> Genesis {
    Genesis {
        name: "golden".to_owned(),
        kind: NetworkKind::Local,
        time_ms: 1_767_225_600_000,
        symbol: "STAR".to_owned(),
        decimals: 6,
        parameters: Parameters {
            fee_base: 100,
            fee_per_byte: 1,
            entry_fee: 1_000,
            block_bytes_max: 2_097_152,
            block_transactions_max: 10_000,
            idle_block_ms: 10_000,
            min_block_ms: 100,
            propose_timeout_ms: 400,
            vote_timeout_ms: 200,
            timeout_step_ms: 100,
            validators_max: 100,
            epoch_blocks: 1_000,
            bond_min: 1_000_000,
            unbonding_ms: 1_209_600_000,
            evidence_age_ms: 1_209_600_000,
            trust_period_ms: 604_800_000,
            slash_equivocation_permille: 50,
        },
        accounts: vec![GenesisAccount {
            account: account("alice"),
            balance: 5_000_000,
        }],
        validators: vec![GenesisValidator {
            account: account("bob"),
            consensus_key: key("bob"),
            stake: 1_000_000,
        }],
    }
}

fn state() -> State {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let entry = |number: u8| (vec![number; 33], Some(vec![number; 80]));
    let changes: BTreeMap<_, _> = (0..40).map(entry).collect();
    State::open(&storage)
        .unwrap()
        .update(&changes)
        .unwrap()
        .state
}

fn documents() -> Vec<Sample> {
    let proofs = [[1; 33], [200; 33]].map(|key| state().prove(&key).unwrap());
    let [present, absent] = proofs;
    vec![
        sample::<_, SMALL_BYTES_MAX>("genesis.txt", "genesis", &genesis()),
        sample::<_, SMALL_BYTES_MAX>("genesis.txt", "genesis_hash", &genesis().hash()),
        sample::<_, 64>("state.txt", "state_root", &state().root()),
        sample::<StateProof, PROOF_BYTES_MAX>("state.txt", "proof_of_presence", &present),
        sample::<StateProof, PROOF_BYTES_MAX>("state.txt", "proof_of_absence", &absent),
    ]
}
