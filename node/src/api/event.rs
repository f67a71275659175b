//! What happens, as it is told on `/events`.

use serde::Serialize;

/// `block`: a block is final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlockEvent {
    /// Its height.
    pub height: u64,
    /// Its hash.
    pub hash: String,
    /// Its time.
    pub time_ms: u64,
    /// The root of the state after it.
    pub state_root: String,
    /// Ids of its transactions, in order.
    pub transactions: Vec<String>,
    /// How many validators signed it.
    pub signed: usize,
    /// How many there are.
    pub total: usize,
}

/// `transaction`: a transaction reached a stage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TransactionEvent {
    /// Its id.
    pub id: String,
    /// `accepted`, `gossiped`, `proposed` or `final`; or `left`: it waits at this node no longer,
    /// and no block holds it.
    pub stage: &'static str,
    /// Why it left, as a stable word: `expired`, `replaced`, `evicted`, `nonce_used`, `behind`, or
    /// why it no longer applies, in the words in which `submit` refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Why it left, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The block it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// Its place in that block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// Hash of that block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<String>,
    /// The round the block was proposed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// The account whose turn it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposer: Option<String>,
    /// To how many neighbours it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_to: Option<usize>,
    /// How many neighbours there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neighbours: Option<usize>,
    /// How many validators signed the block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<usize>,
    /// How many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<usize>,
}

/// `halt`: the network stands still for lack of voting power.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HaltEvent {
    /// The last final block.
    pub height: u64,
    /// Since when.
    pub halted_since_ms: u64,
    /// Voting power that is heard, in thousandths.
    pub present_permille: u32,
    /// What is needed, in words.
    pub needed: &'static str,
    /// Who is not heard.
    pub silent: Vec<SilentValidator>,
}

/// A validator that is not heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SilentValidator {
    /// The account whose stake it is.
    pub account: String,
    /// The name it goes by on local networks.
    pub name: Option<String>,
    /// Since when it is silent.
    pub since_ms: Option<u64>,
}

/// `resume`: the network agrees again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResumeEvent {
    /// The last final block.
    pub height: u64,
}

/// `gap`: what lies in between is not told here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GapEvent {
    /// Why, for people.
    pub reason: &'static str,
    /// What to send as `Last-Event-ID` to go on where nothing of the chain is missing.
    pub resume_after: Option<String>,
}
