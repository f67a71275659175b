//! Taking in transactions.

use std::sync::Arc;

use starling_ledger::transaction::{
    RawTransaction, TRANSACTION_BYTES_MAX, Transaction, TransactionId, WireId,
};
use starling_ledger::vote::Height;

use super::reply;
use crate::api::{SubmitReply, unhex};
use crate::core::{Answer, Request};
use crate::http::error::{REJECTED, RpcError};
use crate::http::parameters::Parameters;
use crate::http::site::{Site, unreadable};

/// The refusal of what is no transaction, or is not signed as it has to be.
const INVALID: &str = "invalid";

pub(super) async fn submit(
    site: Arc<Site>,
    mut parameters: Parameters,
) -> Result<String, RpcError> {
    let text = parameters.required("transaction")?;
    if text.len() > 2 * TRANSACTION_BYTES_MAX {
        let message = format!("the transaction is longer than {TRANSACTION_BYTES_MAX} bytes");
        return Err(RpcError::new(REJECTED, "too_large", message));
    }
    let not_hex = || RpcError::parameters("`transaction` is not hex");
    let raw = RawTransaction(unhex(&text).ok_or_else(not_hex)?.into());
    match site.ask(Request::Submit(raw.clone())).await? {
        Answer::Submitted { id, wire_id, known } => {
            let status = if known { "known" } else { "accepted" };
            reply(&told(&site, (id, wire_id), status, None))
        }
        Answer::Refused {
            code: "busy",
            reason,
        } => Err(RpcError::unavailable(reason)),
        Answer::Refused { code, reason } => {
            let refusal = RpcError::new(REJECTED, code, reason);
            if code == INVALID {
                return Err(refusal);
            }
            match raw.decode() {
                Ok(transaction) => here_already(&site, &transaction, refusal).await,
                Err(_) => Err(refusal),
            }
        }
        _ => Err(RpcError::internal("the node answers another question")),
    }
}

/// Tells of a transaction that does not enter because it is here already: it waits under other
/// signatures, or a block holds it. Anything else stays refused.
async fn here_already(
    site: &Arc<Site>,
    transaction: &Transaction,
    refusal: RpcError,
) -> Result<String, RpcError> {
    let id = transaction
        .body
        .id(&site.genesis_hash, &transaction.sender());
    // What leaves the mempool for a block is on disk before, so this order misses nothing.
    let Answer::Pending(waiting) = site.ask(Request::Pending(id)).await? else {
        return Err(RpcError::internal("the node answers another question"));
    };
    if let Some(raw) = waiting {
        return reply(&told(site, (id, raw.wire_id()), "known", None));
    }
    let found = site.read(move |_, reader| reader.transaction(&id).map_err(unreadable));
    match found.await? {
        Some(found) => {
            let (wire_id, height) = (found.raw.wire_id(), found.header.height);
            reply(&told(site, (id, wire_id), "final", Some(height)))
        }
        None => Err(refusal),
    }
}

fn told(
    site: &Site,
    (id, wire_id): (TransactionId, WireId),
    status: &'static str,
    height: Option<Height>,
) -> SubmitReply {
    SubmitReply {
        id: id.to_string(),
        wire_id: wire_id.0.to_string(),
        status,
        height,
        neighbours: site.handle.status().map(|status| status.neighbours),
    }
}
