//! What is signed for one purpose, on one network, is a signature for no other.

use starling_ledger::authority::Authority;
use starling_ledger::block::BlockHash;
use starling_ledger::codec::encode;
use starling_ledger::hash::{Context, Hash};
use starling_ledger::keys::{Ed25519, SecretKey, Signature, SignatureScheme, Signer};
use starling_ledger::transaction::{Action, Body, RawTransaction, Transaction, possession_hash};
use starling_ledger::vote::{Proposal, SignedProposal, SignedVote, Vote, VoteType};

/// Two networks.
const NETWORKS: [Hash; 2] = [Hash([1; 32]), Hash([2; 32])];

/// What one key can be asked to sign. A person who keeps a single key for all is the worst case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Transaction,
    Prevote,
    Precommit,
    Proposal,
    Possession,
    NodeRecord,
    /// TLS 1.3: what a node signs when it shows that it holds its key.
    Handshake,
}

const PURPOSES: [Purpose; 7] = [
    Purpose::Transaction,
    Purpose::Prevote,
    Purpose::Precommit,
    Purpose::Proposal,
    Purpose::Possession,
    Purpose::NodeRecord,
    Purpose::Handshake,
];

fn key() -> SecretKey {
    SecretKey::local("one key for all")
}

fn authority() -> Authority {
    Authority::Key(key().public_key())
}

fn body(action: Action) -> Body {
    Body {
        sender: None,
        nonce: 0,
        fee: 0,
        expires_at_ms: 0,
        memo: String::new(),
        actions: vec![action],
    }
}

fn vote(vote_type: VoteType) -> Vote {
    Vote {
        vote_type,
        height: 1,
        round: 0,
        block: Some(BlockHash(Hash([9; 32]))),
        validator: key().public_key(),
    }
}

fn proposal() -> Proposal {
    Proposal {
        height: 1,
        round: 0,
        block: BlockHash(Hash([9; 32])),
        pol_round: None,
        proposer: key().public_key(),
    }
}

/// A node record names the node and where it listens; here, any bytes.
fn node_record(genesis: &Hash) -> Hash {
    Hash::of(
        Context::NodeRecord,
        &[&genesis.0, key().public_key().as_bytes()],
    )
}

/// What is signed for a purpose.
fn message(purpose: Purpose, genesis: &Hash) -> Vec<u8> {
    let hash = match purpose {
        Purpose::Transaction => body(Action::Unjail).id(genesis, &authority().account()).0,
        Purpose::Prevote => vote(VoteType::Prevote).sign_hash(genesis),
        Purpose::Precommit => vote(VoteType::Precommit).sign_hash(genesis),
        Purpose::Proposal => proposal().sign_hash(genesis),
        Purpose::Possession => possession_hash(genesis, &authority().account()),
        Purpose::NodeRecord => node_record(genesis),
        Purpose::Handshake => {
            let context = b"TLS 1.3, server CertificateVerify\0";
            return [&[0x20; 64], &context[..], &genesis.0].concat();
        }
    };
    hash.0.to_vec()
}

/// Whether the ledger takes `signature` for that purpose on that network. Records of nodes and
/// handshakes are no values of the ledger: there the plain check of their message answers.
fn accepted(purpose: Purpose, genesis: &Hash, signature: Signature) -> bool {
    let signed = |body, signatures| Transaction {
        body,
        authority: authority(),
        signatures,
    };
    let verify = |transaction: Transaction| transaction.to_raw().verify(&Ed25519, genesis).is_ok();
    let voted = |vote_type| SignedVote {
        vote: vote(vote_type),
        signature,
    };
    match purpose {
        Purpose::Transaction => verify(signed(body(Action::Unjail), vec![signature])),
        Purpose::Prevote => voted(VoteType::Prevote).verify(&Ed25519, genesis),
        Purpose::Precommit => voted(VoteType::Precommit).verify(&Ed25519, genesis),
        Purpose::Proposal => SignedProposal {
            proposal: proposal(),
            signature,
        }
        .verify(&Ed25519, genesis),
        Purpose::Possession => {
            let body = body(Action::Bond {
                consensus_key: key().public_key(),
                amount: 1,
                proof_of_possession: signature,
            });
            let id = body.id(genesis, &authority().account());
            verify(signed(body, vec![key().sign(&id.0.0)]))
        }
        Purpose::NodeRecord | Purpose::Handshake => {
            Ed25519.verify(&key().public_key(), &message(purpose, genesis), &signature)
        }
    }
}

#[test]
fn a_signature_is_good_for_its_purpose_and_its_network_only() {
    for made_for in PURPOSES {
        for made_on in &NETWORKS {
            let signature = key().sign(&message(made_for, made_on));
            for used_for in PURPOSES {
                for used_on in &NETWORKS {
                    let same = (made_for, made_on) == (used_for, used_on);
                    assert_eq!(
                        accepted(used_for, used_on, signature),
                        same,
                        "{made_for:?} on {made_on:?} used as {used_for:?} on {used_on:?}"
                    );
                }
            }
        }
    }
}

/// The bytes of one kind do not decode as another, so that nothing is even asked.
#[test]
fn the_bytes_of_a_vote_or_proposal_are_no_transaction_and_the_reverse() {
    let vote = vote(VoteType::Precommit).sign(&NETWORKS[0], &key());
    let proposal = proposal().sign(&NETWORKS[0], &key());
    for bytes in [encode(&vote), encode(&proposal)] {
        assert!(RawTransaction(bytes.into()).decode().is_err());
    }
    let transaction = Transaction {
        body: body(Action::Unjail),
        authority: authority(),
        signatures: vec![vote.signature],
    };
    let bytes = encode(&transaction);
    assert!(starling_ledger::codec::decode::<SignedVote, 4096>(&bytes).is_err());
    assert!(starling_ledger::codec::decode::<SignedProposal, 4096>(&bytes).is_err());
}

/// A proof of possession binds the account: another cannot use it to bond the same key.
#[test]
fn a_proof_of_possession_is_of_one_account() {
    let other = SecretKey::local("other");
    let authority = Authority::Key(other.public_key());
    let genesis = &NETWORKS[0];
    let proof = key().sign(&message(Purpose::Possession, genesis));
    let body = body(Action::Bond {
        consensus_key: key().public_key(),
        amount: 1,
        proof_of_possession: proof,
    });
    let id = body.id(genesis, &authority.account());
    let transaction = Transaction {
        signatures: vec![other.sign(&id.0.0)],
        body,
        authority,
    };
    assert!(transaction.to_raw().verify(&Ed25519, genesis).is_err());
}
