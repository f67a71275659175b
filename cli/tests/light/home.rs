//! A home of its own for each test, and the commands run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use starling_ledger::genesis::Genesis;

use super::node::Server;

pub(super) struct Home(tempfile::TempDir);

/// What a command said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) exit: i32,
    /// `data`, or `error`.
    pub(super) told: Value,
    pub(super) notes: String,
}

impl Home {
    pub(super) fn new(genesis: &Genesis) -> Self {
        let home = Self(tempfile::tempdir().expect("a temporary folder"));
        fs::write(home.path("genesis.toml"), genesis.to_toml()).expect("a genesis");
        home
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn folder(&self) -> &Path {
        self.0.path()
    }

    /// The file that remembers the last verified block.
    pub(super) fn memory(&self, genesis: &Genesis, ending: &str) -> PathBuf {
        let name = format!("{}.{ending}", genesis.hash());
        self.path(".local/share/starling/verified").join(name)
    }

    fn output(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_starling"));
        command.args(arguments).arg("--json").env_clear();
        command
            .env("HOME", self.folder())
            .current_dir(self.folder());
        command.output().expect("the binary starts")
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Said {
        let output = self.output(arguments);
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let envelope: Value = serde_json::from_str(&text).expect("one envelope");
        let told = match envelope["ok"] == true {
            true => envelope["data"].clone(),
            false => envelope["error"].clone(),
        };
        Said {
            exit: output.status.code().expect("an exit code"),
            told,
            notes: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// Runs a command against `server`, with the genesis of the home.
    pub(super) fn ask(&self, server: &Server, arguments: &[&str]) -> Said {
        let node = ["--node", server.url(), "--genesis", "genesis.toml"];
        self.run(&[arguments, node.as_slice()].concat())
    }
}
