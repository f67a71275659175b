//! A fifth validator comes and goes, with real processes: it bonds, signs, unbonds, leaves, and has
//! its stake back.

use std::net::{TcpListener, UdpSocket};
use std::process::{Child, Stdio};

use serde_json::Value;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::codec::decode;
use starling_node::api::unhex;
use starling_tests::testnet::{Testnet, wait_for};

/// A validator beside the testnet, ended with its test.
struct Fifth(Child);

impl Fifth {
    /// Starts a node that votes with the key of this name.
    fn start(testnet: &Testnet, key: &str) -> Self {
        let http = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let listen = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let http = http.local_addr().expect("an address").to_string();
        let listen = listen.local_addr().expect("an address").to_string();
        let status = testnet.status_of("n1").expect("n1 answers");
        let peer = status["node"]["listen"].as_str().expect("an address");
        let key = testnet.data(&["key", "show", key]);
        let key = key["file"].as_str().expect("a file");
        let mut command = testnet.command(&["node", "run", "--peer", peer]);
        command
            .arg("--genesis")
            .arg(testnet.folder().join("genesis.toml"));
        command.arg("--data-dir").arg(testnet.home().join("n5"));
        command.args(["--listen", &listen, "--http", &http, "--validator-key", key]);
        let log = std::fs::File::create(testnet.home().join("n5.log")).expect("a log");
        command.stdout(Stdio::null()).stderr(log);
        Self(command.spawn().expect("the binary starts"))
    }
}

impl Drop for Fifth {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The place of `account` in the set that signs the next block; `None` if it is not in it.
fn place(set: &Value, account: &str) -> Option<u16> {
    let members = set["validators"].as_array().expect("a list");
    let place = members
        .iter()
        .position(|member| member["account"] == account);
    place.and_then(|place| u16::try_from(place).ok())
}

/// Whether the validator at `place` signed the certificate of a block.
fn signed(block: &Value, place: u16) -> bool {
    let bytes = unhex(block["certificate"].as_str().expect("hex")).expect("hex");
    let certificate = decode::<CommitCertificate, { 128 * 1024 }>(&bytes).expect("a certificate");
    let mut signatures = certificate.signatures.iter();
    signatures.any(|signature| signature.validator == place)
}

fn balance(testnet: &Testnet, name: &str) -> u64 {
    let account = testnet.data(&["account", "show", name]);
    account["balance_base"].as_u64().expect("a balance")
}

/// The set that signs the next block, and who may follow.
fn stakes(testnet: &Testnet) -> Value {
    testnet.told("stake list")
}

#[test]
fn a_fifth_validator_bonds_signs_leaves_and_has_its_stake_back() {
    let testnet = Testnet::up_with(4, &["--epoch-blocks", "20", "--unbonding", "40s"]);
    testnet.told("key new votes");
    let before = balance(&testnet, "alice");
    let bonded = testnet.told("stake bond 300000 --from alice --consensus-key votes");
    assert_eq!(
        (&bonded["status"], &bonded["verified"]),
        (&"final".into(), &true.into())
    );
    assert_eq!(bonded["stake"]["bonded_base"], 300_000_000_000_u64);
    let account = bonded["from"].as_str().expect("an address");
    let set = stakes(&testnet);
    assert_eq!(
        place(&set, account),
        None,
        "the set changes with the epoch only"
    );
    let candidates = set["candidates"].as_array().expect("a list");
    assert!(
        candidates.iter().any(|one| one["account"] == account),
        "{set}"
    );

    let _fifth = Fifth::start(&testnet, "votes");
    testnet.told("load --count 400 --rate 100");
    let chosen = || place(&stakes(&testnet), account);
    let place = wait_for("the fifth validator to be chosen", chosen);
    wait_for("its signature under a block", || {
        signed(&testnet.told("block"), place).then_some(())
    });
    let paid = testnet.told("send alice bob 1");
    assert_eq!(
        (&paid["status"], &paid["verified"]),
        (&"final".into(), &true.into())
    );

    let left = testnet.told("stake unbond all --from alice");
    assert_eq!(left["stake"]["bonded_base"], 0);
    let release = &left["stake"]["releases"][0];
    assert_eq!(release["amount_base"], 300_000_000_000_u64, "{left}");
    wait_for("the fifth validator to leave", || {
        chosen().is_none().then_some(())
    });
    let least = before - 100_000_000_000;
    wait_for("the stake to be paid back", || {
        (balance(&testnet, "alice") > least).then_some(())
    });
    let told = testnet.told("stake list alice");
    let stake = &told["stakes"][0];
    assert_eq!(
        (&stake["exists"], &stake["verified"]),
        (&false.into(), &true.into())
    );
    testnet.same_head(&["n1", "n2", "n3", "n4"]);
}

#[test]
fn what_no_block_would_take_is_refused_with_the_ledgers_word() {
    let testnet = Testnet::up(4);
    for key in ["votes", "other"] {
        testnet.told(&format!("key new {key}"));
    }
    testnet.told("stake bond 2000 --from alice --consensus-key votes");
    for (line, word) in [
        (
            "stake bond 2000 --from bob --consensus-key votes",
            "key_taken",
        ),
        ("stake bond 1 --from bob --consensus-key other", "bond_min"),
        (
            "stake bond 0 --from alice --consensus-key votes",
            "zero_amount",
        ),
        ("stake unbond 1500 --from alice", "bond_min"),
        ("stake unbond 2001 --from alice", "stake"),
        ("stake unbond 1 --from bob", "no_stake"),
        ("stake unjail --from bob", "no_stake"),
        ("stake unjail --from alice", "not_sitting_out"),
    ] {
        testnet.refuses(line, 4, word);
    }
    // Another key for the same stake, and back to the first one.
    let rekeyed = testnet.told("stake bond 0 --from alice --consensus-key other");
    let other = testnet.told("key show other");
    assert_eq!(rekeyed["stake"]["consensus_key"], other["public_key"]);
    testnet.told("stake bond 500 --from alice --consensus-key votes");
}
