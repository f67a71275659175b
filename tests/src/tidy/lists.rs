//! Decoders of lists: each list has a limit of its own, which only a decoder written by hand has.
//!
//! A `Vec` or `String` that is decoded by bincode's own code knows no number of items, and is held
//! against the limit of bytes by what it takes in memory. `starling_ledger::codec` says more.

use super::source::{Source, end_of_item, find_words, is_name, line_of};
use super::{Breach, rooms};

/// What takes more or less memory than bytes.
const LISTS: [&str; 7] = [
    "Vec<",
    "VecDeque<",
    "String",
    "Box<[",
    "Arc<[",
    "Box<str",
    "Arc<str",
];

/// Applies the rule to what ships.
#[must_use]
pub fn check(source: &Source<'_>) -> Vec<Breach> {
    if rooms::is_test(source.path) {
        return Vec::new();
    }
    let mut breaches = derived(source);
    breaches.extend(handed_on(source));
    breaches
}

/// Types with a list whose decoder is derived.
fn derived(source: &Source<'_>) -> Vec<Breach> {
    let code = &source.product;
    let mut breaches = Vec::new();
    for (at, mark) in code.match_indices("#[derive(") {
        let Some(close) = code[at..].find(")]") else {
            continue;
        };
        let traits = &code[at + mark.len()..at + close];
        if find_words(traits, "Decode").is_empty() {
            continue;
        }
        let item = &code[at..end_of_item(code, at + close + 2)];
        let item = &item[close + 2..];
        if let Some(list) = LISTS.into_iter().find(|list| item.contains(list)) {
            let rule = format!("derived decoder of {list}: write it with codec::list and a limit");
            breaches.push(Breach::new(source.path, line_of(code, at), rule));
        }
    }
    breaches
}

/// Fields that are lists, in decoders written by hand, that are decoded without a limit.
fn handed_on(source: &Source<'_>) -> Vec<Breach> {
    let code = &source.product;
    let mut breaches = Vec::new();
    for (at, _) in code.match_indices("Decode<C> for ") {
        let block = &code[at..end_of_item(code, at)];
        for (field, offset) in fields_handed_on(block) {
            if LISTS.iter().any(|list| is_list(code, field, list)) {
                let rule = format!("{field}: a list without a limit, use codec::list");
                breaches.push(Breach::new(source.path, line_of(code, at + offset), rule));
            }
        }
    }
    breaches
}

/// Names of fields that are given what `Decode::decode` returns.
fn fields_handed_on(block: &str) -> Vec<(&str, usize)> {
    let given = block.match_indices(": Decode::decode(");
    let name = |(at, _): (usize, &str)| {
        let start = block[..at]
            .rfind(|c| !is_name(c))
            .map_or(0, |found| found + 1);
        Some((block.get(start..at)?, start))
    };
    given.filter_map(name).collect()
}

/// Says whether a field of this name is declared as such a list in this file.
fn is_list(code: &str, field: &str, list: &str) -> bool {
    let declared = find_words(code, field).into_iter();
    let mut types = declared.filter_map(|at| code[at + field.len()..].strip_prefix(": "));
    types.any(|found| found.starts_with(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<String> {
        let source = Source::new("node/src/x.rs", text);
        check(&source).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn rejects_a_derived_decoder_of_a_list() {
        for list in ["Vec<u64>", "String", "Arc<[u8]>", "Option<Vec<u8>>"] {
            let text = format!("#[derive(Clone, Decode)]\nstruct A {{\n    a: {list},\n}}\n");
            assert_eq!(rules(&text).len(), 1, "{list}");
            let encoded = text.replace("Decode", "Encode");
            assert_eq!(rules(&encoded), Vec::<String>::new());
        }
        let fixed = "#[derive(Decode)]\nstruct A([u8; 32]);\nstruct B(Vec<u8>);\n";
        assert_eq!(rules(fixed), Vec::<String>::new());
    }

    #[test]
    fn rejects_a_field_that_is_decoded_without_a_limit() {
        let text = |way: &str| {
            format!(
                "struct A {{\n    a: Vec<u64>,\n    b: u8,\n}}\nimpl<C> Decode<C> for A {{\n    \
                 fn decode() {{ A {{ a: {way}, b: Decode::decode(decoder)? }} }}\n}}\n"
            )
        };
        let found = rules(&text("Decode::decode(decoder)?"));
        assert_eq!(
            found,
            ["node/src/x.rs:6: a: a list without a limit, use codec::list"]
        );
        assert_eq!(
            rules(&text("list(decoder, 3, \"a\")?")),
            Vec::<String>::new()
        );
    }
}
