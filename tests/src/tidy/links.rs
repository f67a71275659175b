//! Relative links in the documents must lead somewhere.

use std::path::Path;

use super::Breach;

/// Returns the relative links of the Markdown document `path` that lead nowhere below `root`.
#[must_use]
pub fn check(root: &Path, path: &str, text: &str) -> Vec<Breach> {
    let folder = root
        .join(path)
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or_default();
    let mut breaches = Vec::new();
    let mut in_block = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        }
        if in_block || line.starts_with("    ") {
            continue;
        }
        for target in targets(line) {
            let file = target.split('#').next().unwrap_or_default();
            let outside = target.contains("://") || target.starts_with("mailto:");
            if !outside && !file.is_empty() && !folder.join(file).exists() {
                let rule = format!("link to `{target}`, which does not exist");
                breaches.push(Breach::new(path, index + 1, rule));
            }
        }
    }
    breaches
}

/// Targets of `[text](target)` and `[name]: target` on one line, outside of code spans.
fn targets(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for prose in line.split('`').step_by(2) {
        for (at, open) in prose.match_indices("](") {
            let rest = &prose[at + open.len()..];
            let end = rest.find(')').unwrap_or(rest.len());
            found.extend(rest[..end].split_whitespace().next());
        }
    }
    if line.starts_with('[')
        && let Some((_, target)) = line.split_once("]: ")
    {
        found.extend(target.split_whitespace().next());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_a_link_that_leads_nowhere() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = "See [a](Cargo.toml) and\n[b](src/gone.rs#x).\n\n[c]: gone.md\n";
        let rules: Vec<String> = check(root, "README.md", text)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            rules,
            [
                "README.md:2: link to `src/gone.rs#x`, which does not exist",
                "README.md:4: link to `gone.md`, which does not exist",
            ]
        );
    }

    #[test]
    fn leaves_the_web_anchors_and_code_alone() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = "[a](https://example.org/x) [b](#below) `[c](gone)`\n```\n[d](gone)\n```\n";
        assert!(check(root, "README.md", text).is_empty());
    }
}
