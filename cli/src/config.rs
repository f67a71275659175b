//! What a node is started with: file, environment, flags, in rising order of force.
//!
//! An unknown key is an error that suggests the nearest known one. Paths in the file are relative
//! to it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Table;

use crate::error::{CliError, FileContext as _, Outcome};
use crate::exit::Exit;

/// The keys of a config file.
pub(crate) const KEYS: [&str; 14] = [
    "advertise",
    "data_dir",
    "genesis",
    "history_index",
    "http",
    "http_hosts",
    "keep_blocks",
    "listen",
    "log",
    "memory_mib",
    "node_key",
    "peers",
    "snapshot_epochs",
    "validator_key",
];
/// Where a node listens for neighbours when nothing is said: on every interface, IPv4 as well. A
/// link is with a key, not with an address, and a socket on loopback reaches nobody else.
pub(crate) const LISTEN: &str = "[::]:7000";
/// Where a node serves HTTP when nothing is said: not to the world.
pub(crate) const HTTP: &str = "127.0.0.1:7100";
/// Most characters that a mistyped key may differ in to be suggested.
const TYPING_ERRORS_MAX: usize = 3;

/// A config, from any of its sources; what is `None` was not said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeConfig {
    /// Folder of the ledger, log and keys.
    pub(crate) data_dir: Option<PathBuf>,
    /// The network's birth document.
    pub(crate) genesis: Option<PathBuf>,
    /// Where neighbours reach it (UDP).
    pub(crate) listen: Option<SocketAddr>,
    /// Where it serves HTTP (TCP).
    pub(crate) http: Option<SocketAddr>,
    /// Names it is spoken to by over HTTP, beside its addresses and `localhost`.
    pub(crate) http_hosts: Option<Vec<String>>,
    /// Where neighbours are told to dial it, if not where it listens.
    pub(crate) advertise: Option<Vec<SocketAddr>>,
    /// Neighbours to dial, as `HOST:PORT` or `PEERID@HOST:PORT`; a host is an IP or a name.
    pub(crate) peers: Option<Vec<String>>,
    /// The key it votes with.
    pub(crate) validator_key: Option<PathBuf>,
    /// The key it is known by.
    pub(crate) node_key: Option<PathBuf>,
    /// What to log: `error`, `warn`, `info`, `debug`, or a filter such as `starling_node=debug`.
    pub(crate) log: Option<String>,
    /// How much memory the node takes, in MiB.
    pub(crate) memory_mib: Option<u32>,
    /// How many of the last blocks to keep; all if nothing is said.
    pub(crate) keep_blocks: Option<u64>,
    /// Whether to keep the index of each account's own transactions; it is kept if nothing is said.
    pub(crate) history_index: Option<bool>,
    /// Epochs from one snapshot of the state to the next; none are made at 0, the default.
    pub(crate) snapshot_epochs: Option<u64>,
}

impl NodeConfig {
    /// Reads a config file.
    ///
    /// # Errors
    /// [`Exit::Config`] names the key that is wrong and, where it can, the one that was meant.
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        if !path.exists() {
            let message = format!("no config in {}", path.display());
            return Err(CliError::new(Exit::Config, message).next("starling node run --help"));
        }
        let text = fs::read_to_string(path).on("read", path)?;
        let mut config = Self::parse(&text).map_err(|mut error| {
            error.message = format!("{}: {}", path.display(), error.message);
            error
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for relative in [
            &mut config.data_dir,
            &mut config.genesis,
            &mut config.validator_key,
            &mut config.node_key,
        ] {
            *relative = relative.take().map(|path| folder.join(path));
        }
        Ok(config)
    }

    /// Takes what `stronger` says, and the rest from here.
    pub(crate) fn overridden_by(self, stronger: Self) -> Self {
        Self {
            data_dir: stronger.data_dir.or(self.data_dir),
            genesis: stronger.genesis.or(self.genesis),
            listen: stronger.listen.or(self.listen),
            http: stronger.http.or(self.http),
            http_hosts: stronger.http_hosts.or(self.http_hosts),
            advertise: stronger.advertise.or(self.advertise),
            peers: stronger.peers.or(self.peers),
            validator_key: stronger.validator_key.or(self.validator_key),
            node_key: stronger.node_key.or(self.node_key),
            log: stronger.log.or(self.log),
            memory_mib: stronger.memory_mib.or(self.memory_mib),
            keep_blocks: stronger.keep_blocks.or(self.keep_blocks),
            history_index: stronger.history_index.or(self.history_index),
            snapshot_epochs: stronger.snapshot_epochs.or(self.snapshot_epochs),
        }
    }

    fn parse(text: &str) -> Outcome<Self> {
        let wrong = |reason: &str| CliError::new(Exit::Config, reason.trim_end());
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| wrong(error.message()))?;
        if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let error = wrong(&format!("unknown key `{unknown}`"));
            return Err(match nearest(unknown) {
                Some(key) => error.next(format!("did you mean `{key}`?")),
                None => error.next(format!("known keys: {}", KEYS.join(", "))),
            });
        }
        toml::from_str(text).map_err(|error| wrong(&error.to_string()))
    }
}

/// Returns the known key that `unknown` was probably meant to be.
fn nearest(unknown: &str) -> Option<&'static str> {
    let distances = KEYS.iter().map(|key| (distance(unknown, key), *key));
    distances
        .min()
        .filter(|(distance, _)| *distance <= TYPING_ERRORS_MAX)
        .map(|(_, key)| key)
}

/// Counts the letters to insert, delete or replace (Levenshtein), for two short texts.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, letter) in left.chars().enumerate() {
        let mut diagonal = line;
        let mut before = line + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(&right) {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = *cell;
            before = replaced.min(before + 1).min(diagonal + 1);
            *cell = before;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn unknown_key_is_an_error_with_a_suggestion() {
        let error = NodeConfig::parse("lisen = \"127.0.0.1:1\"").unwrap_err();
        assert_eq!(error.exit, Exit::Config);
        assert_eq!(error.message, "unknown key `lisen`");
        assert_eq!(error.next.as_deref(), Some("did you mean `listen`?"));
        let error = NodeConfig::parse("completely_different = 1").unwrap_err();
        assert!(error.next.unwrap().starts_with("known keys: "));
    }

    #[test]
    fn wrong_values_and_no_toml_are_errors() {
        for text in [
            "listen = 5",
            "keep_blocks = -1",
            "memory_mib = \"256\"",
            "listen = \"nowhere\"",
            "peers = \"a\"",
            "http_hosts = \"a\"",
            "= 1",
        ] {
            assert_eq!(
                NodeConfig::parse(text).unwrap_err().exit,
                Exit::Config,
                "{text}"
            );
        }
    }

    #[test]
    fn every_known_key_is_accepted() {
        let text = "advertise = [\"192.0.2.1:1\"]\ndata_dir = \"d\"\ngenesis = \"g\"\n\
                    history_index = false\nhttp = \"127.0.0.1:2\"\n\
                    http_hosts = [\"node.example\"]\n\
                    keep_blocks = 200\nlisten = \"127.0.0.1:1\"\nlog = \"info\"\nmemory_mib = 512\n\
                    node_key = \"n\"\n\
                    peers = [\"127.0.0.1:3\"]\nsnapshot_epochs = 2\nvalidator_key = \"v\"\n";
        NodeConfig::parse(text).unwrap();
        assert_eq!(text.lines().count(), KEYS.len());
    }

    #[test]
    fn paths_are_relative_to_the_file_and_flags_win() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.toml");
        fs::write(
            &path,
            "data_dir = \"data\"\ngenesis = \"/g\"\nlog = \"info\"\n",
        )
        .unwrap();
        let config = NodeConfig::read(&path).unwrap();
        assert_eq!(config.data_dir, Some(folder.path().join("data")));
        assert_eq!(config.genesis, Some(PathBuf::from("/g")));
        let flags = NodeConfig {
            log: Some("debug".to_owned()),
            ..NodeConfig::default()
        };
        let merged = config.clone().overridden_by(flags);
        assert_eq!(merged.log.as_deref(), Some("debug"));
        assert_eq!(merged.data_dir, config.data_dir);
    }

    #[test]
    fn distance_counts_typing_errors() {
        assert_eq!(distance("lisen", "listen"), 1);
        assert_eq!(distance("", "log"), 3);
        assert_eq!(distance("peers", "peers"), 0);
        assert_eq!(distance("htpt", "http"), 2);
    }

    proptest! {
        #[test]
        fn any_text_is_a_config_or_an_error(
            known in proptest::sample::select(KEYS.to_vec()),
            other in ".{0,20}",
            value in ".{0,20}",
        ) {
            for key in [known, &other] {
                if let Err(error) = NodeConfig::parse(&format!("{key} = {value}")) {
                    prop_assert_eq!(error.exit, Exit::Config);
                }
            }
        }
    }
}
