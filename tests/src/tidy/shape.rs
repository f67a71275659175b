//! Sizes, module documentation, file names, unfinished work.

use super::source::{Source, end_of_item, find_words, is_name, line_of};
use super::{Breach, rooms};

/// Lines of a file without its test module. House style, rule 1.
pub const FILE_LINES_MAX: usize = 600;
/// Lines of a function, from `fn` to its closing brace. House style, rule 1.
pub const FUNCTION_LINES_MAX: usize = 70;
/// Columns of a line. House style, rule 1.
pub const COLUMNS_MAX: usize = 100;

/// Applies all rules about the shape of a file.
#[must_use]
pub fn check(source: &Source<'_>) -> Vec<Breach> {
    let mut breaches = Vec::new();
    file_length(source, &mut breaches);
    function_lengths(source, &mut breaches);
    line_widths(source, &mut breaches);
    head(source, &mut breaches);
    unfinished(source, &mut breaches);
    simulator_variants(source, &mut breaches);
    breaches
}

fn file_length(source: &Source<'_>, breaches: &mut Vec<Breach>) {
    let all = source.text.lines().count();
    let tests = test_module_lines(&source.code);
    let lines = all - tests.min(all);
    let excepted = rooms::LONG_FILES
        .iter()
        .any(|(path, _)| *path == source.path);
    if lines > FILE_LINES_MAX && !excepted {
        let rule = format!("file of {lines} lines: split it by noun, at most {FILE_LINES_MAX}");
        breaches.push(Breach::new(source.path, 1, rule));
    }
}

/// Lines of the blocks `#[cfg(test)] mod … { … }`.
fn test_module_lines(code: &str) -> usize {
    let mut lines = 0;
    for (at, mark) in code.match_indices("#[cfg(test)]") {
        let end = end_of_item(code, at + mark.len());
        if code[at + mark.len()..end].trim_start().starts_with("mod ") {
            lines += code[at..end].matches('\n').count() + 1;
        }
    }
    lines
}

fn function_lengths(source: &Source<'_>, breaches: &mut Vec<Breach>) {
    let code = &source.code;
    for at in find_words(code, "fn") {
        let name: String = code[at + 2..]
            .trim_start()
            .chars()
            .take_while(|c| is_name(*c))
            .collect();
        if name.is_empty() {
            continue; // A function pointer type.
        }
        let lines = code[at..end_of_item(code, at)].matches('\n').count() + 1;
        let excepted = rooms::LONG_FUNCTIONS
            .iter()
            .any(|(path, f, _)| *path == source.path && *f == name);
        if lines > FUNCTION_LINES_MAX && !excepted {
            let rule = format!("fn {name} has {lines} lines: at most {FUNCTION_LINES_MAX}");
            breaches.push(Breach::new(source.path, line_of(code, at), rule));
        }
    }
}

/// Too wide lines; a line that holds an address of the web cannot be broken.
fn line_widths(source: &Source<'_>, breaches: &mut Vec<Breach>) {
    for (index, line) in source.text.lines().enumerate() {
        let columns = line.chars().count();
        if columns > COLUMNS_MAX && !line.contains("://") {
            let rule = format!("line of {columns} columns: at most {COLUMNS_MAX}");
            breaches.push(Breach::new(source.path, index + 1, rule));
        }
    }
}

fn head(source: &Source<'_>, breaches: &mut Vec<Breach>) {
    let first = source
        .text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let sentence = first.strip_prefix("//!").map(str::trim).unwrap_or_default();
    if sentence.is_empty() {
        let rule = "no module documentation: begin the file with `//!` and one sentence";
        breaches.push(Breach::new(source.path, 1, rule));
    }
    if source.path.ends_with("/mod.rs") {
        breaches.push(Breach::new(
            source.path,
            1,
            "`mod.rs`: use `foo.rs` beside `foo/`",
        ));
    }
}

fn unfinished(source: &Source<'_>, breaches: &mut Vec<Breach>) {
    let mut report = |view: &str, word: &str, rule: &str| {
        for at in find_words(view, word) {
            breaches.push(Breach::new(
                source.path,
                line_of(view, at),
                format!("{word}: {rule}"),
            ));
        }
    };
    report(&source.code, "todo!", "finish it");
    report(&source.code, "unimplemented!", "finish it");
    report(&source.code, "#[ignore", "no skipped tests");
    report(&source.comments, "TODO", "finish it, or open an issue");
    report(&source.comments, "FIXME", "finish it, or open an issue");
}

/// The simulator runs the same code as the product, so there is nothing to switch.
fn simulator_variants(source: &Source<'_>, breaches: &mut Vec<Breach>) {
    for (index, line) in source.code_and_strings.lines().enumerate() {
        let squeezed: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        let switched = squeezed.contains("cfg") || squeezed.contains("feature=");
        let variants = ["(sim)", "(sim,", ",sim)", "(simulation)", "(simulator)"];
        let features = [
            "feature=\"sim\"",
            "feature=\"simulation\"",
            "feature=\"simulator\"",
        ];
        if switched
            && variants
                .iter()
                .chain(&features)
                .any(|v| squeezed.contains(v))
        {
            let rule = "a simulator variant: the simulator must run what ships";
            breaches.push(Breach::new(source.path, index + 1, rule));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<String> {
        check(&Source::new("node/src/x.rs", text))
            .into_iter()
            .map(|b| b.to_string())
            .collect()
    }

    fn lines(count: usize) -> String {
        "    x();\n".repeat(count)
    }

    #[test]
    fn accepts_a_clean_file() {
        assert_eq!(
            rules("//! One noun.\n\nfn f() {\n    g();\n}\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn rejects_a_long_file_but_does_not_count_its_tests() {
        let long = format!("//! A.\n{}", "const A: u8 = 1;\n".repeat(600));
        assert_eq!(
            rules(&long),
            ["node/src/x.rs:1: file of 601 lines: split it by noun, at most 600"]
        );
        let tests: String = (0..300).map(|n| format!("fn f{n}() {{\n}}\n")).collect();
        let tested = format!("//! A.\nfn a() {{}}\n#[cfg(test)]\nmod tests {{\n{tests}}}\n");
        assert_eq!(rules(&tested), Vec::<String>::new());
    }

    #[test]
    fn rejects_a_long_function_and_accepts_one_at_the_limit() {
        let text = |body| format!("//! A.\npub fn long() {{\n{}}}\n", lines(body));
        assert_eq!(
            rules(&text(69)),
            ["node/src/x.rs:2: fn long has 71 lines: at most 70"]
        );
        assert_eq!(rules(&text(68)), Vec::<String>::new());
    }

    #[test]
    fn rejects_a_wide_line() {
        let text = format!("//! A.\n// {}\n", "x".repeat(98));
        assert_eq!(
            rules(&text),
            ["node/src/x.rs:2: line of 101 columns: at most 100"]
        );
    }

    #[test]
    fn rejects_a_file_without_module_documentation() {
        assert_eq!(rules("use a::b;\n").len(), 1);
        assert_eq!(rules("//!\n").len(), 1);
    }

    #[test]
    fn rejects_mod_rs() {
        assert_eq!(
            check(&Source::new("node/src/x/mod.rs", "//! A.\n")).len(),
            1
        );
    }

    #[test]
    fn rejects_unfinished_work() {
        for bad in [
            "fn f() { todo!() }",
            "// FIXME: x",
            "/* TODO */",
            "#[ignore]\nfn f() {}",
            "#[ignore = \"slow\"]",
        ] {
            assert_eq!(rules(&format!("//! A.\n{bad}\n")).len(), 1, "{bad}");
        }
        assert_eq!(
            rules("//! A.\nconst A: &str = \"TODO\";\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn rejects_simulator_variants() {
        for bad in [
            "#[cfg(NAME)]",
            "#[cfg(not(NAME))]",
            "#[cfg( feature = \"NAME\" )]",
            "if cfg!(feature = \"NAME\") {}",
        ] {
            // Put together here, or this file would break the rule itself.
            let bad = bad.replace("NAME", "sim");
            assert_eq!(rules(&format!("//! A.\n{bad}\n")).len(), 1, "{bad}");
        }
        assert_eq!(rules("//! A.\nlet a = f(sim);\n"), Vec::<String>::new());
    }
}
