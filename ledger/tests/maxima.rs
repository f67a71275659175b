//! Every list of the format at the limit that is documented for it: such values decode, and one
//! item more does not.
//!
//! The types that stand in the golden files are walked: each is here at its limits, or among those
//! that have no list.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "golden/samples.rs"]
mod samples;
#[path = "maxima/values.rs"]
mod values;

use std::collections::BTreeSet;

use samples::all;
use values::values;

/// Types of the golden files without a list, text or string of bytes.
const WITHOUT_LISTS: &[&str] = &[
    "Account",
    "AccountId",
    "BlockHash",
    "BlockHeader",
    "ConsensusKey",
    "EpochEnd",
    "Evidence",
    "Hash",
    "Proposal",
    "QueuedRelease",
    "Schedule",
    "SignedProposal",
    "SignedVote",
    "StateKey",
    "Totals",
    "TransactionId",
    "Vote",
    "WireId",
    "u32",
];

#[test]
fn every_type_of_the_format_is_walked() {
    let mut known = BTreeSet::new();
    for sample in all() {
        assert_eq!((sample.again)(&sample.bytes).as_ref(), Ok(&sample.bytes));
        known.insert(sample.kind);
    }
    let values = values();
    let walked = values.iter().map(|value| value.kind);
    let walked: BTreeSet<_> = walked.chain(WITHOUT_LISTS.iter().copied()).collect();
    let missing: Vec<_> = known.difference(&walked).collect();
    assert!(missing.is_empty(), "not at their limits: {missing:?}");
}

#[test]
fn values_at_their_limits_decode_to_themselves() {
    for value in values() {
        let again = (value.again)(&value.most);
        let again = again.unwrap_or_else(|error| panic!("{}: {error}", value.name));
        assert!(again == value.most, "{}", value.name);
    }
}

#[test]
fn one_item_more_is_refused() {
    for value in values() {
        if let Some(more) = &value.more {
            let told = (value.again)(more).unwrap_err().to_string();
            assert!(told.contains("at most"), "{}: {told}", value.name);
        }
    }
}
