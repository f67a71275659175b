//! The independent implementation in `tests/python` agrees with this one.

use std::path::Path;
use std::process::Command;

#[test]
fn the_python_implementation_agrees_on_every_golden_vector() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/python");
    let run = Command::new("python3")
        .args(["-B", "-m", "unittest", "discover"])
        .current_dir(folder)
        .output()
        .expect("python3 is installed; `scripts/deps.sh test` does it on Debian");
    let report = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{report}");
    // That it ran nothing must not pass for agreement.
    let ran = report.lines().find_map(|line| line.strip_prefix("Ran "));
    let count: u32 = ran.unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(count >= 20, "{report}");
}
