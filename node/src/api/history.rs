//! The answer to `account_history`.

use serde::Serialize;

use super::AccountReply;

/// A page of an account's own transactions, the account proven.
///
/// Folded from `start` with the ledger's rule, the ids give the account's history if the page ends
/// with its newest transaction, and else the `start` of the page that was asked for before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountHistoryReply {
    /// The account, as `account` tells it.
    pub account: AccountReply,
    /// The transactions, ascending by nonce.
    pub transactions: Vec<HistoryEntryReply>,
    /// The account's history before the first of them; left out where this node does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// What to ask for as `before` to read older ones; left out where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_before: Option<u64>,
}

/// One transaction of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryEntryReply {
    /// The account's running number.
    pub nonce: u64,
    /// Its id.
    pub id: String,
    /// The block it is in.
    pub height: u64,
    /// Its place in that block.
    pub index: u32,
}
