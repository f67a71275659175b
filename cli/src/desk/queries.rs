//! What a desk asks of a node, verified where the genesis is known.

use serde_json::json;
use starling_ledger::address::AccountId;
use starling_ledger::genesis::Parameters;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{Ed25519, PublicKey};
use starling_ledger::light::Past;
use starling_ledger::transaction::{TransactionId, VerifiedTransaction};

use crate::context::Node;
use crate::draft::Signed;
use crate::error::{CliError, ExitContext as _, Outcome, PROTOCOL};
use crate::exit::Exit;
use crate::network::Network;
use crate::rpc::{self, reply};
use crate::verify::{Verifier, until_caught_up};

/// Asks for a record, and verifies the answer where the genesis is known.
///
/// # Errors
/// Those of the call, and [`Exit::Verification`].
pub(crate) fn record(
    node: &Node,
    network: &Network,
    (sender, digest): (&AccountId, &Hash),
) -> Outcome<reply::Record> {
    let address = sender.to_address(network.kind);
    let parameters = json!({"address": address, "digest": digest.to_string()});
    until_caught_up(node, || {
        let told: reply::Record = node.rpc.typed("record", &parameters)?;
        if let Some(genesis) = &network.genesis {
            Verifier::new(node, genesis)?.record(sender, digest, &told)?;
        }
        Ok(told)
    })
}

/// Asks for a stake, and verifies the answer where the genesis is known.
///
/// # Errors
/// Those of the call, and [`Exit::Verification`].
pub(crate) fn stake(node: &Node, network: &Network, account: &AccountId) -> Outcome<reply::Stake> {
    let address = account.to_address(network.kind);
    until_caught_up(node, || {
        let told: reply::Stake = node.rpc.typed("stake", &json!({"address": address}))?;
        if let Some(genesis) = &network.genesis {
            Verifier::new(node, genesis)?.stake(account, &told)?;
        }
        Ok(told)
    })
}

/// Asks whose a consensus key is, and verifies the answer where the genesis is known.
///
/// # Errors
/// Those of the call, and [`Exit::Verification`].
pub(crate) fn consensus_key(
    node: &Node,
    network: &Network,
    key: &PublicKey,
) -> Outcome<reply::ConsensusKey> {
    let parameters = json!({"key": key.to_string()});
    until_caught_up(node, || {
        let told: reply::ConsensusKey = node.rpc.typed("consensus_key", &parameters)?;
        if let Some(genesis) = &network.genesis {
            Verifier::new(node, genesis)?.consensus_key(key, &told)?;
        }
        Ok(told)
    })
}

/// Returns the hash of an account's authority; of one that the ledger does not know, its own id.
///
/// # Errors
/// [`Exit::Failure`] if the node tells something else.
pub(crate) fn current_authority(account: &AccountId, told: &reply::Account) -> Outcome<Hash> {
    match &told.authority {
        None => Ok(Hash(account.0)),
        Some(text) => text.parse().map_err(|_| {
            let message = "the node's answer to `account` is not understood: authority";
            CliError::new(Exit::Failure, message).code(PROTOCOL)
        }),
    }
}

/// Returns the network's rules: of the genesis here, or of the one the node shows for its hash.
pub(crate) fn rules(node: &Node, network: &Network) -> Outcome<Parameters> {
    match &network.genesis {
        Some(genesis) => Ok(genesis.parameters),
        None => Ok(rpc::genesis(&node.rpc, &network.genesis_hash)?.parameters),
    }
}

/// Asks what became of a transaction by its sender's history, and verifies the answer where the
/// genesis is known; `None` if the node cannot tell.
///
/// # Errors
/// Those of the call that another node may answer, and [`Exit::Verification`].
pub(crate) fn past(
    node: &Node,
    network: &Network,
    transaction: &VerifiedTransaction,
) -> Outcome<Option<(Past, reply::History)>> {
    let (sender, body) = (transaction.sender(), transaction.body());
    let address = sender.to_address(network.kind);
    let call = json!({"address": address, "nonce": body.nonce});
    until_caught_up(node, || {
        let told: reply::History = match node.rpc.typed("history", &call) {
            Err(error) if !error.may_pass() => return Ok(None),
            told => told?,
        };
        let past = match &network.genesis {
            Some(genesis) => Verifier::new(node, genesis)?.history(transaction, &told)?,
            None => match told.ids.first() {
                Some(id) if *id == transaction.id().to_string() => Past::Happened,
                Some(id) => Past::Replaced {
                    by: TransactionId(id.parse().map_err(|_| {
                        let message = "the node's answer to `history` is not understood: ids";
                        CliError::new(Exit::Failure, message).code(PROTOCOL)
                    })?),
                },
                None if node.rpc.status()?.head_time_ms >= body.expires_at_ms => {
                    Past::Expired { next: body.nonce }
                }
                None => Past::Open { next: body.nonce },
            },
        };
        Ok(Some((past, told)))
    })
}

/// The same of bytes that were signed here.
///
/// # Errors
/// The same, and [`Exit::Corrupt`] if they are not signed for this network.
pub(crate) fn past_of(node: &Node, network: &Network, signed: &Signed) -> Outcome<Option<Past>> {
    let transaction = signed.raw.verify(&Ed25519, &network.genesis_hash);
    let transaction = transaction.exit(Exit::Corrupt)?;
    Ok(past(node, network, &transaction)?.map(|(past, _)| past))
}
