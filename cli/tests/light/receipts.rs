//! Receipts: written with a node, verified without one.

use std::fs;

use serde_json::json;
use starling_ledger::authority::Authority;
use starling_ledger::genesis::{Genesis, local_account};
use starling_ledger::keys::{SecretKey, Signer as _};
use starling_ledger::light::Checkpoint;
use starling_ledger::transaction::{Action, Body, RawTransaction, Transaction};

use super::chain::{Chain, FOUNDERS, HEIRS, genesis};
use super::home::Home;
use super::node::Server;

/// The founders have left for longer than the trust period: only a checkpoint carries.
const LONG_AGO_MS: u64 = 1_700_000_000_000;

fn payment(genesis: &Genesis, amount: u64) -> (String, RawTransaction) {
    let key = SecretKey::local("alice");
    let body = Body {
        sender: None,
        nonce: 0,
        fee: 1_000,
        expires_at_ms: u64::MAX,
        memo: String::new(),
        actions: vec![Action::Transfer {
            to: local_account("bob"),
            amount,
        }],
    };
    let authority = Authority::Key(key.public_key());
    let id = body.id(&genesis.hash(), &authority.account());
    let signatures = vec![key.sign(&id.0.0)];
    let transaction = Transaction {
        body,
        authority,
        signatures,
    };
    (id.to_string(), transaction.to_raw())
}

/// A home, a node, the ids of its payments, and a checkpoint of its last block but one.
fn world(epochs: &[&[&str]]) -> (Home, Server, [String; 2], String) {
    let genesis = genesis(LONG_AGO_MS);
    let [one, two] = [1, 2].map(|amount| payment(&genesis, amount));
    let chain = Chain::new(genesis.clone(), 60_000, epochs, vec![one.1, two.1]);
    let checkpoint = Checkpoint::of(chain.headers.last().expect("a block"));
    let home = Home::new(&genesis);
    (
        home,
        Server::start(chain),
        [one.0, two.0],
        checkpoint.to_string(),
    )
}

#[test]
fn a_receipt_proves_without_a_node_and_with_one_byte_changed_nothing() {
    let (home, server, [_, id], _) = world(&[FOUNDERS; 2]);
    let nobody = local_account("carol").to_address(genesis(1).kind);
    for (file, command) in [
        ("balance", ["account", "show", "alice"]),
        ("nobody", ["account", "show", &nobody]),
        ("payment", ["tx", "show", &id]),
    ] {
        let written = home.ask(
            &server,
            &[command.as_slice(), &["--receipt", file]].concat(),
        );
        assert_eq!(written.exit, 0, "{written:?}");
        let verify = |file: &str| home.run(&["verify", file, "--genesis", "genesis.toml"]);
        let said = verify(file);
        assert_eq!(said.exit, 0, "{said:?}");
        assert_eq!(
            (&said.told["height"], &said.told["rests_on"]),
            (&json!(20), &json!("genesis"))
        );
        let bytes = fs::read(home.path(file)).expect("a receipt");
        for at in (0..bytes.len()).step_by(61) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x40;
            fs::write(home.path("flipped"), &flipped).expect("a file");
            let said = verify("flipped");
            assert_eq!(said.exit, 9, "{file}, byte {at}: {said:?}");
        }
        // What is there already is not overwritten.
        let again = home.ask(
            &server,
            &[command.as_slice(), &["--receipt", file]].concat(),
        );
        assert_eq!(again.exit, 74, "{again:?}");
        assert_eq!(fs::read(home.path(file)).expect("a receipt"), bytes);
    }
}

#[test]
fn says_what_is_proven() {
    let (home, server, [_, id], _) = world(&[FOUNDERS]);
    let receipt = ["--receipt", "file"];
    home.ask(
        &server,
        &[["tx", "show", &id].as_slice(), &receipt].concat(),
    );
    let said = home.run(&["verify", "file", "--genesis", "genesis.toml"]);
    let fact = &said.told["fact"];
    assert_eq!(
        (&fact["kind"], &fact["id"], &fact["index"]),
        (&json!("transaction"), &json!(id), &json!(1))
    );
    fs::remove_file(home.path("file")).expect("a file");
    home.ask(
        &server,
        &[["account", "show", "bob"].as_slice(), &receipt].concat(),
    );
    let said = home.run(&["verify", "file", "--genesis", "genesis.toml"]);
    assert_eq!(
        said.told["fact"]["balance_base"],
        json!(1_000_000_000_000u64),
        "{said:?}"
    );
}

#[test]
fn the_genesis_has_to_be_there_and_the_right_one() {
    let (home, server, _, _) = world(&[FOUNDERS]);
    let receipt = ["account", "show", "bob", "--receipt", "file"];
    assert_eq!(home.ask(&server, &receipt).exit, 0);
    assert_eq!(home.run(&["verify", "file"]).exit, 78);
    let other = genesis(LONG_AGO_MS + 1).to_toml();
    fs::write(home.path("other.toml"), other).expect("a genesis");
    assert_eq!(
        home.run(&["verify", "file", "--genesis", "other.toml"])
            .exit,
        7
    );
    assert_eq!(
        home.run(&["verify", "missing", "--genesis", "genesis.toml"])
            .exit,
        74
    );
    assert_eq!(
        home.run(&["verify", "genesis.toml", "--genesis", "genesis.toml"])
            .exit,
        9
    );
}

#[test]
fn an_old_receipt_counts_for_who_knows_one_of_its_blocks() {
    let (home, server, [id, _], checkpoint) = world(&[FOUNDERS, HEIRS]);
    let show = ["tx", "show", &id, "--receipt", "file"];
    let said = home.ask(&server, &show);
    assert_eq!(
        (said.exit, &said.told["code"]),
        (9, &json!("expired")),
        "{said:?}"
    );
    let said = home.ask(
        &server,
        &[show.as_slice(), &["--checkpoint", &checkpoint]].concat(),
    );
    assert_eq!(said.exit, 0, "{said:?}");
    let verify = ["verify", "file", "--genesis", "genesis.toml"];
    let said = home.run(&verify);
    assert_eq!(
        (said.exit, &said.told["code"]),
        (9, &json!("checkpoint")),
        "{said:?}"
    );
    let said = home.run(&[verify.as_slice(), &["--checkpoint", &checkpoint]].concat());
    assert_eq!(
        (said.exit, &said.told["rests_on"]),
        (0, &json!(checkpoint)),
        "{said:?}"
    );
}
