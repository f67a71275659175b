//! What the pure rooms may not touch, and the crates that only one room may name.

use super::source::{Source, find_words, line_of};
use super::{Breach, rooms};

/// Paths that pure code may not name, and what it does instead.
const FORBIDDEN: &[(&str, &str)] = &[
    ("tokio", "the shells own the runtime"),
    ("std::thread", "return an action, a shell does the work"),
    ("std::time::Instant", "time comes in with the input"),
    ("std::time::SystemTime", "time comes in with the input"),
    ("std::time::UNIX_EPOCH", "time comes in with the input"),
    ("std::fs", "return an action, a shell does the work"),
    ("std::process", "return an action, a shell does the work"),
    ("std::env", "configuration is handed in"),
    ("std::net::TcpStream", "sockets live in a shell"),
    ("std::net::TcpListener", "sockets live in a shell"),
    ("std::net::UdpSocket", "sockets live in a shell"),
    ("std::os", "the operating system belongs to a shell"),
    (
        "std::collections::HashMap",
        "its order is random: use BTreeMap",
    ),
    (
        "std::collections::HashSet",
        "its order is random: use BTreeSet",
    ),
    (
        "std::collections::hash_map",
        "its order is random: use BTreeMap",
    ),
    ("std::hash::RandomState", "chance is handed in"),
    ("rand", "chance is handed in"),
    ("getrandom", "chance is handed in"),
    ("OsRng", "chance is handed in"),
    ("HashMap", "its order is random: use BTreeMap"),
    ("HashSet", "its order is random: use BTreeSet"),
    ("f32", "integers only: floats differ between machines"),
    ("f64", "integers only: floats differ between machines"),
];

/// Applies the rules about what a file may name.
#[must_use]
pub fn check(source: &Source<'_>) -> Vec<Breach> {
    let mut breaches = Vec::new();
    if rooms::is_pure(source.path) {
        for (name, instead) in FORBIDDEN {
            for line in mentions(&source.product, name) {
                let rule = format!("`{name}` in a pure room: {instead}");
                breaches.push(Breach::new(source.path, line, rule));
            }
        }
        breaches.sort_by_key(|breach| breach.line);
        breaches.dedup_by_key(|breach| breach.line);
    }
    if source.path != rooms::RAYON {
        let rule = format!("`rayon` outside of {}", rooms::RAYON);
        only_here(source, "rayon", &rule, &mut breaches);
    }
    if !source.path.starts_with(rooms::ROCKSDB) {
        let rule = format!(
            "`rocksdb` outside of {}: use the storage trait",
            rooms::ROCKSDB
        );
        only_here(source, "rocksdb", &rule, &mut breaches);
    }
    breaches
}

fn only_here(source: &Source<'_>, name: &str, rule: &str, breaches: &mut Vec<Breach>) {
    for line in mentions(&source.code, name) {
        breaches.push(Breach::new(source.path, line, rule));
    }
}

/// Lines on which `code` names `path`, written out or through a `use` tree.
fn mentions(code: &str, path: &str) -> Vec<usize> {
    let mut lines: Vec<usize> = find_words(code, path)
        .into_iter()
        .map(|at| line_of(code, at))
        .collect();
    for (line, used) in uses(code) {
        let below = used
            .strip_prefix(path)
            .is_some_and(|r| r.is_empty() || r.starts_with("::"));
        let whole = used.strip_suffix("::*").is_some_and(|parent| {
            path.strip_prefix(parent)
                .is_some_and(|r| r.starts_with("::"))
        });
        if (below || whole) && !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// All paths that the `use` declarations bring in, each with the line of its declaration.
fn uses(code: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    for at in find_words(code, "use") {
        let tree = code[at + "use".len()..]
            .split(';')
            .next()
            .unwrap_or_default();
        let line = line_of(code, at);
        expand("", tree, &mut |path| paths.push((line, path)));
    }
    paths
}

/// Calls `found` for each leaf of a use tree: `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn expand(prefix: &str, tree: &str, found: &mut dyn FnMut(String)) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let name = tree.split(" as ").next().unwrap_or(tree).trim();
        let path = format!("{prefix}{name}");
        found(path.strip_suffix("::self").unwrap_or(&path).to_owned());
        return;
    };
    let inner = tree[open + 1..]
        .strip_suffix('}')
        .unwrap_or(&tree[open + 1..]);
    let prefix = format!("{prefix}{}", tree[..open].trim());
    for part in split_top(inner) {
        if !part.trim().is_empty() {
            expand(&prefix, part, found);
        }
    }
}

/// Splits at the commas that are not inside braces.
fn split_top(list: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<String> {
        check(&Source::new(path, text))
            .into_iter()
            .map(|b| b.to_string())
            .collect()
    }

    #[test]
    fn rejects_the_outside_world_in_pure_rooms() {
        for bad in [
            "use tokio::sync::mpsc;",
            "std::thread::spawn(f);",
            "use std::{net::SocketAddr, time::{Duration, Instant}};",
            "let now = std::time::SystemTime::now();",
            "use std::time::*;",
            "use std::fs::File as Disk;",
            "use std::net::{SocketAddr, UdpSocket};",
            "use std::collections::{BTreeMap, HashMap};",
            "let x: f64;",
            "use rand::Rng;",
            "getrandom::fill(&mut seed);",
        ] {
            assert_eq!(rules("gossip/src/relay.rs", bad).len(), 1, "{bad}");
            assert_eq!(
                rules("gossip/src/transport/link.rs", bad),
                Vec::<String>::new(),
                "{bad}"
            );
        }
    }

    #[test]
    fn names_place_and_reason() {
        assert_eq!(
            rules(
                "ledger/src/state.rs",
                "//! A.\n\nuse std::collections::HashMap;\n"
            ),
            [
                "ledger/src/state.rs:3: `std::collections::HashMap` in a pure room: its order is \
              random: use BTreeMap"
            ]
        );
    }

    #[test]
    fn accepts_values_tests_comments_and_strings() {
        for good in [
            "use std::net::{IpAddr, SocketAddr};",
            "use std::time::Duration;",
            "use crate::time::Instant;",
            "// never std::fs, never a HashMap",
            "const A: &str = \"std::thread\";",
            "#[cfg(test)]\nmod tests {\n    use std::collections::HashSet;\n}",
            "let operand = brand(strand);",
        ] {
            assert_eq!(
                rules("node/src/core.rs", good),
                Vec::<String>::new(),
                "{good}"
            );
        }
    }

    #[test]
    fn rayon_and_rocksdb_have_one_room_each() {
        assert_eq!(rules("node/src/core.rs", "use rayon::prelude::*;").len(), 1);
        assert!(rules("node/src/runtime/workers.rs", "use rayon::prelude::*;").is_empty());
        assert_eq!(
            rules("cli/src/main.rs", "rocksdb::DB::open_default(p);").len(),
            1
        );
        assert!(rules("ledger/store/src/lib.rs", "use rocksdb::DB;").is_empty());
    }
}
