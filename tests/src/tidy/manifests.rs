//! Which package depends on which, and on how many from outside.

use std::collections::{BTreeMap, BTreeSet};

use super::{Breach, rooms};

/// Checks the manifests (path and text) and returns the product's direct external dependencies.
pub fn check(manifests: &[(String, String)], breaches: &mut Vec<Breach>) -> Vec<String> {
    let mut external = BTreeMap::new();
    for (path, text) in manifests {
        match text.parse::<toml::Table>() {
            Ok(manifest) => check_one(path, text, &manifest, &mut external, breaches),
            Err(error) => breaches.push(Breach::new(path, 1, error.message())),
        }
    }
    if external.len() > rooms::DEPENDENCIES_MAX {
        let (count, max) = (external.len(), rooms::DEPENDENCIES_MAX);
        let rule = format!("{count} direct dependencies: at most {max}");
        breaches.push(Breach::new("Cargo.toml", 1, rule));
    }
    external.into_keys().collect()
}

fn check_one(
    path: &str,
    text: &str,
    manifest: &toml::Table,
    external: &mut BTreeMap<String, String>,
    breaches: &mut Vec<Breach>,
) {
    let package = manifest
        .get("package")
        .and_then(|p| p.get("name"))
        .and_then(|n| n.as_str());
    let package = package.unwrap_or_default();
    let allowed = rooms::DIRECTION.iter().find(|(name, _)| *name == package);
    let Some((_, allowed)) = allowed else {
        breaches.push(Breach::new(
            path,
            1,
            format!("package {package} has no place in the order"),
        ));
        return;
    };
    for name in dependencies(
        manifest,
        &["dependencies", "build-dependencies", "dev-dependencies"],
    ) {
        let line = text
            .lines()
            .position(|l| l.starts_with(&name))
            .map_or(1, |index| index + 1);
        if name.starts_with("starling-") && !allowed.contains(&name.as_str()) {
            let rule = format!("{package} depends on {name}, against ledger ← gossip ← node ← cli");
            breaches.push(Breach::new(path, line, rule));
        }
        if name == "rocksdb" && !path.starts_with(rooms::ROCKSDB) {
            let rule = format!("rocksdb outside of {}", rooms::ROCKSDB);
            breaches.push(Breach::new(path, line, rule));
        }
    }
    if manifest
        .get("features")
        .is_some_and(|features| features.get("sim").is_some())
    {
        let rule = "a simulator variant: the simulator must run what ships";
        breaches.push(Breach::new(path, 1, rule));
    }
    let product = dependencies(manifest, &["dependencies", "build-dependencies"]);
    for name in product
        .into_iter()
        .filter(|name| !name.starts_with("starling-"))
    {
        external.insert(name, package.to_owned());
    }
}

/// Names in the given tables, those of `[target.….dependencies]` too.
pub(super) fn dependencies(manifest: &toml::Table, tables: &[&str]) -> BTreeSet<String> {
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let targets = targets
        .into_iter()
        .flat_map(toml::Table::values)
        .filter_map(|t| t.as_table());
    std::iter::once(manifest)
        .chain(targets)
        .flat_map(|place| tables.iter().filter_map(|table| place.get(*table)))
        .filter_map(toml::Value::as_table)
        .flat_map(|table| table.keys().cloned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<String> {
        let mut breaches = Vec::new();
        check(&[(path.to_owned(), text.to_owned())], &mut breaches);
        breaches.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn rejects_a_dependency_against_the_order() {
        let text =
            "[package]\nname = \"starling-ledger\"\n[dependencies]\nstarling-gossip = \"1\"\n";
        assert_eq!(
            rules("ledger/Cargo.toml", text),
            [
                "ledger/Cargo.toml:4: starling-ledger depends on starling-gossip, against \
              ledger ← gossip ← node ← cli"
            ]
        );
    }

    #[test]
    fn rejects_the_store_in_the_node_even_for_tests() {
        let text = "[package]\nname = \"starling-node\"\n[dev-dependencies]\n\
                    starling-store.workspace = true\n";
        assert_eq!(rules("node/Cargo.toml", text).len(), 1);
    }

    #[test]
    fn rejects_rocksdb_outside_of_the_store() {
        let text =
            |name| format!("[package]\nname = \"{name}\"\n[dependencies]\nrocksdb = \"1\"\n");
        assert_eq!(rules("cli/Cargo.toml", &text("starling-cli")).len(), 1);
        assert!(rules("ledger/store/Cargo.toml", &text("starling-store")).is_empty());
    }

    #[test]
    fn rejects_a_feature_for_the_simulator() {
        let text = "[package]\nname = \"starling-node\"\n[features]\nsim = []\n";
        assert_eq!(rules("node/Cargo.toml", text).len(), 1);
    }

    #[test]
    fn rejects_an_unknown_package() {
        assert_eq!(
            rules("extra/Cargo.toml", "[package]\nname = \"starling-extra\"\n").len(),
            1
        );
    }

    #[test]
    fn counts_each_dependency_once_and_no_development_ones() {
        let deps: String = (0..41).map(|n| format!("d{n} = \"1\"\n")).collect();
        let text = |tail: &str| {
            format!("[package]\nname = \"starling-cli\"\n[dependencies]\n{deps}\n{tail}")
        };
        assert_eq!(
            rules(
                "cli/Cargo.toml",
                &text("[target.'cfg(unix)'.dependencies]\nd0 = \"1\"\n")
            ),
            ["Cargo.toml:1: 41 direct dependencies: at most 40"]
        );
        let few = "[package]\nname = \"starling-cli\"\n[dev-dependencies]\n";
        assert!(rules("cli/Cargo.toml", &format!("{few}{deps}")).is_empty());
    }
}
