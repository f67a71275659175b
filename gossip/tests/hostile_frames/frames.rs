//! One frame of every kind, and the way through its decoder.

use std::net::SocketAddr;
use std::sync::Arc;

use starling_gossip::message::sync::RawBlocks;
use starling_gossip::message::{
    AddressFrame, BlockFrame, ConsensusFrame, ConsensusMessage, FrameError, Have, Hello,
    NodeAddress, OwnMessage, PolkaCertificate, RollAnswer, RollCall, RollMessage, RoundCertificate,
    RoundSignature, SignedStep, SkipKind, SyncFrame, TransactionFrame,
};
use starling_gossip::{Lane, PeerId};
use starling_ledger::block::BlockHash;
use starling_ledger::certificate::CommitSignature;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{SecretKey, Signature, Signer as _};
use starling_ledger::transaction::RawTransaction;
use starling_ledger::vote::{Proposal, Vote, VoteType};

/// Lengths no frame has, from one that fits into 32 bits to the sign bit of 64.
pub(crate) const BOMBS: [u64; 4] = [1 << 31, (1 << 32) - 1, 1 << 40, 1 << 63];

const NETWORK: Hash = Hash([0x6E; 32]);
const BLOCK: BlockHash = BlockHash(Hash([0xB1; 32]));
const SIGNATURE: Signature = Signature([0x51; 64]);

/// Decodes a frame of a lane and encodes it again; `None` is a kind nobody knows.
pub(crate) fn again(lane: Lane, bytes: &[u8]) -> Result<Option<Vec<u8>>, FrameError> {
    Ok(match lane {
        Lane::Consensus => ConsensusFrame::decode(bytes)?.map(|frame| frame.encode()),
        Lane::Blocks => BlockFrame::decode(bytes)?.map(|frame| frame.encode()),
        Lane::Transactions => TransactionFrame::decode(bytes)?.map(|frame| frame.encode()),
        Lane::Sync => SyncFrame::decode(bytes)?.map(|frame| frame.encode()),
        Lane::Address => AddressFrame::decode(bytes)?.map(|frame| frame.encode()),
    }
    .map(Into::into))
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn messages() -> [ConsensusMessage; 4] {
    let key = SecretKey::local("vectors");
    let public = key.public_key();
    let vote = Vote {
        vote_type: VoteType::Precommit,
        height: 7,
        round: 5,
        block: Some(BLOCK),
        validator: public,
    };
    let proposal = Proposal {
        height: 7,
        round: 5,
        block: BLOCK,
        pol_round: Some(4),
        proposer: public,
    };
    let polka = PolkaCertificate {
        height: 7,
        round: 5,
        block: BLOCK,
        signatures: [0, 3]
            .map(|validator| CommitSignature {
                validator,
                signature: SIGNATURE,
            })
            .into(),
    };
    let skip = |validator| RoundSignature {
        validator,
        vote_type: VoteType::Precommit,
        block: Some(BLOCK),
        signature: SIGNATURE,
    };
    let round = RoundCertificate {
        height: 7,
        round: 5,
        kind: SkipKind::Precommit,
        signatures: [1, 2].map(skip).into(),
    };
    [
        ConsensusMessage::Vote(vote.sign(&NETWORK, &key)),
        ConsensusMessage::Proposal(proposal.sign(&NETWORK, &key)),
        ConsensusMessage::Polka(polka),
        ConsensusMessage::RoundSkip(round),
    ]
}

fn rolls() -> [RollMessage; 2] {
    let key = SecretKey::local("vectors");
    let [ConsensusMessage::Vote(vote), ..] = messages() else {
        unreachable!("the first is a vote");
    };
    let call = RollCall {
        validator: key.public_key(),
        instance: 3,
        number: 4,
        known: Some((7, 5, SignedStep::Prevote)),
    };
    let answer = RollAnswer {
        validator: key.public_key(),
        instance: 3,
        height: 7,
        watching: false,
        calls: vec![call.id(&NETWORK)],
        shown: vec![OwnMessage::Vote(vote)],
    };
    [call.sign(&NETWORK, &key), answer.sign(&NETWORK, &key)]
}

fn consensus() -> Vec<ConsensusFrame> {
    let hello = Hello {
        version_from: 1,
        version_to: 2,
        features: 3,
        genesis: NETWORK,
        network: "local".to_owned(),
        height: 9,
        listen: vec![address("1.2.3.4:258"), address("[::1]:7000")],
        salt: 6,
        instance: 7,
    };
    let have = Have {
        height: 9,
        round: 5,
        proposal: true,
        valid_round: Some(2),
        has_block: false,
        prevotes: [0, 8].into_iter().collect(),
        precommits: [3].into_iter().collect(),
    };
    let mut frames = vec![
        ConsensusFrame::Hello(hello),
        ConsensusFrame::Ping(1),
        ConsensusFrame::Pong(2),
        ConsensusFrame::Time(3),
        ConsensusFrame::Have(have),
    ];
    frames.extend(messages().map(ConsensusFrame::Message));
    frames.extend(rolls().map(ConsensusFrame::Roll));
    frames
}

/// One frame of every kind, with its lane.
pub(crate) fn frames() -> Vec<(Lane, Vec<u8>)> {
    let consensus = consensus();
    let mut all: Vec<_> = consensus
        .iter()
        .map(|one| (Lane::Consensus, one.encode()))
        .collect();
    let raw = |bytes: &[u8]| Arc::from(bytes);
    let push = [raw(&[9, 9]), raw(&[7])].map(RawTransaction);
    let node = NodeAddress {
        peer: PeerId([0xEE; 32]),
        addresses: vec![address("1.2.3.4:258")],
    };
    let blocks = RawBlocks(vec![raw(&[5, 6]), raw(&[])]);
    all.extend([
        (Lane::Blocks, BlockFrame::Block(raw(&[1, 2, 3])).encode()),
        (
            Lane::Blocks,
            BlockFrame::WantBlock {
                height: 7,
                hash: BLOCK,
            }
            .encode(),
        ),
        (
            Lane::Transactions,
            TransactionFrame::Push(push.into()).encode(),
        ),
        (
            Lane::Sync,
            SyncFrame::Status {
                height: 7,
                head: BLOCK,
            }
            .encode(),
        ),
        (
            Lane::Sync,
            SyncFrame::WantBlocks { from: 7, count: 64 }.encode(),
        ),
        (Lane::Sync, SyncFrame::Blocks { from: 7, blocks }.encode()),
        (Lane::Sync, SyncFrame::Pruned { from: 7, first: 9 }.encode()),
        (Lane::Address, AddressFrame::Want.encode()),
        (Lane::Address, AddressFrame::Addresses(vec![node]).encode()),
    ]);
    all.into_iter()
        .map(|(lane, frame)| (lane, frame.to_vec()))
        .collect()
}
