//! The method that reads an account's own transactions.

use std::sync::Arc;

use starling_ledger::account::Account;
use starling_ledger::chain::{ChainReader, HISTORY_PAGE_MAX, HistoryIndex, HistoryPage};
use starling_ledger::state_key::StateKey;

use super::reply;
use super::state::{address, entry};
use crate::api::{AccountHistoryReply, AccountReply, HistoryEntryReply};
use crate::http::error::RpcError;
use crate::http::parameters::Parameters;
use crate::http::site::{Site, unreadable};

/// How many transactions are told if nobody says.
const LIMIT_DEFAULT: u64 = 20;

pub(super) async fn account_history(
    site: Arc<Site>,
    mut parameters: Parameters,
) -> Result<String, RpcError> {
    let (address, id) = address(&site, &mut parameters)?;
    let before = parameters.integer("before")?;
    let limit = parameters.integer("limit")?.unwrap_or(LIMIT_DEFAULT);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if !(1..=HISTORY_PAGE_MAX).contains(&limit) {
        let message = format!("`limit` is {limit}, expected 1 to {HISTORY_PAGE_MAX}");
        return Err(RpcError::parameters(message));
    }
    let tip = site.tip().await?;
    let work = move |_: &Site, reader: &ChainReader| {
        expect_index(reader)?;
        let key = StateKey::account(&id);
        let (account, proof) = entry(&tip, reader, &key, Account::from_bytes)?;
        let nonce = account.map_or(0, |account| account.nonce);
        // What came after the state that is proven is left for the next question.
        let before = before.map_or(nonce, |before| before.min(nonce));
        let page = reader.history_page(&id, Some(before), limit);
        let page = page.map_err(unreadable)?;
        reply(&AccountHistoryReply {
            transactions: places(reader, &page)?,
            start: page.start.map(|start| start.to_string()),
            next_before: page
                .entries
                .first()
                .map(|first| first.nonce)
                .filter(|first| *first > 0),
            account: AccountReply::new(address, account, nonce, proof),
        })
    };
    site.read(work).await
}

fn expect_index(reader: &ChainReader) -> Result<(), RpcError> {
    match reader.history_index().map_err(unreadable)? {
        HistoryIndex::Complete => Ok(()),
        _ => {
            let message = "this node keeps no index of histories; ask one that does, or run it \
                           with history_index = true";
            Err(RpcError::new(
                crate::http::error::PARAMETERS,
                "no_index",
                message,
            ))
        }
    }
}

fn places(reader: &ChainReader, page: &HistoryPage) -> Result<Vec<HistoryEntryReply>, RpcError> {
    let place = |entry: &starling_ledger::chain::HistoryEntry| {
        let place = reader.place(&entry.id).map_err(unreadable)?;
        let missing = || unreadable("an indexed transaction is in no block");
        let (height, index) = place.ok_or_else(missing)?;
        Ok(HistoryEntryReply {
            nonce: entry.nonce,
            id: entry.id.to_string(),
            height,
            index,
        })
    };
    page.entries.iter().map(place).collect()
}
