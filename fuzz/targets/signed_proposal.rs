//! A proposal.
#![no_main]

use starling_ledger::vote::SignedProposal;

starling_fuzz::identity!(SignedProposal, 1024);
