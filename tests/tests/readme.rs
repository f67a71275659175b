//! Every console block of the README, run word by word.
//!
//! The shown lines have to appear in this order. Numbers, hashes, ports and times of the day differ
//! from run to run; everything else has to be the same.

use std::process::Command;

use starling_tests::testnet::Testnet;

const README: &str = include_str!("../../README.md");

/// A command with the lines the README shows for it.
struct Step {
    command: String,
    shown: Vec<String>,
}

fn steps() -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let blocks = README.split("```console\n").skip(1);
    for line in blocks.flat_map(|block| block.split("```").next().unwrap_or("").lines()) {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step {
                command: command.to_owned(),
                shown: vec![],
            }),
            (None, Some(step)) => step.shown.push(line.to_owned()),
            (None, None) => panic!("a console block begins with a command, not `{line}`"),
        }
    }
    steps
}

/// What stays of a line from run to run: numbers and hashes become `#`, with or without a unit of
/// time, and runs of spaces one.
fn shape(line: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in line.split_whitespace() {
        let core = word.trim_matches(|letter: char| ",;:.()".contains(letter));
        let varies = core.chars().any(|letter| letter.is_ascii_digit())
            && !core.starts_with('n')
            && !core.starts_with("starlocal");
        let is_hash = core.len() >= 8 && core.chars().all(|letter| letter.is_ascii_hexdigit());
        let is_unit = ["ms", "s", "min"].contains(&core) && words.last() == Some(&"#");
        if varies || is_hash {
            words.push("#");
        } else if !is_unit {
            words.push(word);
        }
    }
    words.join(" ")
}

#[test]
fn numbers_and_hashes_may_differ_and_nothing_else() {
    assert_eq!(
        shape("  FINAL  16 ms   block 2, done"),
        shape("  FINAL   9 ms block 14, done")
    );
    assert_eq!(
        shape("up after 512 ms: voting"),
        shape("up after 1.5 s: voting")
    );
    assert_ne!(shape("n2 killed."), shape("n3 killed."));
    assert_ne!(shape("alice 25 STAR"), shape("bob 25 STAR"));
}

#[test]
fn each_console_block_does_what_it_shows() {
    let testnet = Testnet::new();
    let steps = steps();
    assert!(
        steps.len() >= 10,
        "the README shows {} commands",
        steps.len()
    );
    std::os::unix::fs::symlink(testnet.binary(), testnet.home().join("starling")).expect("a link");
    for Step { command, shown } in steps {
        let mut shell = Command::new("bash");
        testnet.environment(&mut shell);
        // What is shown may come on either output, as in a terminal.
        let output = shell
            .args(["-c", &format!("{{ {command}; }} 2>&1")])
            .output();
        let output = output.expect("bash starts");
        let printed = String::from_utf8(output.stdout).expect("output is UTF-8");
        let mut lines = printed.lines().map(shape);
        for line in shown {
            let wanted = shape(&line);
            let found = lines.any(|printed| printed == wanted);
            assert!(
                found,
                "$ {command}\ndoes not show, or not here:\n{line}\nbut:\n{printed}"
            );
        }
    }
}
