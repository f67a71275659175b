//! The one registry of methods, which `POST /rpc`, `GET /rpc/<method>` and `/openrpc.json` go by.

mod chain;
mod evidence;
mod history;
mod light;
mod node;
mod stake;
mod state;
mod submit;
mod validators;

use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;

use super::error::RpcError;
use super::parameters::{Kind, Parameter, Parameters};
use super::site::Site;

/// Most blocks of one answer.
pub(super) const RANGE_MAX: u64 = 100;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// For a block: the longest is 2 MiB, twice that in hex, and once more as JSON.
const BLOCK_BYTES: usize = 10 * MIB;
/// For a birth document. Our choice: that of a thousand accounts takes a tenth of it.
const GENESIS_BYTES: usize = 4 * MIB;

/// A result on its way: JSON as text.
pub(super) type Outcome = Pin<Box<dyn Future<Output = Result<String, RpcError>> + Send>>;

/// One method.
pub(super) struct Method {
    /// Its name.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) about: &'static str,
    /// What it takes.
    pub(super) parameters: &'static [Parameter],
    /// Whether it only reads, and so may be called by `GET`.
    pub(super) reads: bool,
    /// Memory that its answer is made in, in bytes; 0 where answers are short.
    pub(super) bytes_max: usize,
    /// Calls it.
    pub(super) call: fn(Arc<Site>, Parameters) -> Outcome,
}

const fn optional(name: &'static str, kind: Kind, about: &'static str) -> Parameter {
    Parameter {
        name,
        kind,
        required: false,
        about,
    }
}

const fn required(name: &'static str, about: &'static str) -> Parameter {
    Parameter {
        name,
        kind: Kind::Text,
        required: true,
        about,
    }
}

/// All methods.
pub(super) const METHODS: &[Method] = &[
    Method {
        name: "status",
        about: "How the node and its network are.",
        parameters: &[],
        reads: true,
        bytes_max: 0,
        call: |site, _| Box::pin(node::status(site)),
    },
    Method {
        name: "submit",
        about: "Takes in a signed transaction, unless it waits or is final, and sends it on.",
        parameters: &[required("transaction", "The transaction's encoding, hex.")],
        reads: false,
        bytes_max: 0,
        call: |site, parameters| Box::pin(submit::submit(site, parameters)),
    },
    Method {
        name: "transaction",
        about: "A transaction: final with its proof, pending, or unknown.",
        parameters: &[required("id", "The transaction's id, hex.")],
        reads: true,
        bytes_max: 256 * KIB,
        call: |site, parameters| Box::pin(chain::transaction(site, parameters)),
    },
    Method {
        name: "account",
        about: "An account after the last block, with the proof of what is told.",
        parameters: &[required("address", "The account's address.")],
        reads: true,
        bytes_max: 0,
        call: |site, parameters| Box::pin(state::account(site, parameters)),
    },
    Method {
        name: "account_history",
        about: "An account's own transactions, the newest page first, proven by the account.",
        parameters: &[
            required("address", "The account's address."),
            optional(
                "before",
                Kind::Integer,
                "Only those with a nonce below; by default the newest are told.",
            ),
            optional(
                "limit",
                Kind::Integer,
                "How many, at most 100; 20 by default.",
            ),
        ],
        reads: true,
        bytes_max: 4 * MIB,
        call: |site, parameters| Box::pin(history::account_history(site, parameters)),
    },
    Method {
        name: "record",
        about: "A record of an account, or the proof that there is none.",
        parameters: &[
            required("address", "The address of the account that made it."),
            required("digest", "The digest that was notarized, hex."),
        ],
        reads: true,
        bytes_max: 0,
        call: |site, parameters| Box::pin(state::record(site, parameters)),
    },
    Method {
        name: "block",
        about: "A final block with its certificate.",
        parameters: &[
            optional("height", Kind::Height, "Its height, or `latest`."),
            optional("hash", Kind::Text, "Its hash, hex, instead of a height."),
        ],
        reads: true,
        bytes_max: BLOCK_BYTES,
        call: |site, parameters| Box::pin(chain::block(site, parameters)),
    },
    Method {
        name: "blocks",
        about: "What the headers of several blocks say.",
        parameters: &[
            optional(
                "from",
                Kind::Height,
                "Height of the first; by default the last ones are told.",
            ),
            optional(
                "count",
                Kind::Integer,
                "How many, at most 100; 20 by default.",
            ),
        ],
        reads: true,
        bytes_max: 256 * KIB,
        call: |site, parameters| Box::pin(chain::blocks(site, parameters)),
    },
    Method {
        name: "validators",
        about: "The validators that sign a block; for the next one, who would follow them.",
        parameters: &[optional(
            "height",
            Kind::Height,
            "Which block; by default the next.",
        )],
        reads: true,
        bytes_max: MIB,
        call: |site, parameters| Box::pin(validators::validators(site, parameters)),
    },
    Method {
        name: "evidence",
        about: "Evidence of double signatures that final blocks hold.",
        parameters: &[
            optional(
                "from",
                Kind::Height,
                "Height of the first block looked at; by default the last ones are.",
            ),
            optional(
                "count",
                Kind::Integer,
                "How many blocks, at most 1000, which is the default.",
            ),
        ],
        reads: true,
        bytes_max: MIB,
        call: |site, parameters| Box::pin(evidence::evidence(site, parameters)),
    },
    Method {
        name: "light_steps",
        about: "Certified headers that lead along the validators, as far as one answer goes.",
        parameters: &[
            optional(
                "from",
                Kind::Integer,
                "The height that the client trusts; by default the genesis, 0.",
            ),
            optional(
                "to",
                Kind::Height,
                "The height it wants to reach, or `latest`.",
            ),
        ],
        reads: true,
        bytes_max: 2 * MIB,
        call: |site, parameters| Box::pin(light::steps(site, parameters)),
    },
    Method {
        name: "light_header",
        about: "A header with its certificate and the validators that sign the next block.",
        parameters: &[optional("height", Kind::Height, "Its height, or `latest`.")],
        reads: true,
        bytes_max: MIB,
        call: |site, parameters| Box::pin(light::one_header(site, parameters)),
    },
    Method {
        name: "light_validators",
        about: "A set of validators that signs or signed blocks.",
        parameters: &[required(
            "hash",
            "The hash of the set, as headers name it, hex.",
        )],
        reads: true,
        bytes_max: 512 * KIB,
        call: |site, parameters| Box::pin(light::validators(site, parameters)),
    },
    Method {
        name: "light_headers",
        about: "Headers downwards, each the parent of the one before.",
        parameters: &[
            optional("from", Kind::Height, "Height of the first, or `latest`."),
            optional(
                "count",
                Kind::Integer,
                "How many, at most 1000, which is the default.",
            ),
        ],
        reads: true,
        bytes_max: 1536 * KIB,
        call: |site, parameters| Box::pin(light::headers(site, parameters)),
    },
    Method {
        name: "history",
        about: "The ids of an account's transactions from a nonce on, with what proves them.",
        parameters: &[
            required("address", "The account's address."),
            Parameter {
                name: "nonce",
                kind: Kind::Integer,
                required: true,
                about: "The nonce of the first.",
            },
        ],
        reads: true,
        bytes_max: 3 * MIB,
        call: |site, parameters| Box::pin(light::history(site, parameters)),
    },
    Method {
        name: "stake",
        about: "The stake of an account, with the proof of what is told.",
        parameters: &[required("address", "The account's address.")],
        reads: true,
        bytes_max: 0,
        call: |site, parameters| Box::pin(stake::stake(site, parameters)),
    },
    Method {
        name: "candidates",
        about: "Who may be chosen at the end of the epoch, the most stake first.",
        parameters: &[],
        reads: true,
        bytes_max: 256 * KIB,
        call: |site, _| Box::pin(stake::candidates(site)),
    },
    Method {
        name: "consensus_key",
        about: "Whose a consensus key is, with the proof of what is told.",
        parameters: &[required("key", "The public key, hex.")],
        reads: true,
        bytes_max: 0,
        call: |site, parameters| Box::pin(stake::consensus_key(site, parameters)),
    },
    Method {
        name: "peers",
        about: "The neighbours.",
        parameters: &[],
        reads: true,
        bytes_max: 0,
        call: |site, _| Box::pin(node::peers(site)),
    },
    Method {
        name: "peers_failed",
        about: "What was tried to get neighbours and led to nothing, and why.",
        parameters: &[],
        reads: true,
        bytes_max: 512 * KIB,
        call: |site, _| Box::pin(node::peers_failed(site)),
    },
    Method {
        name: "mempool",
        about: "How much waits to be put in a block.",
        parameters: &[],
        reads: true,
        bytes_max: 0,
        call: |site, _| Box::pin(node::mempool(site)),
    },
    Method {
        name: "genesis",
        about: "The birth document of the network.",
        parameters: &[],
        reads: true,
        bytes_max: GENESIS_BYTES,
        call: |site, _| Box::pin(node::genesis(site)),
    },
];

/// Finds a method.
///
/// # Errors
/// There is none of this name.
pub(super) fn find(name: &str) -> Result<&'static Method, RpcError> {
    let found = METHODS.iter().find(|method| method.name == name);
    found.ok_or_else(|| {
        let known: Vec<_> = METHODS.iter().map(|method| method.name).collect();
        let shown: String = name.chars().take(40).collect();
        let message = format!("no method `{shown}`; known: {}", known.join(", "));
        RpcError::new(super::error::METHOD, "method", message)
    })
}

/// Writes a reply as JSON.
fn reply(value: &impl Serialize) -> Result<String, RpcError> {
    serde_json::to_string(value).map_err(RpcError::internal)
}
