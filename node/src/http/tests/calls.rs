//! Calls: what each method tells, and how wrong ones are refused.

use serde_json::{Value, json};
use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::block::{Block, BlockHeader};
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::codec::decode;
use starling_ledger::evidence::Evidence;
use starling_ledger::genesis::{Genesis, local_account};
use starling_ledger::hash::Hash;
use starling_ledger::keys::{Ed25519, SecretKey, Signer as _};
use starling_ledger::light;
use starling_ledger::merkle::ListProof;
use starling_ledger::state::{PROOF_BYTES_MAX, StateProof};
use starling_ledger::transaction::{Action, RawTransaction};

use super::client::{call, failed, get, post};
use super::node::{NEXT_NONCE, Node, quick};
use crate::api::unhex;
use crate::http::methods::METHODS;

const PIECE_MAX: usize = 64 * 1024;

fn bytes(value: &Value) -> Vec<u8> {
    unhex(value.as_str().unwrap()).unwrap()
}

/// Checks header and certificate of an answer, with the genesis alone.
fn verified_header(node: &Node, told: &Value) -> BlockHeader {
    let header = decode::<BlockHeader, PIECE_MAX>(&bytes(&told["header"])).unwrap();
    let certificate = bytes(&told["certificate"]);
    let certificate = decode::<CommitCertificate, PIECE_MAX>(&certificate).unwrap();
    light::verify_header(&Ed25519, &node.chain.genesis, &header, &certificate).unwrap();
    header
}

fn proven_account(node: &Node, told: &Value, id: AccountId) -> Option<Account> {
    let header = verified_header(node, told);
    let proof = decode::<StateProof, PROOF_BYTES_MAX>(&bytes(&told["proof"])).unwrap();
    assert_eq!(told["height"], json!(header.height));
    light::verify_account(&header, &proof, &id).unwrap()
}

#[test]
fn status_tells_network_node_and_head() {
    let node = Node::start(quick());
    let told = call(node.address(), "status", json!({}));
    assert_eq!(told["network"], "local");
    assert_eq!(told["kind"], "local");
    assert_eq!(
        told["genesis"],
        json!(node.chain.genesis.hash().to_string())
    );
    assert_eq!(told["height"], 3);
    assert_eq!(told["head"], json!(node.chain.tip.hash.to_string()));
    assert_eq!(told["uptime_ms"], 60_000);
    assert_eq!(told["node"]["http"], json!(node.address().to_string()));
    assert_eq!(told["node"]["validator"], json!(node.chain.address("n1")));
    assert_eq!(told["consensus"]["halted"], false);
    assert_eq!(told["consensus"]["present_permille"], 1000);
    let validators = told["consensus"]["validators"].as_array().unwrap();
    let mut names: Vec<_> = validators
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["n1", "n2", "n3", "n4"]);
}

#[test]
fn an_account_is_proven_by_the_header_it_comes_with() {
    let node = Node::start(quick());
    let address = node.chain.address("alice");
    let told = call(node.address(), "account", json!({"address": address}));
    let proven = proven_account(&node, &told, local_account("alice")).unwrap();
    assert_eq!(told["exists"], true);
    assert_eq!(told["nonce"], json!(proven.nonce));
    assert_eq!(told["balance_base"], json!(proven.balance));
    assert_eq!(
        (proven.nonce, told["next_nonce"].as_u64()),
        (2, Some(NEXT_NONCE))
    );
}

#[test]
fn an_account_that_is_not_there_is_proven_absent() {
    let node = Node::start(quick());
    let stranger = AccountId([9; 32]);
    let address = node.chain.address_of(stranger);
    let told = call(node.address(), "account", json!([address]));
    assert_eq!(told["exists"], false);
    assert_eq!(proven_account(&node, &told, stranger), None);
}

#[test]
fn a_record_is_proven_present_or_absent_for_its_sender() {
    let mut node = Node::start(quick());
    let digest = Hash([5; 32]);
    let note = "the lease".to_owned();
    let record = node.chain.transaction(2, Action::Record { digest, note });
    node.commit(&[record]);
    let ask = |node: &Node, name: &str| {
        let address = node.chain.address(name);
        let told = call(
            node.address(),
            "record",
            json!({"address": address, "digest": digest.to_string()}),
        );
        let header = verified_header(node, &told);
        let proof = decode::<StateProof, PROOF_BYTES_MAX>(&bytes(&told["proof"])).unwrap();
        let proven = light::verify_record(&header, &proof, &local_account(name), &digest).unwrap();
        (told, proven)
    };
    let (told, proven) = ask(&node, "alice");
    let proven = proven.unwrap();
    assert_eq!(
        (&told["exists"], &told["note"]),
        (&json!(true), &json!("the lease"))
    );
    assert_eq!((proven.height, proven.note.as_str()), (4, "the lease"));
    assert_eq!(told["recorded_height"], 4);
    assert_eq!(told["recorded_ms"], json!(proven.time_ms));
    // Bob has no record of that digest, whatever alice notarized.
    let (told, proven) = ask(&node, "bob");
    assert_eq!((&told["exists"], proven), (&json!(false), None));
    assert_eq!(told["recorded_height"], Value::Null);
    for wrong in [
        json!({"address": node.chain.address("alice")}),
        json!({"digest": "00"}),
    ] {
        assert_eq!(failed(node.address(), "record", wrong)["code"], -32602);
    }
}

#[test]
fn a_stake_is_proven_present_or_absent() {
    let node = Node::start(quick());
    let ask = |name: &str| {
        let address = node.chain.address(name);
        let told = call(node.address(), "stake", json!({"address": address}));
        let header = verified_header(&node, &told);
        let proof = decode::<StateProof, PROOF_BYTES_MAX>(&bytes(&told["proof"])).unwrap();
        let proven = light::verify_stake(&header, &proof, &local_account(name)).unwrap();
        (told, proven)
    };
    let (told, proven) = ask("n1");
    let proven = proven.unwrap();
    assert_eq!(
        (&told["exists"], &told["status"]),
        (&json!(true), &json!("active"))
    );
    assert_eq!(told["bonded_base"], json!(proven.bonded));
    assert_eq!(
        told["consensus_key"],
        json!(proven.consensus_key.to_string())
    );
    assert_eq!(told["releases"], json!([]));
    let key = call(
        node.address(),
        "consensus_key",
        json!({"key": told["consensus_key"]}),
    );
    assert_eq!(
        (&key["account"], &key["excluded"]),
        (&json!(node.chain.address("n1")), &json!(false))
    );
    let unknown = json!({"key": SecretKey::local("unknown").public_key().to_string()});
    let key = call(node.address(), "consensus_key", unknown);
    assert_eq!(
        (&key["exists"], &key["account"]),
        (&json!(false), &Value::Null)
    );
    let weak = json!({"key": "00".repeat(32)});
    assert_eq!(
        failed(node.address(), "consensus_key", weak)["code"],
        -32602
    );
    let (told, proven) = ask("alice");
    assert_eq!(
        (&told["exists"], &told["status"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(proven, None);
}

#[test]
fn candidates_are_told_with_what_they_have_bonded() {
    let node = Node::start(quick());
    let told = call(node.address(), "candidates", json!({}));
    assert_eq!(
        (&told["height"], &told["total"], &told["validators_max"]),
        (&json!(3), &json!(4), &json!(100))
    );
    let candidates = told["candidates"].as_array().unwrap();
    let mut names: Vec<_> = candidates
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["n1", "n2", "n3", "n4"]);
    for candidate in candidates {
        assert_eq!(candidate["bonded_base"], json!(1_000_000_000_000_u64));
        assert_eq!(candidate["chosen"], true);
    }
}

#[test]
fn evidence_is_told_with_its_block_and_can_be_checked() {
    let mut node = Node::start(quick());
    let offence = node.chain.double_vote("n2", 2);
    node.chain.commit_with(&[], &[offence]);
    node.commit(&[]);
    let told = call(node.address(), "evidence", json!({}));
    assert_eq!((&told["latest"], &told["to"]), (&json!(5), &json!(5)));
    let pieces = told["evidence"].as_array().unwrap();
    assert_eq!(pieces.len(), 1, "{told}");
    let piece = &pieces[0];
    assert_eq!(
        (&piece["height"], &piece["index"], &piece["offence_height"]),
        (&json!(4), &json!(0), &json!(2))
    );
    assert_eq!(
        (&piece["kind"], &piece["key"]),
        (&json!("votes"), &json!(offence.key().to_string()))
    );
    let raw = decode::<Evidence, PIECE_MAX>(&bytes(&piece["raw"])).unwrap();
    raw.verify(&Ed25519, &node.chain.genesis.hash()).unwrap();
    assert_eq!(raw.hash().to_string(), piece["hash"]);
    // The stake of the offender is slashed, it sits out, and its key is excluded.
    let address = node.chain.address("n2");
    let stake = call(node.address(), "stake", json!({"address": address}));
    assert_eq!(stake["status"], "sitting_out");
    let key = call(
        node.address(),
        "consensus_key",
        json!({"key": piece["key"]}),
    );
    assert_eq!(key["excluded"], true);
    let elsewhere = call(node.address(), "evidence", json!({"from": 5}));
    assert_eq!(elsewhere["evidence"], json!([]));
}

#[test]
fn evidence_is_listed_in_bounded_ranges() {
    let node = Node::start(quick());
    let none = call(node.address(), "evidence", json!({}));
    let expected = json!({"latest": 3, "from": 1, "to": 3, "evidence": []});
    assert_eq!(none, expected);
    let one = call(node.address(), "evidence", json!({"from": 2, "count": 1}));
    assert_eq!((&one["from"], &one["to"]), (&json!(2), &json!(2)));
    for wrong in [
        json!({"count": 1001}),
        json!({"count": 0}),
        json!({"from": 4}),
    ] {
        assert_eq!(failed(node.address(), "evidence", wrong)["code"], -32602);
    }
}

#[test]
fn an_account_is_never_older_than_what_is_on_disk() {
    let mut node = Node::start(quick());
    let payment = node.chain.payment(2);
    node.chain.commit(&[payment]);
    // The disk is ahead of what the core has told.
    let address = json!({"address": node.chain.address("alice")});
    let (server, asked) = (node.address(), address);
    let asking = std::thread::spawn(move || call(server, "account", asked));
    node.publish(|_| {});
    let told = asking.join().unwrap();
    assert_eq!((&told["height"], &told["nonce"]), (&json!(4), &json!(3)));
}

#[test]
fn an_address_of_another_network_is_refused() {
    let node = Node::start(quick());
    let error = failed(node.address(), "account", json!({"address": "star1qqqq"}));
    assert_eq!(error["code"], -32602);
}

#[test]
fn a_transaction_is_final_with_its_proof_or_pending_or_unknown() {
    let node = Node::start(quick());
    let ask = |id: String| call(node.address(), "transaction", json!({"id": id}));
    let payment = node.chain.payment(1);
    let told = ask(payment.id().to_string());
    assert_eq!(
        (&told["status"], &told["height"]),
        (&json!("final"), &json!(2))
    );
    let header = verified_header(&node, &told);
    let proof = decode::<ListProof, PIECE_MAX>(&bytes(&told["proof"])).unwrap();
    let raw = RawTransaction(bytes(&told["raw"]).into());
    light::verify_transaction(&header, &proof, &raw.wire_id()).unwrap();
    assert_eq!((raw.wire_id(), proof.index), (payment.wire_id(), 1));

    let waiting = node.chain.payment(2);
    let told = ask(waiting.id().to_string());
    assert_eq!(
        (&told["status"], bytes(&told["raw"])),
        (&json!("pending"), waiting.raw().0.to_vec())
    );
    assert_eq!(ask("00".repeat(32))["status"], "unknown");
}

#[test]
fn a_block_is_found_by_height_by_hash_and_as_the_latest() {
    let node = Node::start(quick());
    let server = node.address();
    let second = call(server, "block", json!({"height": 2}));
    let raw = decode::<Block, { 1024 * 1024 }>(&bytes(&second["raw"])).unwrap();
    assert_eq!(second["hash"], json!(raw.header.hash().to_string()));
    let ids = [0, 1].map(|nonce| node.chain.payment(nonce).id().to_string());
    assert_eq!(second["transactions"], json!(ids));
    assert_eq!(second["signed"], 3);
    assert_eq!(
        call(server, "block", json!({"hash": second["hash"]})),
        second
    );
    for latest in [json!({}), json!({"height": "latest"})] {
        assert_eq!(call(server, "block", latest)["height"], 3);
    }
}

#[test]
fn a_block_that_is_not_there_is_refused_with_what_is() {
    let node = Node::start(quick());
    let error = failed(node.address(), "block", json!({"height": u64::MAX}));
    assert_eq!(
        (&error["code"], &error["data"]["code"]),
        (&json!(-32602), &json!("not_found"))
    );
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .ends_with("the latest is 3")
    );
}

#[test]
fn ranges_are_bounded() {
    let node = Node::start(quick());
    let heights = |parameters: Value| -> Vec<u64> {
        let told = call(node.address(), "blocks", parameters);
        let blocks = told["blocks"].as_array().unwrap();
        blocks
            .iter()
            .map(|block| block["height"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(heights(json!({})), [1, 2, 3]);
    assert_eq!(heights(json!({"from": 0, "count": 100})), [1, 2, 3]);
    assert_eq!(heights(json!({"from": 2, "count": 1})), [2]);
    assert_eq!(heights(json!({"count": 2})), [2, 3]);
    for wrong in [
        json!({"count": 101}),
        json!({"count": 0}),
        json!({"count": u64::MAX}),
        json!({"from": -1}),
        json!({"from": 9_223_372_036_854_775_808u64}),
    ] {
        assert_eq!(failed(node.address(), "blocks", wrong)["code"], -32602);
    }
}

#[test]
fn validators_peers_mempool_and_genesis_are_told() {
    let node = Node::start(quick());
    let server = node.address();
    let validators = call(server, "validators", json!({}));
    assert_eq!(validators["height"], 4);
    assert_eq!(validators["validators"][0]["permille"], 250);
    let epoch = ["epoch", "epoch_first", "epoch_last"].map(|field| validators[field].as_u64());
    assert_eq!(epoch, [Some(0), Some(1), Some(100)]);
    let outlook = &validators["outlook"];
    assert_eq!(outlook["validators"], validators["validators"]);
    assert_eq!(outlook["sitting_out"], json!([]));
    let past = call(server, "validators", json!({"height": 2}));
    assert_eq!(
        (&past["hash"], &past["outlook"]),
        (&validators["hash"], &json!(null))
    );
    assert_eq!(
        failed(server, "validators", json!({"height": 5}))["code"],
        -32602
    );
    let peers = call(server, "peers", json!({}));
    let shown = json!({
        "id": "08".repeat(32), "address": "127.0.0.1:7001", "direction": "inbound", "height": 3,
        "connected_ms": 1000, "rtt_us": 250, "clock_ahead_ms": -7, "bytes_in": 10,
        "bytes_out": 20,
    });
    assert_eq!(peers, json!({"peers": [shown]}));
    let failed_dial = json!({
        "target": "n9:7000", "id": null, "code": "no_such_name",
        "reason": "the name is not found: no such host", "failures": 2, "ago_ms": 0,
    });
    assert_eq!(
        call(server, "peers_failed", json!({})),
        json!({"failed": [failed_dial]})
    );
    assert_eq!(
        call(server, "mempool", json!({})),
        json!({"count": 1, "bytes": 200})
    );
    let genesis = call(server, "genesis", json!({}));
    let read = decode::<Genesis, { 1024 * 1024 }>(&bytes(&genesis["raw"])).unwrap();
    assert_eq!(read, node.chain.genesis);
    let written = Genesis::from_toml(genesis["toml"].as_str().unwrap()).unwrap();
    assert_eq!(written, node.chain.genesis);
}

#[test]
fn reads_are_answered_by_get_and_changes_are_not() {
    let node = Node::start(quick());
    let server = node.address();
    let told = get(server, "/rpc/block?height=2");
    assert_eq!(told.status, 200);
    assert_eq!(told.json(), call(server, "block", json!({"height": 2})));
    assert_eq!(get(server, "/rpc/submit?transaction=00").status, 405);
    assert_eq!(get(server, "/rpc/nothing").status, 404);
    for wrong in [
        "heigth=2",
        "height=-1",
        "height=2&height=2",
        "height=1e3",
        "hash=zz",
    ] {
        assert_eq!(
            get(server, &format!("/rpc/block?{wrong}")).status,
            400,
            "{wrong}"
        );
    }
    let unknown = get(server, "/rpc/block?heigth=2").json();
    let message = unknown["error"]["message"].as_str().unwrap();
    assert_eq!(message, "unknown parameter `heigth`; known: height, hash");
}

#[test]
fn each_mistake_has_its_code() {
    let node = Node::start(quick());
    let code = |body: &str| {
        post(node.address(), body).json()["error"]["code"]
            .as_i64()
            .unwrap()
    };
    assert_eq!(code("{"), -32700);
    assert_eq!(
        code(r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"status"}"#),
        -32700
    );
    assert_eq!(code("[]"), -32600);
    assert_eq!(code("7"), -32600);
    assert_eq!(code(r#"{"id":1,"method":"status"}"#), -32600);
    assert_eq!(
        code(r#"{"jsonrpc":"2.0","id":[],"method":"status"}"#),
        -32600
    );
    assert_eq!(
        code(r#"{"jsonrpc":"2.0","id":1,"method":"status","extra":1}"#),
        -32600
    );
    assert_eq!(code(r#"{"jsonrpc":"2.0","id":1,"method":"stop"}"#), -32601);
    assert_eq!(
        code(r#"{"jsonrpc":"2.0","id":1,"method":"status","params":[1]}"#),
        -32602
    );
    assert_eq!(
        code(r#"{"jsonrpc":"2.0","id":1,"method":"status","params":7}"#),
        -32602
    );
}

#[test]
fn integers_are_exact_or_refused() {
    let node = Node::start(quick());
    let ask = |number: &str| {
        let call = format!(
            r#"{{"jsonrpc":"2.0","id":18446744073709551615,"method":"block","params":[{number}]}}"#
        );
        post(node.address(), &call).json()
    };
    let largest = ask("18446744073709551615");
    assert_eq!(largest["id"], json!(u64::MAX));
    assert_eq!(largest["error"]["data"]["code"], "not_found");
    for wrong in [
        "18446744073709551616",
        "-0",
        "2.0",
        "2e0",
        "-1",
        "\"2\"",
        "true",
    ] {
        assert_eq!(ask(wrong)["error"]["data"]["code"], "parameters", "{wrong}");
    }
    assert_eq!(ask("1e400")["error"]["code"], -32700);
}

#[test]
fn a_batch_is_answered_in_order_without_its_notifications() {
    let node = Node::start(quick());
    let request = |id: u32| json!({"jsonrpc": "2.0", "id": id, "method": "mempool"});
    let notice = json!({"jsonrpc": "2.0", "method": "mempool"});
    let batch = json!([request(1), notice, 7, request(2)]).to_string();
    let told = post(node.address(), &batch).json();
    let ids: Vec<_> = told
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].clone())
        .collect();
    assert_eq!(ids, [json!(1), Value::Null, json!(2)]);
    let silent = post(node.address(), &json!([notice]).to_string());
    assert_eq!((silent.status, silent.body.as_str()), (204, ""));
    let many: Vec<_> = (0..101).map(request).collect();
    let told = post(node.address(), &json!(many).to_string());
    assert_eq!(
        (told.status, &told.json()["error"]["code"]),
        (400, &json!(-32600))
    );
    assert_eq!(
        post(node.address(), &json!(many[..100]).to_string()).status,
        200
    );
}

#[test]
fn a_busy_or_starting_node_says_so() {
    let node = Node::start(quick());
    // The core no longer listens: what is asked of it is not answered, what is on disk is.
    let server = node.address();
    let stopped = Node::without_core(quick());
    assert_eq!(
        failed(stopped.address(), "peers", json!({}))["code"],
        -32002
    );
    assert_eq!(get(stopped.address(), "/rpc/peers").status, 503);
    assert_eq!(call(stopped.address(), "block", json!({}))["height"], 3);
    assert_eq!(
        call(server, "peers", json!({}))["peers"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn the_document_for_programs_names_every_method() {
    let node = Node::start(quick());
    let document = get(node.address(), "/openrpc.json").json();
    let listed = document["methods"].as_array().unwrap().iter();
    let listed: Vec<_> = listed
        .map(|method| method["name"].as_str().unwrap())
        .collect();
    let known: Vec<_> = METHODS.iter().map(|method| method.name).collect();
    assert_eq!(listed, known);
}
