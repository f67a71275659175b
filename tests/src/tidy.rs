//! The house rules, checked on the sources: sizes, documentation, purity, dependency direction.
//!
//! Everything here works on text that is handed in, so that each rule is tested on a bad snippet;
//! [`check_repository`] walks a checkout and applies all of them. The exceptions are tables in
//! [`rooms`], each with its reason.
//!
//! # Limits
//! The scanner knows Rust's comments, strings and braces, not its grammar. What a macro generates
//! is not seen; clippy's `disallowed-types` and `disallowed-methods` see that.

pub mod links;
pub mod lists;
pub mod manifests;
pub mod purity;
pub mod rooms;
pub mod shape;
pub mod source;
pub mod unused;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use source::Source;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breach {
    /// File, relative to the root of the repository.
    pub path: String,
    /// Line, counted from one.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub rule: String,
}

impl Breach {
    /// Makes a breach of `rule` at `line` of `path`.
    #[must_use]
    pub fn new(path: &str, line: usize, rule: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            rule: rule.into(),
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.rule)
    }
}

/// What [`check_repository`] found.
#[derive(Debug)]
pub struct Report {
    /// Broken rules, sorted by place.
    pub breaches: Vec<Breach>,
    /// Number of Rust files that were read.
    pub files: usize,
    /// Names of the external packages that the product depends on directly.
    pub dependencies: Vec<String>,
}

/// Returns what is wrong in one Rust file; `path` decides which rules apply.
#[must_use]
pub fn check_file(path: &str, text: &str) -> Vec<Breach> {
    let source = Source::new(path, text);
    let mut breaches = shape::check(&source);
    breaches.extend(purity::check(&source));
    breaches.extend(lists::check(&source));
    breaches
}

/// Reads all sources, manifests and documents below `root` and applies every rule.
///
/// # Errors
/// When a file or folder cannot be read.
pub fn check_repository(root: &Path) -> io::Result<Report> {
    let mut breaches = Vec::new();
    let mut rust_files = 0;
    let mut crates = Vec::new();
    let mut sources = Vec::new();
    for path in walk(root)? {
        let name = relative(root, &path);
        match path.extension().and_then(|e| e.to_str()) {
            Some("rs") => {
                rust_files += 1;
                let text = fs::read_to_string(&path)?;
                breaches.extend(check_file(&name, &text));
                sources.push((name, text));
            }
            Some("md") => breaches.extend(links::check(root, &name, &fs::read_to_string(&path)?)),
            Some("toml") if name.ends_with("/Cargo.toml") => {
                crates.push((name, fs::read_to_string(&path)?));
            }
            _ => {}
        }
    }
    let dependencies = manifests::check(&crates, &mut breaches);
    unused::check(&crates, &sources, &mut breaches);
    breaches.sort();
    Ok(Report {
        breaches,
        files: rust_files,
        dependencies,
    })
}

/// Returns all files below `root` in a fixed order, without hidden folders and build results.
///
/// # Errors
/// When a folder cannot be read.
pub fn walk(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".") || name == "target" {
                continue;
            }
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/")
}
