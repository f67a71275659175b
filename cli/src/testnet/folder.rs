//! A testnet on disk.
//!
//! | name | what |
//! |---|---|
//! | `testnet.toml` | the parameters it was made with |
//! | `genesis.toml` | its birth document |
//! | `lock` | held by the running supervisor |
//! | `control.sock` | where the supervisor listens |
//! | `supervisor.log` | what a detached supervisor says |
//! | `n1/`, `n2/`, … | the nodes: config, keys, log, data |

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{CliError, FileContext as _, Outcome};
use crate::exit::Exit;
use crate::{folders, names};

/// The layout this release reads and writes.
const SCHEMA: u32 = 1;

/// A testnet's folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    name: String,
    path: PathBuf,
}

/// The parameters a testnet was made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    schema: u32,
    /// Number of validators.
    pub(crate) validators: u16,
    /// The port before the first node's.
    pub(crate) port_base: u16,
}

/// Holds the folder until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Plan {
    /// Makes the parameters of a new testnet.
    pub(crate) const fn new(validators: u16, port_base: u16) -> Self {
        Self {
            schema: SCHEMA,
            validators,
            port_base,
        }
    }

    /// Returns the names of the nodes.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (u16, String)> {
        (1..=self.validators).map(|number| (number, names::validator(number)))
    }

    /// Returns the HTTP port of the node with this number.
    pub(crate) const fn http_port(&self, number: u16) -> u16 {
        self.port_base + number
    }

    /// Returns the port on which the node with this number talks to its neighbours.
    pub(crate) const fn listen_port(&self, number: u16) -> u16 {
        self.port_base + 100 + number
    }

    /// Returns the URL of the node with this number.
    pub(crate) fn url(&self, number: u16) -> String {
        format!("http://127.0.0.1:{}", self.http_port(number))
    }
}

impl Folder {
    /// Names the folder of the testnet `name`; it need not exist.
    ///
    /// # Errors
    /// If that is no name, or the user has no home folder.
    pub(crate) fn named(name: &str) -> Outcome<Self> {
        folders::check_name("testnet", name)?;
        Ok(Self {
            name: name.to_owned(),
            path: folders::testnets()?.join(name),
        })
    }

    /// Uses the folder at `path`.
    #[cfg(test)]
    pub(crate) fn at(path: &Path) -> Self {
        Self {
            name: "local".to_owned(),
            path: path.to_owned(),
        }
    }

    /// Returns the testnet's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the file of the birth document.
    pub(crate) fn genesis(&self) -> PathBuf {
        self.path.join("genesis.toml")
    }

    /// Returns what a detached supervisor says.
    pub(crate) fn supervisor_log(&self) -> PathBuf {
        self.path.join("supervisor.log")
    }

    /// Returns the folder of a node.
    pub(crate) fn node(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads the parameters; `None` if there is no such testnet.
    ///
    /// # Errors
    /// [`Exit::Config`] if the file is damaged or of a newer release.
    pub(crate) fn plan(&self) -> Outcome<Option<Plan>> {
        let path = self.path.join("testnet.toml");
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).on("read", &path)?;
        let wrong = |reason: &str| {
            let message = format!("{}: {reason}", path.display());
            CliError::new(Exit::Config, message).next(self.clean_command())
        };
        let plan: Plan = toml::from_str(&text).map_err(|error| wrong(error.message()))?;
        let fits = plan
            .port_base
            .checked_add(100 + names::VALIDATORS_MAX)
            .is_some();
        if plan.schema != SCHEMA {
            return Err(wrong(&format!(
                "schema {}, this release knows {SCHEMA}",
                plan.schema
            )));
        }
        if !(1..=names::VALIDATORS_MAX).contains(&plan.validators) || !fits {
            return Err(wrong(
                "the number of validators or the port is out of range",
            ));
        }
        Ok(Some(plan))
    }

    /// Stores the parameters.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn save(&self, plan: &Plan) -> Outcome {
        folders::create_private(&self.path)?;
        let text = toml::to_string(plan).expect("a flat table of numbers is valid TOML");
        folders::write_private(&self.path.join("testnet.toml"), text.as_bytes())
    }

    /// Takes the folder, or says that a supervisor has it.
    ///
    /// The lock belongs to the open file: the system releases it however its holder ends.
    ///
    /// # Errors
    /// [`Exit::Locked`] if the testnet runs already.
    pub(crate) fn lock(&self) -> Outcome<Lock> {
        folders::create_private(&self.path)?;
        let path = self.path.join("lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .on("open", &path)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => {
                let message = format!("testnet \"{}\" runs already", self.name);
                Err(CliError::new(Exit::Locked, message).next(format!(
                    "starling testnet status{0}, or: starling testnet stop{0}",
                    self.flag()
                )))
            }
            Err(TryLockError::Error(error)) => Err(CliError::file("lock", &path, &error)),
        }
    }

    /// Returns ` --testnet NAME`, or nothing for the default name.
    pub(crate) fn flag(&self) -> String {
        if self.name == "local" {
            String::new()
        } else {
            format!(" --testnet {}", self.name)
        }
    }

    /// Returns the command that removes the testnet.
    pub(crate) fn clean_command(&self) -> String {
        format!("starling testnet clean{}", self.flag())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_survives_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Folder::at(&folder.path().join("net"));
        assert_eq!(folder.plan().unwrap(), None);
        folder.save(&Plan::new(4, 7_100)).unwrap();
        let plan = folder.plan().unwrap().unwrap();
        assert_eq!(plan, Plan::new(4, 7_100));
        assert_eq!(plan.url(2), "http://127.0.0.1:7102");
    }

    #[test]
    fn refuses_a_folder_of_another_schema() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("testnet.toml");
        fs::write(path, "schema = 2\nvalidators = 4\nport_base = 7100\n").unwrap();
        let error = Folder::at(folder.path()).plan().unwrap_err();
        assert_eq!(error.exit, Exit::Config);
    }

    #[test]
    fn second_lock_is_refused_until_the_first_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Folder::at(folder.path());
        let first = folder.lock().unwrap();
        assert_eq!(folder.lock().unwrap_err().exit, Exit::Locked);
        drop(first);
        folder.lock().unwrap();
    }
}
