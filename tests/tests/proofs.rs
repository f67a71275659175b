//! Proofs with real processes: accounts, records, validators and transactions, there and not there,
//! verified by the command line and by the second implementation; one flipped byte fails both.

use std::path::{Path, PathBuf};
use std::process::Command;

use starling_ledger::address::NetworkKind;
use starling_ledger::genesis::local_account;
use starling_tests::testnet::Testnet;

const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// The verifier in `tests/python`.
fn python(receipt: &Path, genesis: &Path) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/verify.py");
    let mut command = Command::new("python3");
    command
        .arg(script)
        .arg(receipt)
        .arg("--genesis")
        .arg(genesis);
    let output = command.output().expect("python3 is installed");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let noted = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), told + &noted)
}

/// Both verifiers say yes.
fn proven(testnet: &Testnet, receipt: &Path, genesis: &Path) -> serde_json::Value {
    let file = receipt.to_str().expect("UTF-8");
    let told = testnet.data(&["verify", file]);
    assert_eq!(told["proven"], true, "{told}");
    let (good, said) = python(receipt, genesis);
    assert!(good, "{said}");
    told["fact"].clone()
}

/// Neither says yes to any of some flipped bytes.
fn refused_when_flipped(testnet: &Testnet, receipt: &Path, genesis: &Path) {
    let bytes = std::fs::read(receipt).expect("a receipt");
    let flipped = receipt.with_extension("flipped");
    for number in 0..8 {
        let mut copy = bytes.clone();
        copy[bytes.len() * (2 * number + 1) / 16] ^= 1;
        std::fs::write(&flipped, &copy).expect("a file");
        let file = flipped.to_str().expect("UTF-8");
        let (code, envelope) = testnet.envelope(&["verify", file]);
        assert_eq!(code, 9, "{envelope}");
        let (good, said) = python(&flipped, genesis);
        assert!(!good, "{said}");
    }
}

#[test]
fn a_balance_a_record_and_an_absent_account_are_proven_offline_by_two_verifiers() {
    let testnet = Testnet::up(4);
    testnet.data(&["send", "alice", "bob", "25"]);
    testnet.data(&["record", "add", "--from", "alice", DIGEST]);
    let nobody = local_account("nobody").to_address(NetworkKind::Local);
    let genesis = testnet.folder().join("genesis.toml");
    let receipts: [(PathBuf, Vec<&str>); 3] = [
        ("balance", vec!["account", "show", "bob"]),
        ("record", vec!["record", "show", "alice", DIGEST]),
        ("nobody", vec!["account", "show", &nobody]),
    ]
    .map(|(name, command)| (testnet.home().join(name), command));
    for (path, command) in &receipts {
        let file = path.to_str().expect("UTF-8");
        testnet.data(&[command.as_slice(), &["--receipt", file]].concat());
    }
    // Nobody is asked from here on.
    testnet.stop();
    let facts: Vec<_> = receipts
        .iter()
        .map(|(path, _)| proven(&testnet, path, &genesis))
        .collect();
    assert_eq!(
        facts[0]["balance_base"], 1_000_025_000_000u64,
        "{}",
        facts[0]
    );
    assert_eq!(facts[1]["digest"], DIGEST);
    assert_eq!(facts[1]["exists"], true, "{}", facts[1]);
    assert_eq!(facts[2]["exists"], false, "{}", facts[2]);
    for (path, _) in &receipts {
        refused_when_flipped(&testnet, path, &genesis);
    }
}

#[test]
fn a_stake_and_a_payment_that_never_happened_are_proven_offline_by_two_verifiers() {
    let testnet = Testnet::up(4);
    testnet.told("send bob alice 1");
    for (amount, file) in [(1, "one.toml"), (2, "two.toml")] {
        testnet.told(&format!(
            "tx build alice --pay bob {amount} --output {file}"
        ));
        testnet.told(&format!("tx sign {file} --key alice --yes"));
    }
    let genesis = testnet.folder().join("genesis.toml");
    testnet.told("tx show one.toml --receipt open.receipt");
    assert_eq!(testnet.told("tx show one.toml")["history"]["past"], "open");
    testnet.told("tx submit two.toml");
    testnet.told("tx show one.toml --receipt replaced.receipt");
    testnet.told("tx show two.toml --receipt happened.receipt");
    testnet.told("stake show n1 --receipt validator.receipt");
    testnet.told("stake show bob --receipt nobody.receipt");
    let two = testnet.told("tx show two.toml");
    testnet.refuses("tx show three.toml", 2, "usage");
    testnet.stop();
    let fact = |name: &str| {
        let receipt = testnet.home().join(format!("{name}.receipt"));
        refused_when_flipped(&testnet, &receipt, &genesis);
        proven(&testnet, &receipt, &genesis)
    };
    assert_eq!(fact("open")["past"], "open");
    let replaced = fact("replaced");
    assert_eq!(replaced["past"], "replaced");
    assert_eq!(replaced["replaced_by"], two["id"]);
    assert_eq!(fact("happened")["kind"], "transaction");
    let validator = fact("validator");
    assert_eq!(validator["power"], validator["bonded_base"], "{validator}");
    let nobody = fact("nobody");
    assert!(
        nobody["bonded_base"].is_null() && nobody["power"].is_null(),
        "{nobody}"
    );
}
