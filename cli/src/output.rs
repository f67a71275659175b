//! What the user sees: the result on stdout, all else on stderr.
//!
//! With `--json` stdout holds exactly one envelope, for errors too:
//! `{"v":1,"ok":true,"data":…}` or `{"v":1,"ok":false,"error":{"code":…,"exit":…,"message":…}}`; an
//! error about a transaction has its `id`. Beside each amount `…_base` and each power stands the
//! same number as text, `…_base_text` and `…power_text`.
//!
//! # Invariants
//! - A reader that has gone away (`starling … | head`) is no error: what is left is dropped in
//!   silence and the command goes on to its own exit code.
//! - Any other result that cannot be written ([`unwritten`]) costs the exit code of success.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::again::Typed;
use crate::args::{Color, Global};
use crate::error::CliError;

/// The version of the envelope.
const ENVELOPE_VERSION: u8 = 1;
/// Names of voting powers, which are amounts of stake.
const POWERS: [&str; 2] = ["power", "total_power"];

/// Why the first line that could not be written was not.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// How to talk to the user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    color: bool,
    /// What the next command has to be given, too.
    typed: Option<&'static Typed>,
}

/// Colours of words that must not be missed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tone {
    /// Good news: final, resumed.
    Good,
    /// Bad news: halted, error.
    Bad,
    /// Less important than the rest.
    Faint,
}

impl Output {
    /// Decides from the flags and the terminal.
    pub(crate) fn new(global: &Global, typed: Typed) -> Self {
        let color = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                io::stdout().is_terminal()
                    && io::stderr().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        };
        Self {
            json: global.json,
            quiet: global.quiet,
            color,
            // There is one command line, as long as there is the process.
            typed: Some(Box::leak(Box::new(typed))),
        }
    }

    /// Decides for a command line that could not be parsed.
    pub(crate) fn unparsed(json: bool) -> Self {
        Self {
            json,
            quiet: false,
            color: false,
            typed: None,
        }
    }

    /// Returns the same without progress, for what happens many times over.
    pub(crate) fn hushed(self) -> Self {
        let quiet = true;
        Self { quiet, ..self }
    }

    /// Says whether stdout is to hold JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Says whether colours are wanted.
    pub(crate) fn has_colors(self) -> bool {
        self.color
    }

    /// Prints the result: `data` in an envelope, or `text` for people.
    pub(crate) fn result(self, data: &Value, text: &str) {
        if self.json {
            self.envelope(data);
        } else {
            print(text);
        }
    }

    /// Prints the envelope of a result with `--json`, and nothing otherwise.
    pub(crate) fn envelope(self, data: &Value) {
        if self.json {
            let mut data = data.clone();
            add_texts(&mut data);
            print(&json!({"v": ENVELOPE_VERSION, "ok": true, "data": data}).to_string());
        }
    }

    /// Prints a part of the result for people; nothing with `--json`.
    pub(crate) fn line(self, text: &str) {
        if !self.json {
            print(text);
        }
    }

    /// Prints progress on stderr, unless quiet.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// Prints a warning on stderr that nothing silences.
    pub(crate) fn warn(self, text: &str) {
        let word = self.paint(Tone::Bad, "warning:");
        let _ = writeln!(io::stderr().lock(), "{word} {text}");
    }

    /// Names the next command, for people only.
    pub(crate) fn next(self, command: &str) {
        if !self.json {
            let command = self.complete(command);
            self.note(&self.paint(Tone::Faint, &format!("next: {command}")));
        }
    }

    fn complete(self, next: &str) -> String {
        let typed = self.typed.map(|typed| typed.complete(next));
        typed.unwrap_or_else(|| next.to_owned())
    }

    /// Prints an error where it belongs.
    pub(crate) fn error(self, error: &CliError) {
        if self.json {
            let mut body = json!({
                "code": error.code,
                "exit": error.exit.number(),
                "message": error.message,
            });
            if let Some(next) = &error.next {
                body["next"] = json!(self.complete(next));
            }
            if let Some(id) = &error.id {
                body["id"] = json!(id);
            }
            print(&json!({"v": ENVELOPE_VERSION, "ok": false, "error": body}).to_string());
            return;
        }
        let mut stderr = io::stderr().lock();
        let word = self.paint(Tone::Bad, "error:");
        let _ = writeln!(stderr, "{word} {}", error.message);
        if let Some(next) = &error.next {
            let _ = writeln!(stderr, "  next: {}", self.complete(next));
        }
    }

    /// Colours `text`, where colours are wanted.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Faint => "2",
        };
        if self.color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Puts the same number as text beside each amount and power, whatever a node said there: readers
/// in which every number is a float (JavaScript, jq 1.6) round them above 2^53.
fn add_texts(data: &mut Value) {
    match data {
        Value::Array(items) => items.iter_mut().for_each(add_texts),
        Value::Object(map) => {
            map.values_mut().for_each(add_texts);
            let is_large = |name: &str| name.ends_with("_base") || POWERS.contains(&name);
            let large = map.iter().filter(|(name, _)| is_large(name));
            let texts: Vec<_> = large
                .filter_map(|(name, value)| Some((format!("{name}_text"), value.as_u64()?)))
                .collect();
            for (name, number) in texts {
                map.insert(name, json!(number.to_string()));
            }
        }
        _ => {}
    }
}

/// Returns why a part of the result could not be written, if one could not.
pub(crate) fn unwritten() -> Option<&'static str> {
    UNWRITTEN.get().map(String::as_str)
}

/// Remembers that a part of the result could not be written; a closed pipe is nobody's fault.
pub(crate) fn written(result: io::Result<()>) {
    if let Err(error) = result
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        let _ = UNWRITTEN.set(error.to_string());
    }
}

/// Writes a line to stdout at once.
fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    written(writeln!(stdout, "{text}").and_then(|()| stdout.flush()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_amount_and_power_is_told_as_text_too() {
        let large = (1_u64 << 53) + 1;
        let mut data = json!({
            "balances": {"from_base": large, "to_base": 0, "from_base_text": "a lie"},
            "candidates": [{"bonded_base": u64::MAX}],
            "total_power": large,
            "power": "75.0 %",
            "supply_base": null,
        });
        add_texts(&mut data);
        let expected = json!({
            "balances": {"from_base": large, "from_base_text": "9007199254740993",
                         "to_base": 0, "to_base_text": "0"},
            "candidates": [{"bonded_base": u64::MAX, "bonded_base_text": u64::MAX.to_string()}],
            "total_power": large,
            "total_power_text": "9007199254740993",
            "power": "75.0 %",
            "supply_base": null,
        });
        assert_eq!(data, expected);
    }

    #[test]
    fn colours_only_where_wanted() {
        let plain = Output::unparsed(false);
        assert_eq!(plain.paint(Tone::Good, "FINAL"), "FINAL");
        let painted = Output {
            color: true,
            ..plain
        };
        assert_eq!(painted.paint(Tone::Good, "FINAL"), "\x1b[32mFINAL\x1b[0m");
    }
}
