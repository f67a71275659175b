//! Global flags that not every command has a use for.
//!
//! Clap accepts a global flag everywhere. A command that has no use for one refuses it, as it would
//! a flag that does not exist: whoever gives `--checkpoint` to a command that checks nothing would
//! else believe that it was checked. What comes from the environment is meant for all commands and
//! is refused by none. The other global flags (`--json`, `--quiet`, `--verbose`, `--color`,
//! `--no-input`) promise how a command behaves, and hold for every one.

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _};

use crate::args::Cli;
use crate::error::{CliError, Outcome};

/// A flag by the name of its argument, and the commands that use it: a group stands for all in it.
type Use = (&'static str, &'static [&'static str]);

/// Who uses what. A test compares it with the command line: each command and flag is known here.
const USES: [Use; 5] = [
    (
        "node",
        &[
            "send",
            "record",
            "account",
            "tx build",
            "tx submit",
            "tx show",
            "stake",
            "block",
            "status",
            "peers",
            "validators",
            "load",
        ],
    ),
    (
        "testnet",
        &[
            "testnet",
            "send",
            "record",
            "account",
            "multisig sign",
            "multisig combine",
            "tx",
            "stake",
            "verify",
            "block",
            "status",
            "peers",
            "validators",
            "db",
            "load",
            "snapshot make",
            "snapshot list",
            "snapshot restore",
        ],
    ),
    (
        "data_dir",
        &[
            "send",
            "record",
            "account",
            "multisig",
            "tx",
            "stake",
            "verify",
            "block",
            "status",
            "validators",
            "key",
            "db",
            "node run",
            "snapshot make",
            "snapshot list",
            "snapshot restore",
        ],
    ),
    (
        "checkpoint",
        &[
            "send",
            "record",
            "account",
            "tx build",
            "tx submit",
            "tx show",
            "stake",
            "verify",
            "block",
            "db check",
            "db rollback",
            "db resync",
            "node run",
            "snapshot verify",
            "snapshot restore",
        ],
    ),
    (
        "timeout",
        &[
            "send",
            "record",
            "account show",
            "account set-authority",
            "tx build",
            "tx submit",
            "tx show",
            "stake",
            "load",
            "testnet up",
            "testnet start",
            "testnet resume",
        ],
    ),
];

/// Refuses what was typed and the command has no use for.
///
/// # Errors
/// A usage error that names the flag.
pub(crate) fn check(matches: &ArgMatches) -> Outcome {
    let levels = levels(matches);
    let words: Vec<_> = levels.iter().skip(1).map(|level| level.word).collect();
    let path = words.join(" ");
    for (flag, _) in USES {
        // Clap shows the argument of a command to those above it as well.
        let is_own = levels.iter().any(|level| level.owns(flag));
        let is_typed = !is_own && levels.iter().any(|level| level.has_typed(flag));
        if is_typed && !uses(&path, flag) {
            let flag = flag.replace('_', "-");
            let message = format!("`starling {path}` has no use for --{flag}");
            return Err(CliError::usage(message).next(format!("starling {path} --help")));
        }
    }
    Ok(())
}

/// A command on the way to the one that was meant, and what it was given.
struct Level<'a> {
    word: &'a str,
    matches: &'a ArgMatches,
    /// The names of its own arguments; some are called as a global flag is.
    own: Vec<String>,
}

impl Level<'_> {
    fn owns(&self, flag: &str) -> bool {
        self.own.iter().any(|name| name == flag)
    }

    fn has_typed(&self, flag: &str) -> bool {
        self.matches.try_contains_id(flag).unwrap_or(false)
            && self.matches.value_source(flag) == Some(ValueSource::CommandLine)
    }
}

/// Follows the subcommands to the last.
fn levels(matches: &ArgMatches) -> Vec<Level<'_>> {
    let mut command = Cli::command();
    let (word, own) = ("", Vec::new());
    let mut levels = vec![Level { word, matches, own }];
    let mut inner = matches.subcommand();
    while let Some((word, matches)) = inner {
        let child = command.find_subcommand(word).cloned().unwrap_or_default();
        let own = child.get_arguments().map(|arg| arg.get_id().to_string());
        let own = own.collect();
        levels.push(Level { word, matches, own });
        command = child;
        inner = matches.subcommand();
    }
    levels
}

/// Says whether the command of these words has a use for a flag, its own or a global one.
pub(crate) fn takes(path: &str, flag: &str) -> bool {
    let mut command = Cli::command();
    for word in path.split_whitespace() {
        match command.find_subcommand(word).cloned() {
            Some(child) => command = child,
            None => return false,
        }
    }
    let is_own = command.get_arguments().any(|arg| arg.get_id() == flag);
    is_own || uses(path, flag)
}

fn uses(path: &str, flag: &str) -> bool {
    let covers = |named: &&str| path == *named || path.starts_with(&format!("{named} "));
    let mut rows = USES.iter().filter(|(name, _)| *name == flag);
    rows.any(|(_, commands)| commands.iter().any(covers))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use clap::Command;

    use super::*;
    use crate::exit::Exit;

    /// Global flags that hold for every command.
    const PROMISES: [&str; 5] = ["json", "quiet", "verbose", "color", "no_input"];

    /// Visits every command that does something, with its words.
    fn visit(command: &Command, path: &str, seen: &mut dyn FnMut(&str, &Command)) {
        let mut inner = command.get_subcommands().peekable();
        if inner.peek().is_none() {
            return seen(path, command);
        }
        for child in inner {
            let name = child.get_name();
            let path = match path {
                "" => name.to_owned(),
                path => format!("{path} {name}"),
            };
            visit(child, &path, seen);
        }
    }

    fn commands() -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        visit(&Cli::command(), "", &mut |path, _| {
            all.insert(path.to_owned());
        });
        all
    }

    #[test]
    fn every_global_flag_is_a_promise_or_has_its_users() {
        let command = Cli::command();
        let global = command.get_arguments().filter(|arg| arg.is_global_set());
        for arg in global {
            let name = arg.get_id().as_str();
            let listed = USES.iter().any(|(flag, _)| *flag == name);
            assert!(listed != PROMISES.contains(&name), "{name}");
        }
        let all = commands();
        for (flag, users) in USES {
            for user in users {
                let known = all
                    .iter()
                    .any(|path| path == user || path.starts_with(&format!("{user} ")));
                assert!(known, "{flag}: there is no command `{user}`");
            }
        }
    }

    /// Every flag of every command is typed in some test of the binary, so that one that does
    /// nothing has at least been looked at. That its value is read, the compiler says: the fields
    /// of a command's flags are private to it, and one that nobody reads is an error of the build.
    #[test]
    fn every_flag_is_tried_by_a_test_of_the_binary() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut tests = String::new();
        for folder in [
            "tests",
            "tests/light",
            "../tests/tests",
            "../tests/tests/states",
            "../tests/src",
            "src/testnet",
        ] {
            for entry in fs::read_dir(root.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "rs") {
                    tests.push_str(&fs::read_to_string(path).unwrap());
                }
            }
        }
        let mut flags = BTreeSet::new();
        visit(&Cli::command(), "", &mut |_, command| {
            let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
            flags.extend(shown.filter_map(clap::Arg::get_long).map(str::to_owned));
        });
        flags.remove("help");
        flags.remove("version");
        assert!(flags.len() > 50, "{}", flags.len());
        let typed = |flag: &str| {
            let ends = ["\"", " ", "=", "`"];
            let begins = ["\"", " ", "`"];
            begins.iter().any(|begin| {
                ends.iter()
                    .any(|end| tests.contains(&format!("{begin}--{flag}{end}")))
            })
        };
        let untried: Vec<_> = flags.iter().filter(|flag| !typed(flag)).collect();
        assert!(untried.is_empty(), "no test types {untried:?}");
    }

    fn refusal(line: &str) -> Option<String> {
        let matches = Cli::command().try_get_matches_from(line.split(' '));
        let refused = check(&matches.unwrap()).err()?;
        assert_eq!(refused.exit, Exit::Usage);
        Some(refused.message)
    }

    #[test]
    fn a_command_refuses_what_it_has_no_use_for() {
        let point = format!("7:{}", "ab".repeat(32));
        for line in [
            format!("starling --checkpoint {point} key list"),
            format!("starling status --checkpoint {point}"),
            "starling node run --timeout 5s".to_owned(),
            "starling genesis hash g.toml --node http://127.0.0.1:1".to_owned(),
            "starling key list --testnet other".to_owned(),
            "starling --node http://127.0.0.1:1 db check n1".to_owned(),
            "starling db check n1 --node http://127.0.0.1:1".to_owned(),
            "starling testnet kill n1 --node http://127.0.0.1:1".to_owned(),
        ] {
            let told = refusal(&line).unwrap();
            assert!(told.contains("has no use for --"), "{line}: {told}");
        }
        for line in [
            format!("starling node run --checkpoint {point}"),
            format!("starling snapshot verify s --checkpoint {point}"),
            "starling testnet kill n1 --testnet other".to_owned(),
            "starling db check n1".to_owned(),
            "starling account show alice --timeout 5s".to_owned(),
            "starling send alice bob 1 --timeout 5s --testnet other".to_owned(),
            "starling key list --json --quiet --verbose --no-input --color never".to_owned(),
        ] {
            assert_eq!(refusal(&line), None, "{line}");
        }
    }
}
