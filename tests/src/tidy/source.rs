//! A Rust file split into what the rules look at: code, comments, and code with its strings.
//!
//! # Invariants
//! All views have the lines of the text; what is blanked is replaced by spaces, so that a place
//! in one view is found in the others.

/// A file and its views.
#[derive(Debug)]
pub struct Source<'a> {
    /// Path relative to the root of the repository.
    pub path: &'a str,
    /// The file as it is.
    pub text: &'a str,
    /// Code alone: comments and the contents of strings are blank.
    pub code: String,
    /// Code and strings: comments are blank.
    pub code_and_strings: String,
    /// Comments alone.
    pub comments: String,
    /// [`Self::code`] without what `#[cfg(test)]` marks.
    pub product: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Text,
}

impl<'a> Source<'a> {
    /// Splits `text`.
    #[must_use]
    pub fn new(path: &'a str, text: &'a str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let kinds = classify(&chars);
        let view = |keep: &[Kind]| -> String {
            let shown = |(c, k): (&char, &Kind)| {
                if *c == '\n' || keep.contains(k) {
                    *c
                } else {
                    ' '
                }
            };
            chars.iter().zip(&kinds).map(shown).collect()
        };
        let code = view(&[Kind::Code]);
        let product = without_tests(&code);
        Self {
            path,
            text,
            code_and_strings: view(&[Kind::Code, Kind::Text]),
            comments: view(&[Kind::Comment]),
            code,
            product,
        }
    }
}

/// Tells for each character whether it is code, comment or the content of a string.
fn classify(chars: &[char]) -> Vec<Kind> {
    let mut kinds = Vec::with_capacity(chars.len());
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let after_name = at > 0 && is_name(chars[at - 1]);
        let (kind, length) = if rest.starts_with(&['/', '/']) {
            (
                Kind::Comment,
                rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
            )
        } else if rest.starts_with(&['/', '*']) {
            (Kind::Comment, block_comment(rest))
        } else if let Some(length) = (!after_name).then(|| raw_string(rest)).flatten() {
            (Kind::Text, length)
        } else if rest[0] == '"' {
            (Kind::Text, string(rest))
        } else if let Some(length) = character(rest) {
            (Kind::Text, length)
        } else {
            (Kind::Code, 1)
        };
        kinds.resize(kinds.len() + length, kind);
        at += length;
    }
    kinds
}

fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(&['/', '*']) {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(&['*', '/']) {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Length of `r"…"`, `r#"…"#`, `br"…"`, `cr"…"` at the head of `rest`.
fn raw_string(rest: &[char]) -> Option<usize> {
    let prefix = usize::from(matches!(rest.first(), Some('b' | 'c')));
    if rest.get(prefix) != Some(&'r') {
        return None;
    }
    let hashes = rest[prefix + 1..].iter().take_while(|c| **c == '#').count();
    let open = prefix + 1 + hashes;
    if rest.get(open) != Some(&'"') {
        return None;
    }
    let close: Vec<char> = std::iter::once('"')
        .chain(std::iter::repeat_n('#', hashes))
        .collect();
    let body = &rest[open + 1..];
    let end = body
        .windows(close.len())
        .position(|w| w == close.as_slice());
    Some(end.map_or(rest.len(), |end| open + 1 + end + close.len()))
}

fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of a character literal; `None` for a lifetime.
fn character(rest: &[char]) -> Option<usize> {
    if rest[0] != '\'' {
        return None;
    }
    if rest.get(1) == Some(&'\\') {
        let end = rest[3.min(rest.len())..].iter().position(|c| *c == '\'')?;
        return Some(3 + end + 1);
    }
    (rest.get(2) == Some(&'\'')).then_some(3)
}

/// Whether `c` can be part of an identifier.
#[must_use]
pub fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Line of the byte offset `at`, counted from one.
#[must_use]
pub fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Offsets at which `word` stands in `text` as a whole path, not as part of a longer name.
#[must_use]
pub fn find_words(text: &str, word: &str) -> Vec<usize> {
    let whole = |at: &usize| {
        let before = text[..*at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_name) && !after.is_some_and(is_name)
    };
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(whole)
        .collect()
}

/// Offset just behind the item that starts at `from`: behind its block, or behind its `;`.
#[must_use]
pub fn end_of_item(code: &str, from: usize) -> usize {
    let mut braces = 0_usize;
    let mut brackets = 0_usize;
    for (at, c) in code[from..].char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            '{' => braces += 1,
            '}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 {
                    return from + at + 1;
                }
            }
            ';' if braces == 0 && brackets == 0 => return from + at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Blanks every item that `#[cfg(test)]` marks.
fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    for (at, mark) in code.match_indices("#[cfg(test)]") {
        let end = end_of_item(code, at + mark.len());
        let blank: String = code[at..end]
            .chars()
            .map(|c| if c == '\n' { '\n' } else { ' ' })
            .collect();
        if blank.len() == end - at {
            out.replace_range(at..end, &blank);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separates_code_strings_and_comments() {
        let text = "let a = \"// no\"; // yes\nlet b = r#\"x\"y\"#; /* in /* deep */ */ b";
        let source = Source::new("a.rs", text);
        let words: Vec<&str> = source.code.split_whitespace().collect();
        assert_eq!(words, ["let", "a", "=", ";", "let", "b", "=", ";", "b"]);
        assert_eq!(source.code.chars().count(), text.chars().count());
        assert!(source.comments.contains("// yes") && !source.comments.contains("no"));
        assert!(source.code_and_strings.contains("\"// no\""));
    }

    #[test]
    fn tells_lifetimes_from_characters() {
        let source = Source::new("a.rs", "fn f<'a>(x: &'a str) { g('{', '\\'', b'}') }");
        assert_eq!(source.code.matches('{').count(), 1);
        assert_eq!(source.code.matches('}').count(), 1);
    }

    #[test]
    fn blanks_test_modules_and_keeps_lines() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        let source = Source::new("a.rs", text);
        assert!(!source.product.contains("fn b"));
        assert!(source.product.contains("fn c"));
        assert_eq!(
            source.product.matches('\n').count(),
            text.matches('\n').count()
        );
    }

    #[test]
    fn finds_whole_words_only() {
        assert_eq!(
            find_words("tokio::x my_tokio tokio2 (tokio)", "tokio"),
            [0, 26]
        );
    }
}
