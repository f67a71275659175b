//! What a manifest names is used: a dependency that is only named is in no binary, and whoever
//! reads the manifest believes that it is.
//!
//! # Limits
//! A use is the name of the crate with `::` behind it, in the sources of the package itself.

use super::Breach;
use super::manifests::dependencies;

/// Where no product is made.
const DEVELOPMENT: [&str; 3] = ["tests/", "benches/", "examples/"];

/// A file, relative to the root of the repository, and its text.
pub type File = (String, String);

/// Checks the manifests against all sources.
pub fn check(manifests: &[File], sources: &[File], breaches: &mut Vec<Breach>) {
    let folders: Vec<&str> = manifests.iter().map(|(path, _)| folder(path)).collect();
    for (path, text) in manifests {
        // What cannot be parsed is reported with the order of packages.
        let Ok(manifest) = text.parse::<toml::Table>() else {
            continue;
        };
        let own = |source: &File| owner(&folders, &source.0) == Some(folder(path));
        let own: Vec<&File> = sources.iter().filter(|source| own(source)).collect();
        for table in ["dependencies", "dev-dependencies"] {
            let aside = match table {
                "dependencies" => &DEVELOPMENT[..],
                _ => &[],
            };
            let aside = |source: &File| {
                let inside = source.0.strip_prefix(folder(path)).unwrap_or_default();
                aside.iter().any(|place| inside.starts_with(place))
            };
            for name in dependencies(&manifest, &[table]) {
                let mut texts = own.iter().filter(|source| !aside(source));
                if !texts.any(|source| uses(&source.1, &name.replace('-', "_"))) {
                    let line = text.lines().position(|line| line.starts_with(&name));
                    let rule = format!("{name} is named and not used: take it out");
                    breaches.push(Breach::new(path, line.map_or(1, |index| index + 1), rule));
                }
            }
        }
    }
}

/// The folder of a manifest, with the slash.
fn folder(manifest: &str) -> &str {
    manifest.strip_suffix("Cargo.toml").unwrap_or(manifest)
}

/// The innermost of `folders` that a source lies in.
fn owner<'a>(folders: &[&'a str], source: &str) -> Option<&'a str> {
    let around = folders.iter().filter(|folder| source.starts_with(**folder));
    around.copied().max_by_key(|folder| folder.len())
}

fn uses(text: &str, name: &str) -> bool {
    let path = format!("{name}::");
    text.match_indices(&path).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        before.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(manifest: &str, sources: &[(&str, &str)]) -> Vec<String> {
        let file = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        let manifests = [("cli/Cargo.toml", manifest), ("cli/inner/Cargo.toml", "")];
        let manifests: Vec<_> = manifests.iter().map(file).collect();
        let sources: Vec<_> = sources.iter().map(file).collect();
        let mut breaches = Vec::new();
        check(&manifests, &sources, &mut breaches);
        breaches.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn rejects_what_is_only_named() {
        let manifest = "[dependencies]\nmi-malloc = \"1\"\n";
        let told = ["cli/Cargo.toml:2: mi-malloc is named and not used: take it out"];
        let other_package = ("cli/inner/src/lib.rs", "use mi_malloc::MiMalloc;");
        let test_only = ("cli/tests/one.rs", "use mi_malloc::MiMalloc;");
        let other_name = ("cli/src/main.rs", "// mi_malloc\nuse my_mi_malloc::X;");
        for source in [other_package, test_only, other_name] {
            assert_eq!(rules(manifest, &[source]), told, "{source:?}");
        }
        let used = (
            "cli/src/main.rs",
            "static A: mi_malloc::MiMalloc = mi_malloc::MiMalloc;",
        );
        assert!(rules(manifest, &[used]).is_empty());
    }

    #[test]
    fn a_development_dependency_is_used_anywhere_in_its_package() {
        let manifest = "[dev-dependencies]\ntempfile = \"1\"\n";
        assert_eq!(rules(manifest, &[]).len(), 1);
        let used = ("cli/tests/one.rs", "tempfile::tempdir()");
        assert!(rules(manifest, &[used]).is_empty());
    }
}
