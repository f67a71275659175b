//! What the node around a machine does, in the tests: blocks, disk, commits and sync.

use starling_ledger::block::BlockHash;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::hash::{Context, Hash};
use starling_ledger::vote::Height;

use super::keyed::{GENESIS, KeyedHash};
use super::network::{Event, Network, Node, Parcel, Write};
use crate::consensus::guard;
use crate::consensus::wal::{self, LogEntry, LogRecord};
use crate::consensus::{Input, PersistId};

impl Network {
    pub(super) fn want(&mut self, index: usize, height: Height, block: BlockHash) {
        if self.nodes[index].bodies.contains(&block) {
            let epoch = self.nodes[index].epoch;
            let input = self.checked(height, block);
            return self.later(
                1,
                Event::Input {
                    to: index,
                    epoch,
                    input,
                },
            );
        }
        let has = |other: &usize| self.nodes[*other].bodies.contains(&block);
        if let Some(other) = (0..self.nodes.len()).find(has) {
            self.send(other, index, Parcel::Body(height, block));
        }
    }

    pub(super) fn build(&mut self, index: usize, height: Height, round: u32) {
        let now = self.now.0.to_le_bytes();
        let parts: [&[u8]; 3] = [
            self.nodes[index].key.as_bytes(),
            &height.to_le_bytes(),
            &now,
        ];
        let block = BlockHash(Hash::of(Context::Block, &parts));
        if self.faults.invalid_at == height && round == 0 {
            self.invalid.insert(block);
        }
        self.nodes[index].bodies.insert(block);
        let epoch = self.nodes[index].epoch;
        let input = Input::Built {
            height,
            round,
            block,
        };
        self.later(
            3,
            Event::Input {
                to: index,
                epoch,
                input,
            },
        );
    }

    pub(super) fn persist(
        &mut self,
        index: usize,
        id: PersistId,
        (mut log, bodies): (Vec<LogRecord>, Vec<BlockHash>),
        guard: Option<guard::GuardRecord>,
    ) {
        let height = log.first().map_or(0, |record| record.height);
        for block in bodies {
            assert!(
                self.nodes[index].bodies.contains(&block),
                "a body is at hand"
            );
            let raw = vec![1, 2, 3];
            let entry = LogEntry::Body { block, raw };
            log.push(LogRecord { height, entry });
        }
        let write = Write {
            id,
            log: wal::encode(&log),
            guard: guard.as_ref().map(guard::encode_record).unwrap_or_default(),
        };
        let epoch = self.nodes[index].epoch;
        // Writes of one disk finish in order, so they all take the same time.
        self.later(
            2,
            Event::Written {
                to: index,
                epoch,
                write,
            },
        );
    }

    pub(super) fn commit(&mut self, index: usize, certificate: CommitCertificate) {
        let valid = certificate.verify(&KeyedHash, &GENESIS, &self.set);
        assert!(valid.is_ok(), "{valid:?}");
        let height = certificate.height;
        assert_eq!(height, self.nodes[index].chain.len() as Height + 1);
        assert!(!self.invalid.contains(&certificate.block));
        let agreed = *self.final_blocks.entry(height).or_insert(certificate.block);
        assert_eq!(agreed, certificate.block, "machine {index} disagrees");
        self.nodes[index].chain.push(certificate);
        let input = Input::StartHeight {
            height: height + 1,
            validators: self.set.clone(),
        };
        self.commit_times.push((index, height, self.now));
        let epoch = self.nodes[index].epoch;
        self.later(
            2,
            Event::Input {
                to: index,
                epoch,
                input,
            },
        );
    }

    /// Sync: whoever is two heights behind takes the next block from somebody.
    pub(super) fn catch_up(&mut self) {
        let connected = |node: &&Node| !node.cut_off;
        let best = self.nodes.iter().filter(connected);
        let best = best.max_by_key(|node| node.chain.len());
        let Some(best) = best.map(|node| node.chain.clone()) else {
            return;
        };
        for index in 0..self.nodes.len() {
            let node = &self.nodes[index];
            let behind = node.chain.len() + 2 <= best.len() && !node.cut_off;
            if behind && node.machine.is_some() {
                for certificate in &best[node.chain.len()..] {
                    self.nodes[index].bodies.insert(certificate.block);
                    self.nodes[index].chain.push(certificate.clone());
                }
                self.nodes[index].epoch += 1;
                let validators = self.set.clone();
                let height = best.len() as Height + 1;
                self.input(index, Input::StartHeight { height, validators });
            }
        }
    }
}
