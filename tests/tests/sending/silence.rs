//! A node or a proxy that falls silent once a payment has left: it is followed elsewhere, told as
//! final where it is, and as unknown, with its id, where nobody tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;
use starling_tests::proxy::{Call, Fault, Proxy};
use starling_tests::testnet::Testnet;

use super::{balances, id, paid_once};

fn url(testnet: &Testnet) -> String {
    testnet.url_of("n1").expect("n1 is up")
}

/// Does something to the first submission, and to nothing else.
fn first_submission(fault: Fault) -> impl Fn(&Call) -> Fault + Send + Sync {
    let is_done = AtomicBool::new(false);
    move |call| match call.method == "submit" && !is_done.swap(true, Ordering::SeqCst) {
        true => fault.clone(),
        false => Fault::None,
    }
}

#[test]
fn a_lost_answer_to_a_submission_is_asked_for_and_paid_once() {
    let testnet = Testnet::up(4);
    for fault in [
        Fault::LoseRequest,
        Fault::LoseAnswer,
        Fault::CutAnswer,
        Fault::BadGateway,
        Fault::Garbage,
        Fault::Late(Duration::from_millis(300)),
        Fault::Slow(Duration::from_millis(300)),
    ] {
        let proxy = Proxy::before(&url(&testnet), first_submission(fault.clone()));
        let before = balances(&testnet);
        let told = testnet.data(&["send", "alice", "bob", "2", "--node", &proxy.url()]);
        assert_eq!(told["status"], "final", "{fault:?}: {told}");
        assert!(proxy.calls() > 2, "{fault:?}: {}", proxy.calls());
        // What came late is refused, or known: nothing is paid again.
        let again = testnet.data(&["send", "alice", "n1", "1"]);
        assert_eq!(again["status"], "final");
        let mut after = balances(&testnet);
        after[0] += 1_001_000;
        paid_once(before, after, 2);
    }
}

#[test]
fn any_call_may_be_lost_and_the_payment_is_told_as_final() {
    let testnet = Testnet::up(4);
    let genesis = testnet.folder().join("genesis.toml");
    let genesis = genesis.to_str().expect("a path");
    // Another testnet's name: so the proxy is the only node that is known.
    let alone = ["--testnet", "none", "--genesis", genesis];
    let count = {
        let proxy = Proxy::before(&url(&testnet), |_| Fault::None);
        let send = ["send", "alice", "bob", "1", "--node", &proxy.url()];
        testnet.data(&[&send[..], &alone].concat());
        proxy.calls()
    };
    for lost in 1..count {
        let fault = [Fault::LoseRequest, Fault::LoseAnswer][usize::from(lost % 2 == 0)].clone();
        let plan = move |call: &Call| match call.number == lost {
            true => fault.clone(),
            false => Fault::None,
        };
        let proxy = Proxy::before(&url(&testnet), plan);
        let before = balances(&testnet);
        let send = ["send", "alice", "bob", "1", "--node", &proxy.url()];
        let told = testnet.data(&[&send[..], &alone].concat());
        assert_eq!(told["status"], "final", "call {lost}: {told}");
        paid_once(before, balances(&testnet), 1);
    }
}

#[test]
fn a_node_killed_after_the_submission_is_followed_elsewhere() {
    let testnet = Arc::new(Testnet::up(4));
    let (before, killer) = (balances(&testnet), Arc::clone(&testnet));
    let is_done = AtomicBool::new(false);
    let plan = move |call: &Call| {
        if call.method == "transaction" && !is_done.swap(true, Ordering::SeqCst) {
            killer.ok(&["testnet", "kill", "n1"]);
        }
        Fault::None
    };
    let proxy = Proxy::before(&url(&testnet), plan);
    let told = testnet.data(&["send", "alice", "bob", "3", "--node", &proxy.url()]);
    assert_eq!(told["status"], "final", "{told}");
    paid_once(before, balances(&testnet), 3);
}

/// The answer to the submission never comes, and nobody else is known.
#[test]
fn where_nobody_tells_the_outcome_is_unknown_and_the_id_stands_in_the_error() {
    let testnet = Testnet::up(4);
    let genesis = testnet.folder().join("genesis.toml");
    let genesis = genesis.to_str().expect("a path");
    let is_gone = AtomicBool::new(false);
    let plan = move |call: &Call| {
        let gone = is_gone.load(Ordering::SeqCst);
        is_gone.store(gone || call.method == "submit", Ordering::SeqCst);
        match is_gone.load(Ordering::SeqCst) {
            true => Fault::LoseAnswer,
            false => Fault::None,
        }
    };
    let proxy = Proxy::before(&url(&testnet), plan);
    let before = balances(&testnet);
    let send = ["send", "alice", "bob", "4", "--node", &proxy.url()];
    let alone = ["--testnet", "none", "--genesis", genesis, "--timeout", "2s"];
    let (code, envelope) = testnet.envelope(&[&send[..], &alone].concat());
    let error = &envelope["error"];
    assert_eq!((code, &error["code"]), (5, &json!("unknown")), "{envelope}");
    let id = id(&envelope);
    let message = error["message"].as_str().expect("words");
    let words = format!("transaction {id} may still become final, do not repeat it");
    assert!(message.contains(&words), "{message}");
    // It was final all along.
    let shown = testnet.data(&["tx", "show", &id]);
    assert_eq!(shown["status"], "final");
    paid_once(before, balances(&testnet), 4);
}

#[test]
fn what_never_left_is_said_not_to_be_sent() {
    let testnet = Testnet::up(4);
    let (code, envelope) =
        testnet.envelope(&["send", "alice", "bob", "1", "--node", "http://127.0.0.1:9"]);
    let error = &envelope["error"];
    assert_eq!(
        (code, &error["code"]),
        (3, &json!("unreachable")),
        "{error}"
    );
    assert!(error["id"].is_null(), "nothing was signed: {error}");
}

#[test]
fn every_command_that_submits_asks_on_after_a_lost_answer() {
    let testnet = Testnet::up(4);
    std::fs::write(testnet.home().join("rows.csv"), "bob,1\nn2,2\n").expect("rows");
    testnet.told("key new voter");
    testnet.told("tx build alice --pay bob 1 --output file.toml --nonce 0 --fee 0.01");
    testnet.told("tx sign file.toml --key alice --yes");
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    for line in [
        "tx submit file.toml".to_owned(),
        "send alice --batch rows.csv".to_owned(),
        format!("record add --from alice {digest}"),
        "stake bond 2000 --from alice --consensus-key voter".to_owned(),
        "load --count 20 --accounts 2".to_owned(),
        "account set-authority alice --policy 1:alice,bob --yes".to_owned(),
    ] {
        let proxy = Proxy::before(&url(&testnet), first_submission(Fault::LoseAnswer));
        let line = format!("{line} --node {}", proxy.url());
        let told = testnet.told(&line);
        let all = told["final"] == told["sent"] && told["final"].is_number();
        assert!(told["status"] == "final" || all, "{line}: {told}");
    }
}

#[test]
fn a_node_that_is_behind_is_waited_for_and_no_liar() {
    let testnet = Arc::new(Testnet::up(4));
    // This machine has verified a block that n1, which is frozen meanwhile, does not have.
    testnet.ok(&["testnet", "pause", "n1"]);
    let n2 = testnet.url_of("n2").expect("n2 is up");
    testnet.data(&["send", "alice", "bob", "1", "--node", &n2]);
    let other = Arc::clone(&testnet);
    let resume = thread::spawn(move || {
        thread::sleep(Duration::from_secs(1));
        other.ok(&["testnet", "resume", "n1"]);
    });
    let told = testnet.data(&["send", "alice", "bob", "1", "--node", &url(&testnet)]);
    assert_eq!(told["status"], "final", "{told}");
    resume.join().expect("n1 goes on");
}
