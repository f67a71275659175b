//! The next command as it has to be typed: with the flags that this one was given.
//!
//! Whoever names a node, a testnet, a data folder or a genesis, and then types the command that the
//! last one proposed, means the same ones. What came from the environment is there still.

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _};

use crate::args::Cli;
use crate::flags;

/// Flags that say which network and whose keys are meant.
const KEPT: [&str; 4] = ["node", "testnet", "data_dir", "genesis"];

/// Those of them that were typed, with their values.
#[derive(Debug, Default)]
pub(crate) struct Typed(Vec<(&'static str, String)>);

impl Typed {
    /// Finds them on the command line.
    pub(crate) fn of(matches: &ArgMatches) -> Self {
        let mut levels = vec![matches];
        while let Some((_, inner)) = levels.last().and_then(|level| level.subcommand()) {
            levels.push(inner);
        }
        let typed = KEPT.into_iter().filter_map(|flag| {
            let mut values = levels.iter().rev().filter_map(|level| typed(level, flag));
            Some((flag, values.next()?))
        });
        Self(typed.collect())
    }

    /// Adds to each command in `next` those that it has a use for and does not name itself.
    pub(crate) fn complete(&self, next: &str) -> String {
        let mut completed = String::new();
        let mut rest = next;
        while let Some(at) = rest.find(COMMAND) {
            let (before, command) = rest.split_at(at);
            let (path, words) = path(command);
            completed.push_str(before);
            completed.push_str(words);
            rest = &command[words.len()..];
            let missing = self.0.iter().filter(|(flag, _)| {
                let own = format!("--{}", flag.replace('_', "-"));
                flags::takes(&path, flag) && !next.contains(&own)
            });
            for (flag, value) in missing {
                let flag = flag.replace('_', "-");
                completed.push_str(&format!(" --{flag} {}", quoted(value)));
            }
        }
        completed + rest
    }
}

const COMMAND: &str = "starling ";

fn typed(matches: &ArgMatches, flag: &str) -> Option<String> {
    let is_known = matches.try_contains_id(flag).unwrap_or(false);
    if !is_known || matches.value_source(flag) != Some(ValueSource::CommandLine) {
        return None;
    }
    let raw = matches.get_raw(flag)?.next()?;
    raw.to_str().map(str::to_owned)
}

/// Splits off the words that name a command: its path, and the text up to its end.
fn path(text: &str) -> (String, &str) {
    let mut command = Cli::command();
    let mut path = Vec::new();
    let mut end = COMMAND.len() - 1;
    while let Some(word) = text[end..].strip_prefix(' ') {
        let length = word.find([' ', ',', ';']).unwrap_or(word.len());
        let word = &word[..length];
        let Some(child) = command.find_subcommand(word).cloned() else {
            break;
        };
        command = child;
        path.push(word);
        end += 1 + length;
    }
    (path.join(" "), &text[..end])
}

/// Writes a value as a shell takes it for one word.
fn quoted(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-:,=@%+[]".contains(&byte);
    if !value.is_empty() && value.bytes().all(is_plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(line: &str, next: &str) -> String {
        let matches = Cli::command().try_get_matches_from(line.split(' '));
        Typed::of(&matches.unwrap()).complete(next)
    }

    #[test]
    fn what_was_named_is_named_again_where_it_has_a_use() {
        let node = "starling send alice bob 1 --node http://10.0.0.1:8000 --genesis g.toml";
        for (line, told, completed) in [
            (
                node,
                "starling tx show 77 --receipt",
                "starling tx show --node http://10.0.0.1:8000 --genesis g.toml 77 --receipt",
            ),
            (node, "starling key new bob", "starling key new bob"),
            (
                node,
                "starling testnet up, or name a node with --node URL",
                "starling testnet up, or name a node with --node URL",
            ),
            (
                "starling --testnet two status",
                "starling status",
                "starling status --testnet two",
            ),
            (
                "starling status --testnet two",
                "starling testnet up --testnet two",
                "starling testnet up --testnet two",
            ),
            (
                "starling --data-dir /d key new bob",
                "starling key list, or: starling key new x",
                "starling key list --data-dir /d, or: starling key new --data-dir /d x",
            ),
            ("starling status", "starling peers", "starling peers"),
            (
                node,
                "try again; nothing was sent",
                "try again; nothing was sent",
            ),
        ] {
            assert_eq!(next(line, told), completed);
        }
    }

    #[test]
    fn a_value_stays_one_word() {
        for (value, word) in [
            ("/home/a/g.toml", "/home/a/g.toml"),
            ("/home/my keys", "'/home/my keys'"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(value), word);
        }
    }
}
