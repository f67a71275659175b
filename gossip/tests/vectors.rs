//! The bytes of every message, put together field by field as `WIRE.md` describes them.

use std::sync::Arc;

use starling_gossip::PeerId;
use starling_gossip::message::sync::RawBlocks;
use starling_gossip::message::{
    AddressFrame, Bits, BlockFrame, CallId, ConsensusFrame, ConsensusMessage, Have, Hello,
    NodeAddress, OwnMessage, PolkaCertificate, RollAnswer, RollCall, RollMessage, RoundCertificate,
    RoundSignature, SignedStep, SkipKind, SyncFrame, TransactionFrame,
};
use starling_ledger::block::BlockHash;
use starling_ledger::certificate::CommitSignature;
use starling_ledger::evidence::Evidence;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{SecretKey, Signature, Signer as _};
use starling_ledger::transaction::RawTransaction;
use starling_ledger::vote::{Proposal, SignedProposal, SignedVote, Vote, VoteType};

const HEIGHT: u64 = 0x0102_0304_0506_0708;
const HEIGHT_BYTES: &str = "0807060504030201";
const ROUND: u32 = 5;
const ROUND_BYTES: &str = "05000000";
const BLOCK: BlockHash = BlockHash(Hash([0xB1; 32]));
const SIGNATURE: Signature = Signature([0x51; 64]);

/// Joins hexadecimal pieces; `b*32` is a byte repeated.
fn bytes(pieces: &[&str]) -> Vec<u8> {
    let mut all = Vec::new();
    for piece in pieces {
        let (digits, times) = match piece.split_once('*') {
            Some((digits, times)) => (digits, times.parse().expect("a number")),
            None => (*piece, 1),
        };
        for _ in 0..times {
            let digits = digits.as_bytes().chunks(2);
            all.extend(digits.map(|pair| {
                u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex")
            }));
        }
    }
    all
}

fn assert_consensus(frame: ConsensusFrame, pieces: &[&str]) {
    assert_eq!(frame.encode(), bytes(pieces));
    assert_eq!(ConsensusFrame::decode(&frame.encode()), Ok(Some(frame)));
}

fn assert_message(message: ConsensusMessage, pieces: &[&str]) {
    assert_consensus(
        ConsensusFrame::Message(message),
        &[&["03000000"], pieces].concat(),
    );
}

fn key_hex() -> String {
    let key = SecretKey::local("vectors").public_key();
    Hash(*key.as_bytes()).to_string()
}

#[test]
fn hello() {
    let hello = Hello {
        version_from: 1,
        version_to: 2,
        features: 3,
        genesis: Hash([0x6E; 32]),
        network: "local".to_owned(),
        height: HEIGHT,
        listen: vec![
            "1.2.3.4:258".parse().unwrap(),
            "[::1]:7000".parse().unwrap(),
        ],
        salt: 6,
        instance: 7,
    };
    assert_consensus(
        ConsensusFrame::Hello(hello),
        &[
            "00000000",
            "01000000",
            "02000000",
            "0300000000000000",
            "6e*32",
            "0500000000000000",
            "6c6f63616c",
            HEIGHT_BYTES,
            "0200000000000000",
            "00000000",
            "01020304",
            "0201",
            "01000000",
            "00*15",
            "01",
            "581b",
            "0600000000000000",
            "0700000000000000",
        ],
    );
}

#[test]
fn ping_and_pong() {
    assert_consensus(ConsensusFrame::Ping(HEIGHT), &["01000000", HEIGHT_BYTES]);
    assert_consensus(ConsensusFrame::Pong(HEIGHT), &["02000000", HEIGHT_BYTES]);
    assert_consensus(ConsensusFrame::Time(HEIGHT), &["06000000", HEIGHT_BYTES]);
}

/// A precommit for no block.
fn precommit() -> Vote {
    Vote {
        vote_type: VoteType::Precommit,
        height: HEIGHT,
        round: ROUND,
        block: None,
        validator: SecretKey::local("vectors").public_key(),
    }
}

#[test]
fn vote() {
    let vote = precommit();
    let message = ConsensusMessage::Vote(SignedVote {
        vote,
        signature: SIGNATURE,
    });
    let key = key_hex();
    assert_message(
        message,
        &[
            "01000000",
            "01000000",
            HEIGHT_BYTES,
            ROUND_BYTES,
            "00",
            &key,
            "51*64",
        ],
    );
}

#[test]
fn proposal() {
    let proposer = SecretKey::local("vectors").public_key();
    let proposal = Proposal {
        height: HEIGHT,
        round: ROUND,
        block: BLOCK,
        pol_round: Some(4),
        proposer,
    };
    let message = ConsensusMessage::Proposal(SignedProposal {
        proposal,
        signature: SIGNATURE,
    });
    let key = key_hex();
    assert_message(
        message,
        &[
            "00000000",
            HEIGHT_BYTES,
            ROUND_BYTES,
            "b1*32",
            "01",
            "04000000",
            &key,
            "51*64",
        ],
    );
}

#[test]
fn polka() {
    let polka = PolkaCertificate {
        height: HEIGHT,
        round: ROUND,
        block: BLOCK,
        signatures: vec![CommitSignature {
            validator: 0x0201,
            signature: SIGNATURE,
        }],
    };
    assert_message(
        ConsensusMessage::Polka(polka),
        &[
            "02000000",
            HEIGHT_BYTES,
            ROUND_BYTES,
            "b1*32",
            "0100000000000000",
            "0102",
            "51*64",
        ],
    );
}

fn round_certificate(order: [u16; 2]) -> RoundCertificate {
    let entry = |validator| RoundSignature {
        validator,
        vote_type: VoteType::Precommit,
        block: Some(BLOCK),
        signature: SIGNATURE,
    };
    RoundCertificate {
        height: HEIGHT,
        round: ROUND,
        kind: SkipKind::Precommit,
        signatures: order.map(entry).to_vec(),
    }
}

#[test]
fn round_skip() {
    let vote = ["01000000", "01", "b1*32", "51*64"];
    let head = [
        "03000000",
        HEIGHT_BYTES,
        ROUND_BYTES,
        "01000000",
        "0200000000000000",
    ];
    assert_message(
        ConsensusMessage::RoundSkip(round_certificate([1, 2])),
        &[&head[..], &["0100"], &vote, &["0200"], &vote].concat(),
    );
}

#[test]
fn evidence() {
    let validator = SecretKey::local("vectors").public_key();
    let vote = |block| SignedVote {
        vote: Vote {
            vote_type: VoteType::Prevote,
            height: HEIGHT,
            round: ROUND,
            block,
            validator,
        },
        signature: SIGNATURE,
    };
    let key = key_hex();
    let head = ["00000000", HEIGHT_BYTES, ROUND_BYTES];
    let kinds = ["04000000", "00000000"];
    let (nil, block) = (["00"], ["01", "b1*32"]);
    let tail = [key.as_str(), "51*64"];
    assert_message(
        ConsensusMessage::Evidence(Box::new(Evidence::of_votes(vote(Some(BLOCK)), vote(None)))),
        &[&kinds[..], &head, &nil, &tail, &head, &block, &tail].concat(),
    );
}

#[test]
fn refuses_certificates_out_of_order() {
    for order in [[2, 1], [1, 1]] {
        let message = ConsensusMessage::RoundSkip(round_certificate(order));
        assert!(ConsensusFrame::decode(&ConsensusFrame::Message(message).encode()).is_err());
        let signature = |validator| CommitSignature {
            validator,
            signature: SIGNATURE,
        };
        let polka = PolkaCertificate {
            height: 1,
            round: 0,
            block: BLOCK,
            signatures: order.map(signature).to_vec(),
        };
        let message = ConsensusMessage::Polka(polka);
        assert!(ConsensusFrame::decode(&ConsensusFrame::Message(message).encode()).is_err());
    }
}

#[test]
fn have() {
    let have = Have {
        height: HEIGHT,
        round: ROUND,
        proposal: true,
        valid_round: None,
        has_block: false,
        prevotes: [0, 8].into_iter().collect(),
        precommits: Bits::default(),
    };
    assert_consensus(
        ConsensusFrame::Have(have),
        &[
            "04000000",
            HEIGHT_BYTES,
            ROUND_BYTES,
            "01",
            "00",
            "00",
            "0200000000000000",
            "0101",
            "0000000000000000",
        ],
    );
}

#[test]
fn roll_call() {
    let validator = SecretKey::local("vectors").public_key();
    let call = RollCall {
        validator,
        instance: 6,
        number: 7,
        known: Some((HEIGHT, ROUND, SignedStep::Precommit)),
    };
    let key = key_hex();
    assert_consensus(
        ConsensusFrame::Roll(RollMessage::Call(call, SIGNATURE)),
        &[
            "0500000000000000",
            &key,
            "0600000000000000",
            "0700000000000000",
            "01",
            HEIGHT_BYTES,
            ROUND_BYTES,
            "02000000",
            "51*64",
        ],
    );
    let hash = call.sign_hash(&Hash::ZERO);
    assert_eq!(call.id(&Hash::ZERO).0, hash.0[..16]);
    assert_ne!(call.sign_hash(&Hash([1; 32])), hash, "it is of one network");
}

#[test]
fn roll_answer() {
    let vote = precommit();
    let validator = vote.validator;
    let answer = |calls: &[u8]| RollAnswer {
        validator,
        instance: 6,
        height: HEIGHT,
        watching: true,
        calls: calls.iter().map(|byte| CallId([*byte; 16])).collect(),
        shown: vec![OwnMessage::Vote(SignedVote {
            vote,
            signature: SIGNATURE,
        })],
    };
    let key = key_hex();
    let frame = |calls| ConsensusFrame::Roll(RollMessage::Answer(answer(calls), SIGNATURE));
    assert_consensus(
        frame(&[1, 2]),
        &[
            "0500000001000000",
            &key,
            "0600000000000000",
            HEIGHT_BYTES,
            "01",
            "0200000000000000",
            "01*16",
            "02*16",
            "0100000000000000",
            "00000000",
            "01000000",
            HEIGHT_BYTES,
            ROUND_BYTES,
            "00",
            &key,
            "51*64",
            "51*64",
        ],
    );
    for calls in [&[2, 1], &[1, 1]] {
        assert!(ConsensusFrame::decode(&frame(calls).encode()).is_err());
    }
}

#[test]
fn blocks_lane() {
    let block = BlockFrame::Block(Arc::from([1, 2, 3]));
    assert_eq!(
        block.encode(),
        bytes(&["00000000", "0300000000000000", "010203"])
    );
    let want = BlockFrame::WantBlock {
        height: HEIGHT,
        hash: BLOCK,
    };
    assert_eq!(want.encode(), bytes(&["01000000", HEIGHT_BYTES, "b1*32"]));
}

#[test]
fn transactions_lane() {
    let push = TransactionFrame::Push(vec![
        RawTransaction(Arc::from([9, 9])),
        RawTransaction(Arc::from([7])),
    ]);
    let expected = [
        "00000000",
        "0200000000000000",
        "0200000000000000",
        "0909",
        "0100000000000000",
        "07",
    ];
    assert_eq!(push.encode(), bytes(&expected));
}

#[test]
fn sync_lane() {
    let status = SyncFrame::Status {
        height: HEIGHT,
        head: BLOCK,
    };
    assert_eq!(status.encode(), bytes(&["00000000", HEIGHT_BYTES, "b1*32"]));
    let want = SyncFrame::WantBlocks {
        from: HEIGHT,
        count: 64,
    };
    assert_eq!(
        want.encode(),
        bytes(&["01000000", HEIGHT_BYTES, "40000000"])
    );
    let blocks = SyncFrame::Blocks {
        from: HEIGHT,
        blocks: RawBlocks(vec![Arc::from([5, 6])]),
    };
    let expected = [
        "02000000",
        HEIGHT_BYTES,
        "0100000000000000",
        "0200000000000000",
        "0506",
    ];
    assert_eq!(blocks.encode(), bytes(&expected));
    let pruned = SyncFrame::Pruned {
        from: HEIGHT,
        first: 0x0102,
    };
    assert_eq!(
        pruned.encode(),
        bytes(&["03000000", HEIGHT_BYTES, "0201000000000000"])
    );
}

#[test]
fn address_lane() {
    assert_eq!(AddressFrame::Want.encode(), bytes(&["00000000"]));
    let node = NodeAddress {
        peer: PeerId([0xEE; 32]),
        addresses: vec!["1.2.3.4:258".parse().unwrap()],
    };
    let expected = [
        "01000000",
        "0100000000000000",
        "ee*32",
        "0100000000000000",
        "00000000",
        "01020304",
        "0201",
    ];
    assert_eq!(
        AddressFrame::Addresses(vec![node]).encode(),
        bytes(&expected)
    );
}

#[test]
fn refuses_hellos_that_could_drive_a_terminal_or_exceed_the_limits() {
    let hello = |network: &str, listen: usize| {
        let hello = Hello {
            version_from: 1,
            version_to: 1,
            features: 0,
            genesis: Hash::ZERO,
            network: network.to_owned(),
            height: 0,
            listen: vec!["1.2.3.4:5".parse().unwrap(); listen],
            salt: 0,
            instance: 0,
        };
        ConsensusFrame::decode(&ConsensusFrame::Hello(hello).encode()).is_ok()
    };
    assert!(hello("local-1", 8));
    assert!(!hello("", 0));
    assert!(!hello("\u{1b}[2J", 0));
    assert!(!hello(&"a".repeat(33), 0));
    assert!(!hello("local", 9));
}
