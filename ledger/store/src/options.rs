//! How RocksDB is set up, and why.

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DBRecoveryMode,
    DataBlockIndexType, LogLevel, Options,
};
use starling_ledger::storage::Column;

const MIB: usize = 1 << 20;

/// The log of writes that are not yet in a table, in bytes: a start reads it all, in under a
/// second. Our choice.
const WAL_BYTES_MAX: u64 = 64 * MIB as u64;

/// RocksDB's own log: files, and bytes of each. Our choice: enough to see what happened last.
const INFO_LOG_FILES_MAX: usize = 3;
const INFO_LOG_BYTES_MAX: usize = MIB;

/// The list of files, in bytes, before it is written anew. Our choice: a start reads it all.
const MANIFEST_BYTES_MAX: usize = 4 * MIB;

/// Bits per key of the filters: one false answer in a hundred (RocksDB wiki, "Bloom Filter").
const FILTER_BITS: f64 = 10.0;

/// Keys for each place in the hash index of a block (RocksDB wiki, "Data Block Hash Index").
const HASHED_KEYS_RATIO: f64 = 0.75;

/// Bytes of the filter of a table in memory, of those of the table: some 24 bits for each page of
/// the state, so that it has hardly any false answer. Our choice; a core's own cache holds it.
const MEMORY_FILTER_RATIO: f64 = 0.005;

/// Tables at the first level of a column from which on writes wait; 36 is RocksDB's default.
const TABLES_WAITING_MAX: i32 = 36;

/// Bytes that wait to be compacted in a column from which on writes wait; RocksDB's default.
const COMPACTION_DEBT_MAX: usize = 256 << 30;

/// What may differ from one node to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOptions {
    /// Blocks of tables kept in memory, in bytes, those of the history with their filters and
    /// indexes. Default 64 MiB,
    /// with which the state was measured (design, "State").
    pub cache_bytes: usize,
    /// All tables in memory together, in bytes. Default 64 MiB: two or three blocks of 10,000
    /// transfers.
    pub memtables_bytes_max: usize,
    /// Files held open. Default 256: a laptop that runs seven nodes has about a thousand each to
    /// give, and sockets need theirs.
    pub open_files_max: i32,
    /// Threads that write tables in the background. Default 2.
    pub background_jobs_max: i32,
    /// Disk space kept back for a clean stop, in bytes. Default 8 MiB.
    pub reserve_bytes: u64,
    /// Bytes of the write-ahead logs from which on tables in memory are written out. Default
    /// 64 MiB. For each log RocksDB takes room for a table from the disk beforehand, up to this.
    pub wal_bytes_max: u64,
}

impl OpenOptions {
    /// For a database that is thrown away: it takes little more of the disk than what is in it.
    pub fn thrown_away() -> Self {
        Self {
            memtables_bytes_max: 8 * MIB,
            reserve_bytes: 0,
            wal_bytes_max: 8 * MIB as u64,
            ..Self::default()
        }
    }
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 64 * MIB,
            memtables_bytes_max: 64 * MIB,
            open_files_max: 256,
            background_jobs_max: 2,
            reserve_bytes: 8 * MIB as u64,
            wal_bytes_max: WAL_BYTES_MAX,
        }
    }
}

/// The settings of the whole database.
pub(crate) fn database(options: &OpenOptions) -> Options {
    let mut database = Options::default();
    database.set_paranoid_checks(true);
    // A record cut off at the very end is a write that never returned. Any other damage is an
    // error: the default mode would start from an older state and say nothing.
    database.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    database.set_track_and_verify_wals_in_manifest(true);
    database.set_max_total_wal_size(options.wal_bytes_max);
    database.set_db_write_buffer_size(options.memtables_bytes_max);
    database.set_max_open_files(options.open_files_max);
    database.set_max_background_jobs(options.background_jobs_max);
    database.set_max_manifest_file_size(MANIFEST_BYTES_MAX);
    database.set_keep_log_file_num(INFO_LOG_FILES_MAX);
    database.set_max_log_file_size(INFO_LOG_BYTES_MAX);
    database.set_log_level(LogLevel::Warn);
    database.set_stats_dump_period_sec(0);
    database.set_stats_persist_period_sec(0);
    // Large tables go to the disk bit by bit and not in one burst that a synced write waits for.
    database.set_bytes_per_sync(MIB as u64);
    database
}

/// All columns with their settings, sharing one cache.
pub(crate) fn columns(options: &OpenOptions) -> Vec<ColumnFamilyDescriptor> {
    let cache = Cache::new_lru_cache(options.cache_bytes);
    let describe =
        |column: Column| ColumnFamilyDescriptor::new(column.name(), family(column, &cache));
    Column::ALL.into_iter().map(describe).collect()
}

/// What a column is used for, which decides its settings.
enum Use {
    /// Read and written at random with every block; small values.
    Hot,
    /// The same, with a tenth of the bytes.
    HotSmall,
    /// Written once, read seldom, kept for long.
    Cold,
}

const fn usage(column: Column) -> Use {
    match column {
        Column::State | Column::Peer | Column::Meta => Use::Hot,
        Column::PageHash => Use::HotSmall,
        Column::Header
        | Column::Body
        | Column::Certificate
        | Column::Validators
        | Column::TransactionIndex
        | Column::AccountHistory => Use::Cold,
    }
}

fn family(column: Column, cache: &Cache) -> Options {
    let mut family = Options::default();
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_bloom_filter(FILTER_BITS, false);
    let (block_bytes, memtable_bytes) = match usage(column) {
        hot @ (Use::Hot | Use::HotSmall) => {
            // Keys and values are mostly hashes. Uncompressed a new account takes 124 bytes in the
            // place of 76, and a block of transfers a tenth less time (docs/performance.md).
            family.set_compression_type(DBCompressionType::None);
            find_quickly(&mut table);
            let memtable_bytes = match hot {
                Use::HotSmall => 16 * MIB,
                _ => {
                    pass_over_memory(&mut family);
                    32 * MIB
                }
            };
            (4 << 10, memtable_bytes)
        }
        Use::Cold => {
            family.set_compression_type(DBCompressionType::Lz4);
            family.set_bottommost_compression_type(DBCompressionType::Zstd);
            // Else the memory of indexes and filters would grow with the history without a bound.
            table.set_cache_index_and_filter_blocks(true);
            table.set_cache_index_and_filter_blocks_with_high_priority(true);
            table.set_pin_l0_filter_and_index_blocks_in_cache(true);
            (16 << 10, 16 * MIB)
        }
    };
    table.set_block_size(block_bytes);
    family.set_block_based_table_factory(&table);
    family.set_write_buffer_size(memtable_bytes);
    // No range in which RocksDB slows writes down: it would refuse them for as long, since the
    // waiting is not left to it (`RocksStorage::commit`).
    family.set_level_zero_slowdown_writes_trigger(TABLES_WAITING_MAX);
    family.set_level_zero_stop_writes_trigger(TABLES_WAITING_MAX);
    family.set_soft_pending_compaction_bytes_limit(COMPACTION_DEBT_MAX);
    family.set_hard_pending_compaction_bytes_limit(COMPACTION_DEBT_MAX);
    family
}

/// For columns whose keys are read one by one. Their indexes and filters stay in memory beside the
/// cache: about 3 bytes for each KiB of the state.
fn find_quickly(table: &mut BlockBasedOptions) {
    table.set_cache_index_and_filter_blocks(false);
    table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    table.set_data_block_hash_ratio(HASHED_KEYS_RATIO);
}

/// For columns of which most keys that are read were written long ago: that the table in memory
/// lacks them is found in its filter, and not by a search in a list, which waits for memory at each
/// of its steps.
fn pass_over_memory(family: &mut Options) {
    family.set_memtable_whole_key_filtering(true);
    family.set_memtable_prefix_bloom_ratio(MEMORY_FILTER_RATIO);
}
