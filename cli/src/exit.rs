//! Exit codes: the one table that scripts may rely on.
//!
//! Codes from 65 on follow `sysexits.h` where it has a word for the case.

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All went well.
    Ok,
    /// Something failed that has no code of its own.
    Failure,
    /// The command line is wrong.
    Usage,
    /// No node answered.
    Unreachable,
    /// The node refused the transaction, or the ledger can never take it.
    Rejected,
    /// Not final in the given time; it may still become so.
    NotFinal,
    /// The network stands still.
    Halted,
    /// Another network than expected, or a folder of another one.
    WrongNetwork,
    /// A key is missing, unreadable or not allowed here.
    Key,
    /// A node answered with something that its proof does not bear out.
    Verification,
    /// Stored data is damaged.
    Corrupt,
    /// A port is taken.
    PortInUse,
    /// This node and the network disagree about a result.
    Divergence,
    /// The disk is full.
    DiskFull,
    /// Reading or writing failed.
    Io,
    /// Another process uses the folder.
    Locked,
    /// The sign guard forbids to sign.
    SignGuard,
    /// A config or genesis file is wrong.
    Config,
    /// Ctrl-C.
    Interrupted,
}

/// All ways to end, with the number, the word used in `--json`, and the meaning shown in `--help`.
pub(crate) const TABLE: [(Exit, u8, &str, &str); 19] = [
    (Exit::Ok, 0, "ok", "all went well"),
    (Exit::Failure, 1, "failure", "failed"),
    (Exit::Usage, 2, "usage", "wrong command line"),
    (Exit::Unreachable, 3, "unreachable", "node not reachable"),
    (Exit::Rejected, 4, "rejected", "transaction rejected"),
    (Exit::NotFinal, 5, "not_final", "not final in time"),
    (Exit::Halted, 6, "halted", "network halted"),
    (Exit::WrongNetwork, 7, "wrong_network", "another network"),
    (Exit::Key, 8, "key", "key or authorization"),
    (Exit::Verification, 9, "verification", "a node lied"),
    (Exit::Corrupt, 65, "corrupt", "corrupt data"),
    (Exit::PortInUse, 69, "port_in_use", "port in use"),
    (Exit::Divergence, 70, "divergence", "divergence"),
    (Exit::DiskFull, 73, "disk_full", "disk full"),
    (Exit::Io, 74, "io", "I/O error"),
    (Exit::Locked, 75, "locked", "folder locked"),
    (Exit::SignGuard, 77, "sign_guard", "sign guard"),
    (Exit::Config, 78, "config", "config or genesis"),
    (Exit::Interrupted, 130, "interrupted", "Ctrl-C"),
];

impl Exit {
    fn row(self) -> (Exit, u8, &'static str, &'static str) {
        *TABLE
            .iter()
            .find(|row| row.0 == self)
            .expect("the table has a row for each variant, as a test shows")
    }

    /// Returns the number the process ends with.
    pub(crate) fn number(self) -> u8 {
        self.row().1
    }

    /// Returns the word that stands in `error.code` where nothing more precise is known.
    pub(crate) fn word(self) -> &'static str {
        self.row().2
    }
}

/// Returns the table as the paragraph that ends the help text.
pub(crate) fn help() -> String {
    let rows: Vec<_> = TABLE
        .iter()
        .map(|(_, number, _, meaning)| format!("{number} {meaning}"))
        .collect();
    format!("Exit codes: {}", rows.join(" · "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_documented_ones_in_order() {
        let numbers: Vec<_> = TABLE.iter().map(|row| row.0.number()).collect();
        let documented = [
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 65, 69, 70, 73, 74, 75, 77, 78, 130,
        ];
        assert_eq!(numbers, documented);
    }

    #[test]
    fn words_are_distinct() {
        let mut words: Vec<_> = TABLE.iter().map(|row| row.2).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), TABLE.len());
    }
}
