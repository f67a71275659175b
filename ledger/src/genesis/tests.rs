//! Each rule of a genesis, and its text.

use super::*;

const LOCAL: &str = include_str!("../../../genesis/local.toml");

/// Changes one thing of a valid genesis and returns what the check says.
fn broken(change: impl FnOnce(&mut Genesis)) -> GenesisError {
    let mut genesis = Genesis::local("local", 1, 4);
    assert_eq!(genesis.check(), Ok(()));
    change(&mut genesis);
    genesis.check().unwrap_err()
}

#[test]
fn the_local_document_is_the_local_genesis() {
    let genesis = Genesis::local("local", 1_767_225_600_000, 4);
    assert_eq!(Genesis::from_toml(LOCAL), Ok(genesis));
}

#[test]
fn text_round_trips() {
    let genesis = Genesis::local("round-trip", 5, 7);
    assert_eq!(Genesis::from_toml(&genesis.to_toml()), Ok(genesis));
}

#[test]
fn parameters_may_be_left_out() {
    let start = LOCAL.find("[parameters]").unwrap();
    let end = LOCAL.find("[[accounts]]").unwrap();
    let text = [&LOCAL[..start], &LOCAL[end..]].concat();
    let genesis = Genesis::from_toml(&text).unwrap();
    assert_eq!(genesis.parameters.idle_block_ms, 10_000);
    assert_eq!(genesis.parameters.fee_base, 800);
}

#[test]
fn an_unknown_key_is_named() {
    for (before, after) in [
        ("idle_block_ms", "idle_blok_ms"),
        ("balance", "ballance"),
        ("symbol", "symbl"),
        ("stake", "steak"),
    ] {
        let error = Genesis::from_toml(&LOCAL.replacen(before, after, 1)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("unknown field `{after}`")), "{text}");
    }
}

#[test]
fn a_bad_value_is_named_by_its_place() {
    let error = |before: &str, after: &str| {
        let text = LOCAL.replacen(before, after, 1);
        assert_ne!(text, LOCAL);
        Genesis::from_toml(&text).unwrap_err().to_string()
    };
    let text = error("balance = \"1000000\"", "balance = \"1.0000001\"");
    assert!(text.contains("accounts[0].balance"), "{text}");
    let text = error("address = \"starlocal1", "address = \"star1");
    assert!(text.contains("accounts[0].address"), "{text}");
    let text = error("consensus_key = \"", "consensus_key = \"0");
    assert!(text.contains("validators[0].consensus_key"), "{text}");
    let text = error("fee_base = \"", "fee_base = \"-");
    assert!(text.contains("parameters.fee_base"), "{text}");
}

#[test]
fn refuses_names_that_could_be_mistaken() {
    for name in ["", "Local", "a b", "ä", &"x".repeat(33)] {
        let error = broken(|genesis| genesis.name = name.to_owned());
        assert!(matches!(error, GenesisError::Name { .. }), "{error}");
    }
    for symbol in ["", "star", "TOOLONGER"] {
        let error = broken(|genesis| genesis.symbol = symbol.to_owned());
        assert!(matches!(error, GenesisError::Symbol { .. }), "{error}");
    }
}

#[test]
fn refuses_a_supply_above_the_limit_or_above_64_bits() {
    let error = broken(|genesis| genesis.accounts[0].balance = SUPPLY_MAX);
    assert_eq!(error, GenesisError::Supply);
    let error = broken(|genesis| {
        genesis.accounts[0].balance = u64::MAX;
        genesis.accounts[1].balance = 2;
    });
    assert_eq!(error, GenesisError::Supply);
}

#[test]
fn refuses_lists_out_of_order_or_with_repetitions() {
    let list = |list| GenesisError::Unsorted { list };
    assert_eq!(
        broken(|genesis| genesis.accounts.reverse()),
        list("accounts")
    );
    assert_eq!(
        broken(|genesis| genesis.validators.reverse()),
        list("validators")
    );
    assert_eq!(
        broken(|genesis| genesis.accounts[1] = genesis.accounts[0]),
        list("accounts")
    );
}

#[test]
fn refuses_validators_that_are_no_set() {
    assert!(matches!(
        broken(|genesis| genesis.validators.clear()),
        GenesisError::Validators(_)
    ));
    let twice = |genesis: &mut Genesis| {
        genesis.validators[1].consensus_key = genesis.validators[0].consensus_key;
    };
    assert!(matches!(broken(twice), GenesisError::Validators(_)));
    let poor = broken(|genesis| genesis.validators[2].stake = 5);
    assert!(matches!(poor, GenesisError::Stake { index: 2, .. }));
}

#[test]
fn refuses_numbers_outside_their_range() {
    type Change = fn(&mut Parameters);
    let changes: [(&str, Change); 11] = [
        ("idle_block_ms", |p| p.idle_block_ms = 0),
        ("propose_timeout_ms", |p| p.propose_timeout_ms = u64::MAX),
        ("vote_timeout_ms", |p| p.vote_timeout_ms = 0),
        ("timeout_step_ms", |p| p.timeout_step_ms = u64::MAX),
        ("block_bytes_max", |p| p.block_bytes_max = 16 * 1024 - 1),
        ("block_bytes_max", |p| {
            p.block_bytes_max = 2 * 1024 * 1024 + 1
        }),
        ("block_transactions_max", |p| {
            p.block_transactions_max = 10_001
        }),
        ("epoch_blocks", |p| p.epoch_blocks = 0),
        ("slash_equivocation_permille", |p| {
            p.slash_equivocation_permille = 1_001;
        }),
        ("unbonding_ms", |p| p.unbonding_ms = u64::MAX),
        ("validators_max", |p| p.validators_max = 1_001),
    ];
    for (field, change) in changes {
        match broken(|genesis| change(&mut genesis.parameters)) {
            GenesisError::Range { name, .. } => assert_eq!(name, field),
            error => panic!("{field}: {error}"),
        }
    }
    let error = broken(|genesis| genesis.decimals = 13);
    assert!(matches!(
        error,
        GenesisError::Range {
            name: "decimals",
            ..
        }
    ));
}

#[test]
fn refuses_numbers_that_contradict_each_other() {
    let lower = |change: fn(&mut Parameters)| match broken(|g| change(&mut g.parameters)) {
        GenesisError::Order { lower, .. } => lower,
        error => panic!("{error}"),
    };
    assert_eq!(
        lower(|p| p.min_block_ms = p.idle_block_ms + 1),
        "min_block_ms"
    );
    assert_eq!(
        lower(|p| p.trust_period_ms = p.evidence_age_ms),
        "trust_period_ms"
    );
    assert_eq!(
        lower(|p| p.evidence_age_ms = p.unbonding_ms + 1),
        "evidence_age_ms"
    );
}

#[test]
fn refuses_fees_that_cannot_be_counted() {
    for change in [
        (|p| p.fee_base = u64::MAX) as fn(&mut Parameters),
        |p| p.fee_per_byte = u64::MAX / 2,
        |p| p.entry_fee = 1 << 59,
    ] {
        let error = broken(|genesis| change(&mut genesis.parameters));
        assert_eq!(error, GenesisError::Fees);
    }
}

#[test]
fn the_first_state_adds_up_and_gives_every_validator_an_account() {
    let genesis = Genesis::local("local", 1, 4);
    let entries = genesis.state_entries().unwrap();
    let mut check = crate::supply::SupplyCheck::default();
    for (key, value) in &entries {
        check.add(key, value.as_ref().unwrap()).unwrap();
    }
    let totals = check.finish().unwrap();
    assert_eq!(totals.supply, genesis.supply().unwrap());
    for validator in &genesis.validators {
        assert!(entries.contains_key(&crate::state_key::StateKey::account(&validator.account)));
    }
}

#[test]
fn a_validator_listed_as_account_keeps_its_balance() {
    let mut genesis = Genesis::local("local", 1, 4);
    let account = genesis.validators[0].account;
    genesis.accounts = vec![GenesisAccount {
        account,
        balance: 77,
    }];
    let entries = genesis.state_entries().unwrap();
    let bytes = &entries[&crate::state_key::StateKey::account(&account)];
    let entry = crate::account::Account::from_bytes(bytes.as_ref().unwrap()).unwrap();
    assert_eq!(entry.balance, 77);
}
