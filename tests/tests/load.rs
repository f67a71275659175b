//! Many payments: each final once, on every node, and the money adds up.
//!
//! `STARLING_TRANSFERS` says how many.

use starling_tests::audit::Audit;
use starling_tests::testnet::Testnet;

const NODES: [&str; 4] = ["n1", "n2", "n3", "n4"];
/// Transfers when nothing is said.
const TRANSFERS: &str = "5000";
/// Accounts that pay each other; alice funds each with one transaction.
const ACCOUNTS: usize = 64;

#[test]
fn all_transfers_are_final_once_on_all_nodes() {
    let count = std::env::var("STARLING_TRANSFERS").unwrap_or_else(|_| TRANSFERS.to_owned());
    let expected: usize = count.parse().expect("STARLING_TRANSFERS is a number");
    let testnet = Testnet::up(NODES.len());
    let accounts = ACCOUNTS.to_string();
    let load = ["load", "--rate", "2000", "--accounts", &accounts, "--count"];
    let report = testnet.data(&[&load[..], &[&count]].concat());
    assert_eq!(report["final"], expected, "{report}");
    assert_eq!(report["sent"], expected, "{report}");
    testnet.same_head(&NODES);
    testnet.stop();
    let audits = Audit::of_all(&testnet, &NODES);
    Audit::agree(&audits);
    for (node, audit) in NODES.iter().zip(&audits) {
        let found = audit.transactions.len();
        assert_eq!(found, expected + ACCOUNTS, "{node}");
        assert_eq!(audit.transactions, audits[0].transactions, "{node}");
    }
    println!("{report}");
}
