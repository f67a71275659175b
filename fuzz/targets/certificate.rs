//! The precommits that make a block final.
#![no_main]

use starling_ledger::certificate::CommitCertificate;

starling_fuzz::identity!(CommitCertificate, 128 * 1024);
