//! What no block could hold takes no place at a node, and what waits and gives way is told: with
//! real processes.

use starling_tests::testnet::{Testnet, wait_for};

/// The transactions that wait at n1 and n2.
fn waiting(testnet: &Testnet) -> [Option<u64>; 2] {
    ["n1", "n2"].map(|node| testnet.metric_of(node, "starling_mempool_transactions"))
}

/// Sends what waits until validators return.
fn send_in_vain(testnet: &Testnet, line: &str) {
    let line = format!("{line} --timeout 2s");
    let (code, told) = testnet.envelope(&line.split(' ').collect::<Vec<_>>());
    assert_eq!(code, 6, "{told}");
}

#[test]
fn nobody_holds_more_of_the_mempool_than_it_can_pay_for() {
    let testnet = Testnet::up(4);
    testnet.refuses("send alice alice 1000000", 4, "funds");
    testnet.refuses("send alice bob 1000001", 4, "funds");
    testnet.ok(&["testnet", "kill", "n3"]);
    testnet.ok(&["testnet", "kill", "n4"]);
    wait_for("the halt to be noticed", || {
        let status = testnet.status_of("n1")?;
        (status["consensus"]["halted"] == true).then_some(())
    });

    send_in_vain(&testnet, "send alice bob 600000");
    testnet.refuses("send alice bob 600000 --timeout 2s", 4, "funds");
    testnet.refuses("send alice alice 600000 --timeout 2s", 4, "funds");
    send_in_vain(&testnet, "send alice bob 300000");
    wait_for("both to wait at both", || {
        (waiting(&testnet) == [Some(2); 2]).then_some(())
    });

    // One that offers more for the first nonce leaves too little for what was behind it.
    let genesis = testnet.folder().join("genesis.toml");
    let build = format!(
        "tx build alice --pay bob 900000 --nonce 0 --fee 1 --genesis {} --output dear.toml",
        genesis.display()
    );
    testnet.told(&build);
    testnet.told("tx sign dear.toml --key alice --yes");
    send_in_vain(&testnet, "tx submit dear.toml");
    for node in ["n1", "n2"] {
        for reason in ["replaced", "funds"] {
            let name = format!("starling_transactions_left_total{{reason=\"{reason}\"}}");
            wait_for("what gave way to be counted", || {
                (testnet.metric_of(node, &name) == Some(1)).then_some(())
            });
        }
    }
    assert_eq!(waiting(&testnet), [Some(1); 2]);

    testnet.ok(&["testnet", "start", "n3"]);
    wait_for("the one that is left", || {
        let account = testnet.data(&["account", "show", "alice"]);
        (account["balance_base"] == 99_999_000_000u64).then_some(())
    });
}
