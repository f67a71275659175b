//! Taking in transactions.

use std::sync::Arc;

use starling_ledger::transaction::{RawTransaction, TRANSACTION_BYTES_MAX};

use super::reply;
use crate::api::{SubmitReply, unhex};
use crate::core::{Answer, Request};
use crate::http::error::{REJECTED, RpcError};
use crate::http::parameters::Parameters;
use crate::http::site::Site;

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
    match site.ask(Request::Submit(raw)).await? {
        Answer::Submitted { id, wire_id, known } => reply(&SubmitReply {
            id: id.to_string(),
            wire_id: wire_id.0.to_string(),
            status: if known { "known" } else { "accepted" },
            neighbours: site.handle.status().map(|status| status.neighbours),
        }),
        Answer::Refused {
            code: "busy",
            reason,
        } => Err(RpcError::unavailable(reason)),
        Answer::Refused { code, reason } => Err(RpcError::new(REJECTED, code, reason)),
        _ => Err(RpcError::internal("the node answers another question")),
    }
}
