//! The sources keep the house rules.

use std::path::Path;

use starling_tests::tidy;

#[test]
fn repository_keeps_the_house_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ has a parent");
    let report = tidy::check_repository(root).expect("the sources are readable");
    let listed: String = report
        .breaches
        .iter()
        .map(|breach| format!("{breach}\n"))
        .collect();
    assert!(listed.is_empty(), "broken house rules:\n{listed}");
    assert!(
        report.files > 10,
        "only {} sources found: is the walk broken?",
        report.files
    );
    println!("{} sources", report.files);
    println!(
        "{} direct dependencies: {:?}",
        report.dependencies.len(),
        report.dependencies
    );
}

#[test]
fn a_bad_file_is_reported_with_its_place() {
    let text = "use std::collections::HashMap;\n\nfn f() { todo!() }\n";
    let found: Vec<String> = tidy::check_file("node/src/core.rs", text)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        found,
        [
            "node/src/core.rs:1: no module documentation: begin the file with `//!` and one \
             sentence",
            "node/src/core.rs:3: todo!: finish it",
            "node/src/core.rs:1: `std::collections::HashMap` in a pure room: its order is \
             random: use BTreeMap",
        ]
    );
}
