//! Every list that a frame can hold at the limit that `WIRE.md` gives it: such frames are read, and
//! one item more is refused.
//!
//! [`kind`] names every kind of frame and message by a full match, so that a new one does not build
//! until it has a name here, and is missing until it is tried at its limits.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use starling_gossip::message::address::MAX_ADDRESSES_PER_FRAME;
use starling_gossip::message::hello::{MAX_LISTEN_ADDRESSES, MAX_NETWORK_NAME_BYTES};
use starling_gossip::message::sync::{MAX_RANGE_BLOCKS, RawBlocks};
use starling_gossip::message::transaction::MAX_TRANSACTIONS_PER_FRAME;
use starling_gossip::message::{
    AddressFrame, BlockFrame, CallId, ConsensusFrame, ConsensusMessage, Have, Hello, MAX_SHOWN,
    NodeAddress, OwnMessage, PolkaCertificate, RollAnswer, RollCall, RollMessage, RoundCertificate,
    RoundSignature, SignedStep, SkipKind, SyncFrame, TransactionFrame,
};
use starling_gossip::{Lane, PeerId};
use starling_ledger::block::{BLOCK_BYTES_MAX, BlockHash};
use starling_ledger::certificate::CommitSignature;
use starling_ledger::evidence::Evidence;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{SecretKey, Signature, Signer as _};
use starling_ledger::transaction::{RawTransaction, TRANSACTION_BYTES_MAX};
use starling_ledger::validators::VALIDATORS_MAX;
use starling_ledger::vote::{Proposal, Vote, VoteType};

const BLOCK: BlockHash = BlockHash(Hash([0xB1; 32]));
const SIGNATURE: Signature = Signature([0x51; 64]);
/// Every kind of frame and of message.
const KINDS: [&str; 21] = [
    "addresses",
    "answer",
    "block",
    "blocks",
    "call",
    "evidence",
    "have",
    "hello",
    "ping",
    "polka",
    "pong",
    "proposal",
    "pruned",
    "push",
    "round skip",
    "status",
    "time",
    "vote",
    "want addresses",
    "want block",
    "want blocks",
];

/// A frame of any lane.
#[derive(Clone, Debug, PartialEq)]
enum Frame {
    Consensus(ConsensusFrame),
    Blocks(BlockFrame),
    Transactions(TransactionFrame),
    Sync(SyncFrame),
    Address(AddressFrame),
}

impl Frame {
    const fn lane(&self) -> Lane {
        match self {
            Self::Consensus(_) => Lane::Consensus,
            Self::Blocks(_) => Lane::Blocks,
            Self::Transactions(_) => Lane::Transactions,
            Self::Sync(_) => Lane::Sync,
            Self::Address(_) => Lane::Address,
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Consensus(frame) => frame.encode(),
            Self::Blocks(frame) => frame.encode(),
            Self::Transactions(frame) => frame.encode(),
            Self::Sync(frame) => frame.encode(),
            Self::Address(frame) => frame.encode(),
        }
        .into()
    }

    fn decode(lane: Lane, bytes: &[u8]) -> Result<Self, String> {
        let read = match lane {
            Lane::Consensus => ConsensusFrame::decode(bytes).map(|one| one.map(Self::Consensus)),
            Lane::Blocks => BlockFrame::decode(bytes).map(|one| one.map(Self::Blocks)),
            Lane::Transactions => {
                TransactionFrame::decode(bytes).map(|one| one.map(Self::Transactions))
            }
            Lane::Sync => SyncFrame::decode(bytes).map(|one| one.map(Self::Sync)),
            Lane::Address => AddressFrame::decode(bytes).map(|one| one.map(Self::Address)),
        };
        read.map_err(|error| error.to_string())?
            .ok_or_else(|| "an unknown kind".to_owned())
    }
}

fn kind(frame: &Frame) -> &'static str {
    match frame {
        Frame::Consensus(frame) => match frame {
            ConsensusFrame::Hello(_) => "hello",
            ConsensusFrame::Ping(_) => "ping",
            ConsensusFrame::Pong(_) => "pong",
            ConsensusFrame::Have(_) => "have",
            ConsensusFrame::Time(_) => "time",
            ConsensusFrame::Roll(RollMessage::Call(..)) => "call",
            ConsensusFrame::Roll(RollMessage::Answer(..)) => "answer",
            ConsensusFrame::Message(message) => match message {
                ConsensusMessage::Proposal(_) => "proposal",
                ConsensusMessage::Vote(_) => "vote",
                ConsensusMessage::Polka(_) => "polka",
                ConsensusMessage::RoundSkip(_) => "round skip",
                ConsensusMessage::Evidence(_) => "evidence",
            },
        },
        Frame::Blocks(frame) => match frame {
            BlockFrame::Block(_) => "block",
            BlockFrame::WantBlock { .. } => "want block",
        },
        Frame::Transactions(TransactionFrame::Push(_)) => "push",
        Frame::Sync(frame) => match frame {
            SyncFrame::Status { .. } => "status",
            SyncFrame::WantBlocks { .. } => "want blocks",
            SyncFrame::Blocks { .. } => "blocks",
            SyncFrame::Pruned { .. } => "pruned",
        },
        Frame::Address(frame) => match frame {
            AddressFrame::Want => "want addresses",
            AddressFrame::Addresses(_) => "addresses",
        },
    }
}

fn message(message: ConsensusMessage) -> Frame {
    Frame::Consensus(ConsensusFrame::Message(message))
}

fn raw(size_bytes: usize) -> Arc<[u8]> {
    vec![7; size_bytes].into()
}

fn polka(signers: usize) -> Frame {
    let signature = |position| CommitSignature {
        validator: u16::try_from(position).unwrap(),
        signature: SIGNATURE,
    };
    message(ConsensusMessage::Polka(PolkaCertificate {
        height: 7,
        round: 5,
        block: BLOCK,
        signatures: (0..signers).map(signature).collect(),
    }))
}

/// So many votes: of each validator a prevote and a precommit, where there are more than those.
fn round_skip(votes: usize, block: Option<BlockHash>) -> Frame {
    let vote = |number: usize| RoundSignature {
        validator: u16::try_from(number / 2).unwrap(),
        vote_type: [VoteType::Prevote, VoteType::Precommit][number % 2],
        block,
        signature: SIGNATURE,
    };
    message(ConsensusMessage::RoundSkip(RoundCertificate {
        height: 7,
        round: 5,
        kind: SkipKind::Precommit,
        signatures: (0..votes).map(vote).collect(),
    }))
}

/// How many votes of a round fit into a frame.
fn votes_that_fit(block: Option<BlockHash>) -> usize {
    let bytes = |votes| round_skip(votes, block).encode().len();
    let (head, vote) = (bytes(0), bytes(1) - bytes(0));
    (Lane::Consensus.frame_bytes_max() - head) / vote
}

fn roll(message: RollMessage) -> Frame {
    Frame::Consensus(ConsensusFrame::Roll(message))
}

fn proposal(key: &SecretKey) -> Proposal {
    Proposal {
        height: 7,
        round: 5,
        block: BLOCK,
        pol_round: Some(4),
        proposer: key.public_key(),
    }
}

fn answer(calls: usize, shown: usize) -> Frame {
    let key = SecretKey::local("maxima");
    let proposal = proposal(&key);
    let name = |number: usize| {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
        CallId(id)
    };
    let proposal = OwnMessage::Proposal(proposal.sign(&Hash([3; 32]), &key));
    let answer = RollAnswer {
        validator: key.public_key(),
        instance: 6,
        height: 9,
        watching: false,
        calls: (0..calls).map(name).collect(),
        shown: vec![proposal; shown],
    };
    roll(RollMessage::Answer(answer, SIGNATURE))
}

fn addresses(count: usize) -> Vec<SocketAddr> {
    vec!["[2001:db8::1]:7000".parse().unwrap(); count]
}

fn nodes(count: usize) -> Frame {
    let node = NodeAddress {
        peer: PeerId([0xEE; 32]),
        addresses: addresses(MAX_LISTEN_ADDRESSES),
    };
    Frame::Address(AddressFrame::Addresses(vec![node; count]))
}

fn hello(name: usize, listen: usize) -> Frame {
    Frame::Consensus(ConsensusFrame::Hello(Hello {
        version_from: 1,
        version_to: 1,
        features: 3,
        genesis: Hash([3; 32]),
        network: "n".repeat(name),
        height: 9,
        listen: addresses(listen),
        salt: 6,
        instance: 7,
    }))
}

fn push(size_bytes: usize, count: usize) -> Frame {
    let transactions = vec![RawTransaction(raw(size_bytes)); count];
    Frame::Transactions(TransactionFrame::Push(transactions))
}

fn range(size_bytes: usize, count: usize) -> Frame {
    let blocks = RawBlocks(vec![raw(size_bytes); count]);
    Frame::Sync(SyncFrame::Blocks { from: 7, blocks })
}

/// Frames whose lists are full.
fn full() -> Vec<Frame> {
    let frame_bytes = Lane::Transactions.frame_bytes_max();
    let in_a_push = (frame_bytes - TransactionFrame::PUSH_HEADER_BYTES) / (200 + 8);
    let empty = (frame_bytes - TransactionFrame::PUSH_HEADER_BYTES) / 8;
    assert!(empty <= MAX_TRANSACTIONS_PER_FRAME);
    vec![
        hello(MAX_NETWORK_NAME_BYTES, MAX_LISTEN_ADDRESSES),
        Frame::Consensus(ConsensusFrame::Have(Have {
            height: 9,
            round: 5,
            proposal: true,
            valid_round: Some(2),
            has_block: true,
            prevotes: (0..VALIDATORS_MAX).collect(),
            precommits: (0..VALIDATORS_MAX).collect(),
        })),
        polka((Lane::Consensus.frame_bytes_max() - 64) / 66),
        round_skip(votes_that_fit(None), None),
        round_skip(votes_that_fit(Some(BLOCK)), Some(BLOCK)),
        answer(VALIDATORS_MAX, MAX_SHOWN),
        Frame::Blocks(BlockFrame::Block(raw(BLOCK_BYTES_MAX))),
        push(200, in_a_push),
        push(0, empty),
        push(TRANSACTION_BYTES_MAX, 3),
        range(32 << 10, MAX_RANGE_BLOCKS),
        range(Lane::Sync.frame_bytes_max() - 28, 1),
        nodes(MAX_ADDRESSES_PER_FRAME),
    ]
}

/// Frames without a list.
fn fixed() -> Vec<Frame> {
    let key = SecretKey::local("maxima");
    let proposal = proposal(&key);
    let vote = Vote {
        vote_type: VoteType::Precommit,
        height: 7,
        round: 5,
        block: Some(BLOCK),
        validator: key.public_key(),
    };
    let call = RollCall {
        validator: key.public_key(),
        instance: 3,
        number: 4,
        known: Some((7, 5, SignedStep::Precommit)),
    };
    let network = Hash([3; 32]);
    let proposal = proposal.sign(&network, &key);
    let vote = vote.sign(&network, &key);
    vec![
        Frame::Consensus(ConsensusFrame::Ping(u64::MAX)),
        Frame::Consensus(ConsensusFrame::Time(u64::MAX)),
        Frame::Consensus(ConsensusFrame::Pong(u64::MAX)),
        message(ConsensusMessage::Proposal(proposal)),
        message(ConsensusMessage::Vote(vote)),
        message(ConsensusMessage::Evidence(Box::new(Evidence::Proposals(
            proposal, proposal,
        )))),
        roll(RollMessage::Call(call, SIGNATURE)),
        Frame::Blocks(BlockFrame::WantBlock {
            height: 7,
            hash: BLOCK,
        }),
        Frame::Sync(SyncFrame::Status {
            height: 7,
            head: BLOCK,
        }),
        Frame::Sync(SyncFrame::WantBlocks { from: 7, count: 64 }),
        Frame::Sync(SyncFrame::Pruned { from: 7, first: 9 }),
        Frame::Address(AddressFrame::Want),
    ]
}

#[test]
fn frames_at_their_limits_are_read() {
    let mut seen = BTreeSet::new();
    for frame in full().into_iter().chain(fixed()) {
        let (lane, bytes) = (frame.lane(), frame.encode());
        assert!(bytes.len() <= lane.frame_bytes_max(), "{}", kind(&frame));
        let read = Frame::decode(lane, &bytes);
        let read = read.unwrap_or_else(|error| panic!("{}: {error}", kind(&frame)));
        assert!(read == frame, "{}", kind(&frame));
        seen.insert(kind(&frame));
    }
    assert_eq!(seen, BTreeSet::from(KINDS));
}

/// The example that was refused: its items are smaller on the wire than in memory.
#[test]
fn a_round_certificate_of_nil_votes_is_read_up_to_what_a_frame_holds() {
    let most = votes_that_fit(None);
    assert!(most > 900, "{most}");
    for votes in [655, 656, 667, most] {
        let frame = round_skip(votes, None);
        let read = Frame::decode(Lane::Consensus, &frame.encode());
        assert_eq!(read.as_ref(), Ok(&frame), "{votes} votes");
    }
}

#[test]
fn one_item_more_is_refused() {
    let more = [
        hello(MAX_NETWORK_NAME_BYTES + 1, 1),
        hello(1, MAX_LISTEN_ADDRESSES + 1),
        Frame::Blocks(BlockFrame::Block(raw(BLOCK_BYTES_MAX + 1))),
        push(TRANSACTION_BYTES_MAX + 1, 1),
        range(1, MAX_RANGE_BLOCKS + 1),
        nodes(MAX_ADDRESSES_PER_FRAME + 1),
        answer(VALIDATORS_MAX + 1, 0),
        answer(0, MAX_SHOWN + 1),
    ];
    for frame in more {
        let told = Frame::decode(frame.lane(), &frame.encode()).unwrap_err();
        assert!(told.contains("at most"), "{}: {told}", kind(&frame));
    }
}
