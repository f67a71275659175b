//! The addresses of peers, kept over a restart: one `PEERID@ADDRESS` a line, those that worked
//! first.
//!
//! Nothing depends on it but how quickly a node finds its network again where the peers that it was
//! given are away. So a line that says nothing is passed by, and a file that cannot be written is
//! told once.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use starling_gossip::input::ConfiguredPeer;
use starling_gossip::overlay::address_book::MAX_ADDRESSES;
use starling_gossip::{Instant, PeerId};

/// The file's name in the folder of a node.
const NAME: &str = "peers";
/// How often it is written. Our choice: what is a minute old is as good as new.
const EVERY: Duration = Duration::from_secs(60);
/// Most bytes that are read: as many lines as there are addresses, of 64 digits, an `@` and 56
/// more.
const BYTES_MAX: u64 = MAX_ADDRESSES as u64 * 128;

/// The file, as it was last written.
pub(super) struct AddressFile {
    path: PathBuf,
    written: String,
    due: Instant,
    /// Whether it was told that it cannot be written.
    told: bool,
}

impl AddressFile {
    /// Reads the file of a node; one that is not there is empty.
    pub(super) fn read(folder: &Path) -> (Self, Vec<ConfiguredPeer>) {
        let path = folder.join(NAME);
        let small = fs::metadata(&path).is_ok_and(|file| file.len() <= BYTES_MAX);
        let text = small.then(|| fs::read_to_string(&path).ok()).flatten();
        let written = text.unwrap_or_default();
        let mut seen = BTreeSet::new();
        let known = written.lines().filter_map(parse);
        let known = known.filter(|one| seen.insert(*one)).take(MAX_ADDRESSES);
        let known = known.collect();
        let file = Self {
            path,
            written,
            due: Instant::START,
            told: false,
        };
        (file, known)
    }

    /// Says whether it is time to write.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due <= now
    }

    /// Writes what is known, where it has changed.
    pub(super) fn write(&mut self, now: Instant, known: &[ConfiguredPeer]) {
        self.due = now + EVERY;
        let mut text = String::new();
        for one in known {
            if let Some(peer) = one.peer {
                let _ = writeln!(text, "{peer}@{}", one.address);
            }
        }
        // A node that knows nobody for the moment is no reason to forget those that it knew.
        if text.is_empty() || text == self.written {
            return;
        }
        let new = self.path.with_extension("new");
        let done = fs::write(&new, &text).and_then(|()| fs::rename(&new, &self.path));
        match done {
            Ok(()) => {
                self.written = text;
                self.told = false;
            }
            Err(error) if !self.told => {
                let path = self.path.display();
                tracing::warn!("{path}: {error}; addresses of peers are not kept");
                self.told = true;
            }
            Err(_) => {}
        }
    }
}

fn parse(line: &str) -> Option<ConfiguredPeer> {
    let (peer, address) = line.split_once('@')?;
    Some(ConfiguredPeer {
        address: address.parse::<SocketAddr>().ok()?,
        peer: Some(peer.parse::<PeerId>().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u8) -> ConfiguredPeer {
        ConfiguredPeer {
            address: SocketAddr::from(([192, 0, 2, number], 7000)),
            peer: Some(PeerId([number; 32])),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, known) = AddressFile::read(folder.path());
        assert!(known.is_empty() && file.is_due(Instant::START));
        file.write(Instant::START, &[peer(1), peer(2)]);
        assert!(!file.is_due(Instant::START));
        let (mut file, known) = AddressFile::read(folder.path());
        assert_eq!(known, [peer(1), peer(2)]);
        file.write(Instant::START, &[]);
        assert_eq!(AddressFile::read(folder.path()).1.len(), 2);
    }

    #[test]
    fn lines_that_say_nothing_are_passed_by() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, _) = AddressFile::read(folder.path());
        file.write(Instant::START, &[peer(1)]);
        let path = folder.path().join(NAME);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(
            &path,
            format!("\n@\nnobody@192.0.2.9:1\n{text}{text}half a li"),
        )
        .unwrap();
        assert_eq!(AddressFile::read(folder.path()).1, [peer(1)]);
        fs::write(&path, [0xff; 64]).unwrap();
        assert!(AddressFile::read(folder.path()).1.is_empty());
    }

    #[test]
    fn a_file_that_cannot_be_written_is_no_trouble() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, _) = AddressFile::read(&folder.path().join("gone"));
        file.write(Instant::START, &[peer(1)]);
        assert!(file.told);
    }
}
