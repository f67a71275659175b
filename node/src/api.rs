//! What a node answers over HTTP: the shapes of replies and events, as serde structs.
//!
//! Hashes, keys and encodings are lower-case hex; accounts are bech32m addresses; amounts are base
//! units and named `…_base`; times are milliseconds and named `…_ms`. No number is a fraction.
//!
//! Amounts and voting powers may exceed 2^53, above which readers in which every number is a float
//! (JavaScript, jq 1.6) round. So beside each stands the same number as text, named `…_text`:
//! `balance_base` and `balance_base_text`, `power` and `power_text`.

mod chain;
mod conflict;
mod duty;
mod event;
mod evidence;
mod hex;
mod history;
mod light;
mod memory;
mod peers;
mod stake;
mod state;
mod status;
mod validators;

pub use crate::names::Names;
pub use crate::share::{NEEDED, permille};
pub use chain::{
    BlockReply, BlockSummary, BlocksReply, GenesisReply, SubmitReply, TransactionReply,
};
pub use conflict::ConflictReply;
pub use duty::DutyReply;
pub use event::{BlockEvent, GapEvent, HaltEvent, ResumeEvent, SilentValidator, TransactionEvent};
pub use evidence::{EvidencePiece, EvidenceReply};
pub use hex::{hex, unhex};
pub use history::{AccountHistoryReply, HistoryEntryReply};
pub use light::{
    HistoryReply, LightHeaderReply, LightHeadersReply, LightStepsReply, LightValidatorsReply,
};
pub use memory::MemoryReply;
pub use peers::{FailedPeerReply, FailedPeersReply, PeerReply, PeersReply};
pub use stake::{CandidateReply, CandidatesReply, ConsensusKeyReply, ReleaseReply, StakeReply};
pub use state::{AccountReply, ProofReply, RecordReply};
pub use status::{
    ConsensusReply, MempoolReply, NodeReply, StateReply, StatusReply, Surroundings, ValidatorStatus,
};
pub use validators::{Outlook, OutlookReply, ValidatorReply, ValidatorsReply};

#[cfg(test)]
mod tests {
    use starling_ledger::genesis::Genesis;
    use starling_ledger::staking::Release;

    use super::*;

    #[test]
    fn shares_of_the_largest_powers_do_not_overflow() {
        assert_eq!(permille(u64::MAX, u64::MAX), 1000);
        assert_eq!(permille(2, 3), 666);
        assert_eq!(permille(0, 0), 0);
    }

    /// JavaScript reads the number beside it as 9007199254740992.
    #[test]
    fn amounts_that_no_float_holds_are_exact_as_text() {
        let release = Release {
            amount: (1 << 53) + 1,
            epoch: 0,
        };
        let rules = Genesis::local("local", 0, 4).parameters;
        let told = serde_json::to_value(ReleaseReply::new(&release, &rules, None)).unwrap();
        assert_eq!(told["amount_base"], 9_007_199_254_740_993_u64);
        assert_eq!(told["amount_base_text"], "9007199254740993");
    }
}
