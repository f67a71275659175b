//! Files of payments: comma-separated rows `to,amount,memo`.
//!
//! A first line `to,amount` or `to,amount,memo` is a heading; blank lines and lines that begin with
//! `#` are skipped. A field may stand between double quotes, where a quote is written twice; it
//! ends with its line.
//!
//! # Source
//! RFC 4180, without fields of several lines.
//!
//! # Limits
//! [`ROWS_MAX`] rows and [`FILE_BYTES_MAX`] bytes.

use std::fs;
use std::path::Path;

use crate::draft::check_memo;
use crate::error::{CliError, FileContext as _, Outcome};

/// Most rows of a file. Our choice: they are signed and written down before the first one leaves.
pub(crate) const ROWS_MAX: usize = 1_000;
/// Most bytes of a file: [`ROWS_MAX`] rows with the longest memos, quoted, and room.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// One payment, as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The number of its line, from 1.
    pub(crate) line: usize,
    /// Who receives.
    pub(crate) to: String,
    /// How much, in the unit of the network.
    pub(crate) amount: String,
    /// Text for people.
    pub(crate) memo: String,
}

/// Reads the file at `path`.
///
/// # Errors
/// A usage error that names the line, or that of the system.
pub(crate) fn read(path: &Path) -> Outcome<Vec<Row>> {
    if fs::metadata(path).on("read", path)?.len() > FILE_BYTES_MAX {
        let message = format!("{} is longer than {FILE_BYTES_MAX} bytes", path.display());
        return Err(CliError::usage(message));
    }
    let bytes = fs::read(path).on("read", path)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| CliError::usage(format!("{} is not UTF-8", path.display())))?;
    parse(&text).map_err(|(line, error)| at_line(error, path, line))
}

/// Names file and line in an error.
pub(crate) fn at_line(mut error: CliError, path: &Path, line: usize) -> CliError {
    error.message = format!("{}, line {line}: {}", path.display(), error.message);
    error.next("correct the line; nothing was sent")
}

fn parse(text: &str) -> Result<Vec<Row>, (usize, CliError)> {
    let mut rows = Vec::new();
    let lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines();
    for (line, content) in (1..).zip(lines) {
        let at = |error| (line, error);
        if content.trim().is_empty() || content.starts_with('#') {
            continue;
        }
        let fields = fields(content).map_err(at)?;
        if line == 1 && is_heading(&fields) {
            continue;
        }
        rows.push(row(line, fields).map_err(at)?);
        if rows.len() > ROWS_MAX {
            let message = format!("more than {ROWS_MAX} rows; split the file");
            return Err(at(CliError::usage(message)));
        }
    }
    match rows.is_empty() {
        true => Err((1, CliError::usage("no row; write to,amount,memo"))),
        false => Ok(rows),
    }
}

fn is_heading(fields: &[String]) -> bool {
    let names: Vec<_> = fields.iter().map(|field| field.to_lowercase()).collect();
    names == ["to", "amount"] || names == ["to", "amount", "memo"]
}

fn row(line: usize, fields: Vec<String>) -> Outcome<Row> {
    let count = fields.len();
    let mut fields = fields.into_iter();
    let (Some(to), Some(amount), memo, None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        let message = format!("{count} fields, expected to,amount or to,amount,memo");
        return Err(CliError::usage(message));
    };
    let memo = memo.unwrap_or_default();
    check_memo("memo", &memo)?;
    Ok(Row {
        line,
        to,
        amount,
        memo,
    })
}

/// Takes a line apart. Blanks around a field without quotes do not count.
fn fields(line: &str) -> Outcome<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let trimmed = rest.trim_start();
        let (field, after) = match trimmed.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (field, after) = rest.split_at(end);
                if field.contains('"') {
                    return Err(CliError::usage("a quote in the middle of a field"));
                }
                (field.trim().to_owned(), after)
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Ok(fields),
        }
    }
}

/// Takes a field that began with a quote; returns it and what follows, a comma or nothing.
fn quoted_field(text: &str) -> Outcome<(String, &str)> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest
            .split_once('"')
            .ok_or_else(|| CliError::usage("a quote is not closed in its line"))?;
        field.push_str(part);
        match after.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => {
                let after = after.trim_start();
                if !after.is_empty() && !after.starts_with(',') {
                    return Err(CliError::usage("something follows a closing quote"));
                }
                return Ok((field, after));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_rows_with_headings_comments_and_quotes() {
        let text = "\u{feff}To,amount,memo\n# wages\n\nbob, 25 ,\"May, \"\"late\"\"\"\r\n\
                    carol,\"1,000.5\"\n";
        let rows = parse(text).unwrap();
        let shown: Vec<_> = rows
            .iter()
            .map(|row| {
                let texts = (row.to.as_str(), row.amount.as_str(), row.memo.as_str());
                (row.line, texts)
            })
            .collect();
        let expected = [
            (4, ("bob", "25", "May, \"late\"")),
            (5, ("carol", "1,000.5", "")),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn names_the_line_that_is_wrong() {
        let long = format!("bob,1,{}", "m".repeat(257));
        for (text, line) in [
            ("", 1),
            ("# nothing\n", 1),
            ("bob,1\ncarol\n", 2),
            ("bob,1\n\ncarol,1,x,y\n", 3),
            ("bob,1,\"open\n", 1),
            ("bob,1,\"a\"b\n", 1),
            ("bob,1,a\"b\n", 1),
            (&long, 1),
        ] {
            let (found, error) = parse(text).unwrap_err();
            assert_eq!((found, error.exit.number()), (line, 2), "{text:?}");
        }
    }

    #[test]
    fn refuses_more_rows_than_the_bound() {
        assert_eq!(parse(&"bob,1\n".repeat(ROWS_MAX)).unwrap().len(), ROWS_MAX);
        assert!(parse(&"bob,1\n".repeat(ROWS_MAX + 1)).is_err());
    }

    fn quoted(field: &str) -> String {
        format!("\"{}\"", field.replace('"', "\"\""))
    }

    proptest! {
        #[test]
        fn quoted_fields_come_back_whatever_they_hold(
            written in proptest::collection::vec(("[^\r\n]{0,20}", "[^\r\n]{0,20}"), 1..9),
        ) {
            let line = |(to, memo): &(String, String)| {
                format!("{},1,{}\n", quoted(to), quoted(memo))
            };
            let text: String = written.iter().map(line).collect();
            let rows = parse(&text).unwrap().into_iter();
            let read: Vec<_> = rows.map(|row| (row.to, row.memo)).collect();
            prop_assert_eq!(read, written);
        }

        #[test]
        fn any_text_is_rows_or_an_error_in_one_of_its_lines(text in "[a-z,\"#\n 1]{0,80}") {
            let last = text.lines().count().max(1);
            match parse(&text) {
                Ok(rows) => prop_assert!(rows.iter().all(|row| row.line <= last)),
                Err((line, _)) => prop_assert!((1..=last).contains(&line)),
            }
        }
    }
}
