//! Records, replaced authorities, and transactions signed apart from the network, with real
//! processes.

use std::fs;

use serde_json::Value;
use starling_tests::testnet::Testnet;

fn text<'value>(value: &'value Value, name: &str) -> &'value str {
    value[name].as_str().expect("a text")
}

/// Says that a transaction is final, and proven to be.
fn final_and_verified(told: &Value) {
    assert_eq!(
        (&told["status"], &told["verified"]),
        (&"final".into(), &true.into()),
        "{told}"
    );
}

#[test]
fn a_record_is_made_once_and_proven_present_or_absent() {
    let testnet = Testnet::up(4);
    fs::write(testnet.home().join("lease.pdf"), b"the lease").expect("a file");
    let add = "record add --from alice --file lease.pdf --note lease";
    let made = testnet.told(add);
    final_and_verified(&made);
    let digest = text(&made, "digest");
    assert_eq!(digest, blake3::hash(b"the lease").to_string());

    let shown = testnet.told(&format!("record show alice {digest}"));
    assert_eq!(
        (&shown["exists"], &shown["verified"]),
        (&true.into(), &true.into())
    );
    assert_eq!(text(&shown, "note"), "lease");
    assert_eq!(shown["recorded_height"], made["height"]);
    let block = testnet.data(&["block", &made["height"].to_string()]);
    assert_eq!(shown["recorded_ms"], block["time_ms"]);

    testnet.refuses(add, 4, "record_exists");
    let absent = testnet.told("record show bob --file lease.pdf");
    assert_eq!(
        (&absent["exists"], &absent["verified"]),
        (&false.into(), &true.into())
    );
    // Nobody can take a digest away: bob may notarize the same.
    final_and_verified(&testnet.told(&format!("record add --from bob {digest}")));
}

#[test]
fn an_account_under_two_of_three_keys_needs_two_signatures() {
    let testnet = Testnet::up(4);
    testnet.told("key new carol");
    let replace = "account set-authority alice --policy 2:alice,bob,carol --yes";
    let replaced = testnet.told(replace);
    final_and_verified(&replaced);
    let account = testnet.told("account show alice");
    assert_eq!(account["authority_replaced"], true);
    assert_eq!(account["authority"], replaced["new_authority"]);

    testnet.refuses("send alice bob 25 --signer alice", 8, "signatures");
    let paid = testnet.told("send alice bob 25 --signer carol --signer alice");
    final_and_verified(&paid);
    assert_eq!(paid["nonce"], 1, "the address and its nonce stay: {paid}");
    // This machine knows the policy and holds its keys, so nothing has to be named.
    final_and_verified(&testnet.told("send alice bob 25"));

    // Whoever still has the old key alone is refused.
    let key = testnet.told("key show alice");
    let genesis = testnet.folder().join("genesis.toml");
    let build = format!(
        "tx build alice --pay bob 1 --nonce 3 --fee 0.01 --authority {} --genesis {} \
         --output old.toml",
        text(&key, "public_key"),
        genesis.display()
    );
    testnet.told(&build);
    testnet.told("tx sign old.toml --key alice --yes");
    testnet.refuses("tx submit old.toml", 8, "authority");
}

#[test]
fn transactions_are_built_signed_and_submitted_by_different_machines() {
    let testnet = Testnet::up(4);
    let board = testnet.told("multisig new 2 alice bob n1 --name board");
    testnet.told("send alice board 100");
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let build = "tx build board --pay bob 25 --pay n2 1 --memo rent --output rent.toml --record";
    let built = testnet.told(&format!("{build} {digest}"));

    testnet.refuses("tx submit rent.toml", 8, "signatures");
    for name in ["alice", "bob"] {
        let sign = format!("multisig sign rent.toml --key {name} --yes --output {name}.toml");
        testnet.told(&sign);
    }
    testnet.refuses("tx submit alice.toml", 8, "signatures");
    let both = testnet.told("multisig combine alice.toml bob.toml --output both.toml");
    assert_eq!(both["complete"], true);
    let sent = testnet.told("tx submit both.toml");
    final_and_verified(&sent);
    assert_eq!(
        (&sent["id"], &sent["from"]),
        (&built["id"], &board["address"])
    );
    let shown = testnet.told(&format!("record show board {digest}"));
    assert_eq!(shown["recorded_height"], sent["height"]);
    // A repeat finds it final, and pays nothing again.
    assert_eq!(
        testnet.told("tx submit both.toml")["height"],
        sent["height"]
    );
}

#[test]
fn a_batch_is_paid_row_by_row_and_nothing_twice() {
    let testnet = Testnet::up(4);
    let rows = "to,amount,memo\nbob,1,first\nn2,2,\"second, with a comma\"\nn3,3\n";
    fs::write(testnet.home().join("rows.csv"), rows).expect("a batch");
    let batch = "send alice --batch rows.csv --id wages";
    let paid = testnet.told(batch);
    final_and_verified(&paid);
    let rows = paid["rows"].as_array().expect("rows");
    let nonces: Vec<_> = rows.iter().map(|row| row["nonce"].as_u64()).collect();
    assert_eq!(nonces, [Some(0), Some(1), Some(2)], "{paid}");
    let again = testnet.told(batch);
    assert_eq!(again["balances"], paid["balances"], "nothing is paid twice");
}
