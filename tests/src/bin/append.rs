//! Appends blocks to a ledger, and says of each that it is on the disk: for tests that kill it.
//!
//! `append FOLDER HEIGHT TRANSFERS` goes on up to the height. Tables are small, so that writing,
//! joining and removing them is part of what is interrupted.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use starling_store::{OpenOptions, RocksStorage};
use starling_tests::ledger_maker::LedgerMaker;

/// Appends blocks to a ledger, each on the disk before the next.
#[derive(Parser)]
struct Args {
    /// The folder of the ledger.
    folder: PathBuf,
    /// The last block.
    height: u64,
    /// Transfers of each block.
    transfers: u64,
    /// Write many blocks at a time, and say nothing of each.
    #[arg(long)]
    together: bool,
}

fn main() {
    let args = Args::parse();
    let options = OpenOptions {
        memtables_bytes_max: 128 << 10,
        reserve_bytes: 64 << 10,
        ..OpenOptions::default()
    };
    let storage = RocksStorage::open(&args.folder, &options).unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(65);
    });
    let mut maker = LedgerMaker::new(Arc::new(storage), args.transfers);
    if args.together {
        maker.extend(args.height);
    }
    while maker.head().0 < args.height {
        maker.append();
        let (height, hash) = maker.head();
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{height} {hash}")
            .and_then(|()| stdout.flush())
            .expect("somebody listens");
    }
}
