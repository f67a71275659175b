//! Where transactions are made: nonce, fee and signatures for what the user wants.
//!
//! Whatever decides a fee or a signature is asked for with its proof: whether a receiver or a
//! record is new, which nonce is due, whose authority an account has.

use std::collections::BTreeSet;

use serde_json::json;
use starling_ledger::address::AccountId;
use starling_ledger::genesis::{Genesis, Parameters};
use starling_ledger::hash::Hash;
use starling_ledger::keys::PublicKey;
use starling_ledger::transaction::Action;

use crate::command::account::{Holding, ask, check};
use crate::context::{Context, Node};
use crate::draft::{Draft, Signed, check_memo};
use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;
use crate::journal::{Intent, Journal, Meaning};
use crate::names::Names;
use crate::network::Network;
use crate::rpc::reply;
use crate::signers::{self, Said};
use crate::terms::Terms;
use crate::testnet::birth::now_ms;
use crate::verify::{Verifier, until_caught_up};
use crate::{duration, folders, rpc};

/// A node, its network, and what the user said about the transaction.
pub(crate) struct Desk<'args> {
    /// The flags and the output.
    pub(crate) context: &'args Context,
    /// What the user said.
    pub(crate) terms: &'args Terms,
    /// The node.
    pub(crate) node: Node,
    /// Its network.
    pub(crate) network: Network,
    /// Names usable on it.
    pub(crate) names: Names,
}

/// What one transaction is to do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Its actions.
    pub(crate) actions: Vec<Action>,
    /// Its memo.
    pub(crate) memo: String,
}

/// A transaction that is ready to leave.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// What it says.
    pub(crate) draft: Draft,
    /// Its id and bytes.
    pub(crate) signed: Signed,
    /// Whether it was signed before, under the same `--id`.
    pub(crate) is_repeat: bool,
}

/// The sender, and who signs for it.
struct Author {
    held: Holding,
    /// A transaction of it that does nothing, with the nonce that is due.
    draft: Draft,
}

impl<'args> Desk<'args> {
    /// Finds a node and its network.
    ///
    /// # Errors
    /// Those of [`Context::connect`], and a usage error for a memo that is too long.
    pub(crate) fn open(context: &'args Context, terms: &'args Terms) -> Outcome<Self> {
        check_memo("memo", &terms.memo)?;
        let node = context.connect()?;
        let network = context.network(&node, terms.genesis.as_deref())?;
        let names = context.names(&network)?;
        Ok(Self {
            context,
            terms,
            node,
            network,
            names,
        })
    }

    /// Makes and signs one transaction of `from` with these actions and the user's memo.
    ///
    /// # Errors
    /// [`Exit::Key`] if nobody here can sign, [`Exit::Rejected`] for what the ledger refuses for
    /// sure, and those of the calls.
    pub(crate) fn order(&self, from: &str, actions: Vec<Action>) -> Outcome<Order> {
        let memo = self.terms.memo.clone();
        let orders = self.orders(from, vec![Plan { actions, memo }])?;
        let one = orders.into_iter().next();
        one.ok_or_else(|| CliError::new(Exit::Failure, "there is nothing to send"))
    }

    /// Makes and signs transactions of `from` with consecutive nonces; all of them, or none.
    ///
    /// # Errors
    /// Those of [`Desk::order`].
    pub(crate) fn orders(&self, from: &str, plans: Vec<Plan>) -> Outcome<Vec<Order>> {
        let sender = self.sender(from)?;
        let intent = self.intent(&sender, &plans);
        let journal = self.terms.id.as_ref();
        let journal = journal
            .map(|text| Journal::open(&self.context.global, text))
            .transpose()?;
        if let Some(journal) = &journal
            && let Some(signed) = journal.find(&intent)?
        {
            return signed.into_iter().map(repeated).collect();
        }
        let author = self.author(from, &sender)?;
        let keys = signers::keys(&self.names, &author.draft.authority, self.said(from))?;
        let drafts = self.drafts(&author, plans)?;
        let sign = |draft: Draft| {
            let signed = draft.sign(&self.network.genesis_hash, &keys)?;
            let is_repeat = false;
            Ok(Order {
                draft,
                signed,
                is_repeat,
            })
        };
        let orders: Vec<_> = drafts.into_iter().map(sign).collect::<Outcome<_>>()?;
        if orders.len() > 1 {
            affordable(&author.held, &orders, self)?;
        }
        if let Some(journal) = &journal {
            let signed = orders.iter().map(|order| order.signed.clone());
            journal.store(&intent, &signed.collect::<Vec<_>>())?;
        }
        Ok(orders)
    }

    /// Makes a transaction of `from` that others sign.
    ///
    /// # Errors
    /// Those of [`Desk::order`], but for missing keys.
    pub(crate) fn draft(&self, from: &str, plan: Plan) -> Outcome<Draft> {
        let author = self.author(from, &self.names.account(from)?)?;
        let drafts = self.drafts(&author, vec![plan])?;
        let one = drafts.into_iter().next();
        one.ok_or_else(|| CliError::new(Exit::Failure, "there is nothing to build"))
    }

    /// Returns the network's genesis: the one here, or the one the node shows for its hash.
    ///
    /// # Errors
    /// Those of the call.
    pub(crate) fn genesis(&self) -> Outcome<Genesis> {
        match &self.network.genesis {
            Some(genesis) => Ok(genesis.clone()),
            None => rpc::genesis(&self.node.rpc, &self.network.genesis_hash),
        }
    }

    /// Says whether the node has this transaction, in a block or waiting.
    ///
    /// # Errors
    /// Those of the call.
    pub(crate) fn knows(&self, order: &Order) -> Outcome<bool> {
        let id = json!({"id": order.signed.id.to_string()});
        let told: reply::Transaction = self.node.rpc.typed("transaction", &id)?;
        Ok(told.status != "unknown")
    }

    /// Returns the account that the user acts for.
    ///
    /// # Errors
    /// [`Exit::Key`] if there is no key of that name.
    pub(crate) fn sender(&self, from: &str) -> Outcome<AccountId> {
        self.names.account(from).map_err(|error| {
            let is_name = folders::check_name("key", from).is_ok();
            match self.names.secret(from) {
                Err(missing) if is_name && error.exit == Exit::Usage => missing,
                _ => error,
            }
        })
    }

    /// Finds out who signs for `sender`, and which nonce is due.
    fn author(&self, from: &str, sender: &AccountId) -> Outcome<Author> {
        let told = ask(&self.node, &self.network, sender)?;
        let held = check(&self.node, &self.network, sender, &told)?;
        let current = current_authority(sender, &told)?;
        let said = self.said(from);
        let authority = signers::authority(&self.names, said, (sender, &current))?;
        let now = now_ms().max(self.node.status.head_time_ms);
        let draft = Draft {
            sender: *sender,
            authority,
            nonce: told.next_nonce,
            fee: 0,
            expires_at_ms: now.saturating_add(duration::as_ms(self.terms.expires)),
            memo: String::new(),
            actions: Vec::new(),
        };
        Ok(Author { held, draft })
    }

    fn said<'said>(&'said self, account: &'said str) -> Said<'said> {
        Said {
            account,
            signers: &self.terms.signers,
            authority: self.terms.authority.as_deref(),
        }
    }

    /// Decides nonces and fees.
    fn drafts(&self, author: &Author, plans: Vec<Plan>) -> Outcome<Vec<Draft>> {
        let fee = self.terms.fee.as_ref();
        let fee = fee.map(|fee| self.network.unit.parse(fee).exit(Exit::Usage));
        let fee = fee.transpose()?;
        let rules = rules(&self.node, &self.network)?;
        let mut seen = BTreeSet::new();
        let numbered = (author.draft.nonce..).zip(plans);
        let draft = |(nonce, plan): (u64, Plan)| {
            let mut draft = Draft {
                nonce,
                memo: plan.memo,
                actions: plan.actions,
                ..author.draft.clone()
            };
            draft.check()?;
            let entries = self.new_entries(&draft, &mut seen)?;
            match fee {
                Some(fee) => draft.fee = fee,
                None => draft.offer_fee(&rules, self.network.unit.decimals, entries)?,
            }
            Ok(draft)
        };
        numbered.map(draft).collect()
    }

    /// Asks for a stake, and verifies the answer where the genesis is known.
    ///
    /// # Errors
    /// Those of the call, and [`Exit::Verification`].
    pub(crate) fn stake(&self, account: &AccountId) -> Outcome<reply::Stake> {
        stake(&self.node, &self.network, account)
    }

    fn intent(&self, sender: &AccountId, plans: &[Plan]) -> Intent {
        let meaning = |plan: &Plan| Meaning::new(&plan.actions, &plan.memo);
        Intent {
            genesis: self.network.genesis_hash.to_string(),
            from: sender.to_address(self.network.kind),
            transactions: plans.iter().map(meaning).collect(),
        }
    }
}

/// Asks for a record, and verifies the answer where the genesis is known.
///
/// # Errors
/// Those of the call, and [`Exit::Verification`].
pub(crate) fn record(
    node: &Node,
    network: &Network,
    (sender, digest): (&AccountId, &Hash),
) -> Outcome<reply::Record> {
    let address = sender.to_address(network.kind);
    let parameters = json!({"address": address, "digest": digest.to_string()});
    until_caught_up(|| {
        let told: reply::Record = node.rpc.typed("record", &parameters)?;
        if let Some(genesis) = &network.genesis {
            Verifier::new(node, genesis)?.record(sender, digest, &told)?;
        }
        Ok(told)
    })
}

/// Asks for a stake, and verifies the answer where the genesis is known.
///
/// # Errors
/// Those of the call, and [`Exit::Verification`].
pub(crate) fn stake(node: &Node, network: &Network, account: &AccountId) -> Outcome<reply::Stake> {
    let address = account.to_address(network.kind);
    until_caught_up(|| {
        let told: reply::Stake = node.rpc.typed("stake", &json!({"address": address}))?;
        if let Some(genesis) = &network.genesis {
            Verifier::new(node, genesis)?.stake(account, &told)?;
        }
        Ok(told)
    })
}

/// Asks whose a consensus key is, and verifies the answer where the genesis is known.
///
/// # Errors
/// Those of the call, and [`Exit::Verification`].
pub(crate) fn consensus_key(
    node: &Node,
    network: &Network,
    key: &PublicKey,
) -> Outcome<reply::ConsensusKey> {
    let parameters = json!({"key": key.to_string()});
    until_caught_up(|| {
        let told: reply::ConsensusKey = node.rpc.typed("consensus_key", &parameters)?;
        if let Some(genesis) = &network.genesis {
            Verifier::new(node, genesis)?.consensus_key(key, &told)?;
        }
        Ok(told)
    })
}

/// Returns the hash of an account's authority; of one that the ledger does not know, its own id.
///
/// # Errors
/// [`Exit::Failure`] if the node tells something else.
pub(crate) fn current_authority(account: &AccountId, told: &reply::Account) -> Outcome<Hash> {
    match &told.authority {
        None => Ok(Hash(account.0)),
        Some(text) => text.parse().map_err(|_| {
            let message = "the node's answer to `account` is not understood: authority";
            CliError::new(Exit::Failure, message).code("protocol")
        }),
    }
}

/// Returns the network's rules: of the genesis here, or of the one the node shows for its hash.
pub(crate) fn rules(node: &Node, network: &Network) -> Outcome<Parameters> {
    match &network.genesis {
        Some(genesis) => Ok(genesis.parameters),
        None => Ok(rpc::genesis(&node.rpc, &network.genesis_hash)?.parameters),
    }
}

/// Finds what was signed before.
fn repeated(signed: Signed) -> Outcome<Order> {
    let transaction = signed.raw.decode().exit(Exit::Corrupt)?;
    let draft = Draft {
        sender: transaction.sender(),
        authority: transaction.authority,
        nonce: transaction.body.nonce,
        fee: transaction.body.fee,
        expires_at_ms: transaction.body.expires_at_ms,
        memo: transaction.body.memo,
        actions: transaction.body.actions,
    };
    let is_repeat = true;
    Ok(Order {
        draft,
        signed,
        is_repeat,
    })
}

/// Checks that the sender holds what several transactions take together: either all go, or none.
fn affordable(held: &Holding, orders: &[Order], desk: &Desk<'_>) -> Outcome {
    let needed: u128 = orders.iter().map(|order| spent(&order.draft)).sum();
    if needed <= u128::from(held.balance) {
        return Ok(());
    }
    let missing = needed - u128::from(held.balance);
    let unit = &desk.network.unit;
    let missing = u64::try_from(missing).map_or("far too much".to_owned(), |it| unit.full(it));
    let message = format!(
        "rejected: the sender holds {}, {missing} too little for all rows and their fees; nothing \
         was sent",
        unit.full(held.balance)
    );
    Err(CliError::new(Exit::Rejected, message).code("funds"))
}

/// Returns what a transaction takes from its sender at the most.
fn spent(draft: &Draft) -> u128 {
    let amounts = draft.actions.iter().map(|action| match action {
        Action::Transfer { to, .. } if *to == draft.sender => 0,
        Action::Transfer { amount, .. } | Action::Bond { amount, .. } => u128::from(*amount),
        _ => 0,
    });
    amounts.sum::<u128>() + u128::from(draft.fee)
}
