//! The method `validators`.

use std::sync::Arc;

use starling_ledger::chain::ChainReader;
use starling_ledger::execution::Tip;
use starling_ledger::staking::{Candidates, Stake, StakeStatus};
use starling_ledger::state_key::StateKey;
use starling_ledger::validators::Validator;

use super::chain::header;
use super::reply;
use crate::api::{Outlook, ValidatorsReply};
use crate::http::error::RpcError;
use crate::http::parameters::Parameters;
use crate::http::replay::set_of;
use crate::http::site::{Site, unreadable};

pub(super) async fn validators(
    site: Arc<Site>,
    mut parameters: Parameters,
) -> Result<String, RpcError> {
    let asked = parameters.height("height")?;
    let tip = site.tip().await?;
    let next = tip.height.saturating_add(1);
    let height = asked.unwrap_or(next);
    if height == 0 || height > next {
        let message = format!("the validators of block {height} are not known; the next is {next}");
        return Err(RpcError::not_found(message));
    }
    let work = move |site: &Site, reader: &ChainReader| {
        let place = (height, &site.genesis.parameters);
        if height == next {
            let outlook = outlook(&tip)?;
            let set = &tip.validators;
            return reply(&ValidatorsReply::new(
                place,
                set,
                Some(&outlook),
                &site.names,
            ));
        }
        let header = header(reader, height)?;
        let set = set_of(reader, &header.validators_hash)?;
        reply(&ValidatorsReply::new(place, &set, None, &site.names))
    };
    site.read(work).await
}

/// Reads who would be chosen if the epoch ended now, and which members sit out.
fn outlook(tip: &Tip) -> Result<Outlook, RpcError> {
    let stake = |account| {
        let bytes = tip
            .state
            .get(&StateKey::stake(&account))
            .map_err(unreadable)?;
        let stake = bytes.map(|bytes| Stake::from_bytes(&bytes)).transpose();
        stake.map_err(unreadable)
    };
    let bytes = tip
        .state
        .get(&StateKey::Candidates.to_bytes())
        .map_err(unreadable)?;
    let bytes = bytes.ok_or_else(|| unreadable("the state holds no candidates"))?;
    let candidates = Candidates::from_bytes(&bytes).map_err(unreadable)?;
    let most = usize::try_from(tip.genesis.parameters.validators_max).unwrap_or(usize::MAX);
    let mut chosen = Vec::new();
    for (power, account) in candidates.iter().take(most) {
        let stake = stake(account)?;
        let stake = stake.ok_or_else(|| unreadable("a candidate has no stake"))?;
        chosen.push(Validator {
            account,
            key: stake.consensus_key,
            power,
        });
    }
    chosen.sort_unstable();
    let members = tip.validators.members().iter();
    let members = members.chain(tip.signed_by.members());
    let mut accounts: Vec<_> = members.map(|member| member.account).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let mut sitting_out = Vec::new();
    for account in accounts {
        if stake(account)?.is_some_and(|stake| stake.status == StakeStatus::SittingOut) {
            sitting_out.push(account);
        }
    }
    Ok(Outlook {
        chosen,
        sitting_out,
    })
}
