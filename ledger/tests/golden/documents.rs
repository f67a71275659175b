//! The birth document of a network.

use starling_ledger::address::NetworkKind;
use starling_ledger::genesis::{Genesis, GenesisAccount, GenesisValidator, Parameters};

use super::{SMALL_BYTES_MAX, Sample, account, key, sample};

pub(super) fn samples() -> Vec<Sample> {
    const FILE: &str = "genesis.txt";
    let local = Genesis::from_toml(include_str!("../../../genesis/local.toml")).unwrap();
    vec![
        sample::<_, SMALL_BYTES_MAX>(FILE, "genesis", &genesis()),
        sample::<_, SMALL_BYTES_MAX>(FILE, "genesis_hash", &genesis().hash()),
        sample::<_, SMALL_BYTES_MAX>(FILE, "local_genesis", &local),
        sample::<_, SMALL_BYTES_MAX>(FILE, "local_genesis_hash", &local.hash()),
    ]
}

fn genesis() -> Genesis {
    Genesis {
        name: "golden".to_owned(),
        kind: NetworkKind::Local,
        time_ms: 1_767_225_600_000,
        symbol: "STAR".to_owned(),
        decimals: 6,
        parameters: Parameters {
            fee_base: 100,
            fee_per_byte: 1,
            entry_fee: 1_000,
            block_bytes_max: 2_097_152,
            block_transactions_max: 10_000,
            idle_block_ms: 10_000,
            min_block_ms: 100,
            propose_timeout_ms: 400,
            vote_timeout_ms: 200,
            timeout_step_ms: 100,
            validators_max: 100,
            epoch_blocks: 1_000,
            bond_min: 1_000_000,
            unbonding_ms: 1_209_600_000,
            evidence_age_ms: 1_209_600_000,
            trust_period_ms: 604_800_000,
            slash_equivocation_permille: 50,
        },
        accounts: vec![GenesisAccount {
            account: account("alice"),
            balance: 5_000_000,
        }],
        validators: vec![GenesisValidator {
            account: account("bob"),
            consensus_key: key("bob"),
            stake: 1_000_000,
        }],
    }
}
