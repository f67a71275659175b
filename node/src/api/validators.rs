//! The answer to `validators`: who signs a height, and who would sign the next epoch.

use serde::Serialize;
use starling_ledger::address::AccountId;
use starling_ledger::genesis::Parameters;
use starling_ledger::validators::{Validator, ValidatorSet};

use super::{Names, permille};

/// The answer to `validators`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ValidatorsReply {
    /// The height they sign.
    pub height: u64,
    /// The epoch of that height, from 0.
    pub epoch: u64,
    /// The first height of the epoch.
    pub epoch_first: u64,
    /// The last height of the epoch: its block names the validators of the next.
    pub epoch_last: u64,
    /// Hash of the set, which headers name.
    pub hash: String,
    /// Voting power of all.
    pub total_power: u64,
    /// The same, as text.
    pub total_power_text: String,
    /// The members, ascending by account.
    pub validators: Vec<ValidatorReply>,
    /// What comes, as it stands after the last block; only where no past height was asked for.
    pub outlook: Option<OutlookReply>,
}

/// One member of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ValidatorReply {
    /// The account whose stake it is.
    pub account: String,
    /// The name it goes by on local networks.
    pub name: Option<String>,
    /// The key that signs votes.
    pub key: String,
    /// Voting power.
    pub power: u64,
    /// The same, as text.
    pub power_text: String,
    /// Voting power in thousandths of all.
    pub permille: u32,
}

/// Who would sign if the epoch ended now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutlookReply {
    /// The members, ascending by account.
    pub validators: Vec<ValidatorReply>,
    /// Accounts of the current validators, and of those of the last block, that sit out from the
    /// next epoch on, for absence or an offence.
    pub sitting_out: Vec<String>,
}

/// Who would sign the next epoch, as read from the state.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// The members.
    pub chosen: Vec<Validator>,
    /// Members of the current sets that sit out.
    pub sitting_out: Vec<AccountId>,
}

impl ValidatorsReply {
    /// Describes the set that signs the block at `height`.
    pub fn new(
        (height, parameters): (u64, &Parameters),
        set: &ValidatorSet,
        outlook: Option<&Outlook>,
        names: &Names,
    ) -> Self {
        let epoch = parameters.epoch(height);
        Self {
            height,
            epoch,
            epoch_first: parameters.epoch_first(epoch),
            epoch_last: parameters.epoch_last(epoch),
            hash: set.hash().to_string(),
            total_power: set.total_power(),
            total_power_text: set.total_power().to_string(),
            validators: replies(set.members(), names),
            outlook: outlook.map(|outlook| OutlookReply::new(outlook, names)),
        }
    }
}

impl OutlookReply {
    fn new(outlook: &Outlook, names: &Names) -> Self {
        let sitting_out = outlook.sitting_out.iter();
        Self {
            validators: replies(&outlook.chosen, names),
            sitting_out: sitting_out.map(|id| names.address(*id)).collect(),
        }
    }
}

fn replies(members: &[Validator], names: &Names) -> Vec<ValidatorReply> {
    let total = members.iter().map(|member| member.power).sum();
    let reply = |member: &Validator| ValidatorReply {
        account: names.address(member.account),
        name: names.validator(&member.account),
        key: member.key.to_string(),
        power: member.power,
        power_text: member.power.to_string(),
        permille: permille(member.power, total),
    };
    members.iter().map(reply).collect()
}
