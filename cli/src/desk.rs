//! Where transactions are made: fee, nonce and signatures for what the user wants.
//!
//! Whatever decides a fee or a signature is asked for with its proof: whether a receiver or a
//! record is new, whose authority an account has. The nonce is asked for last, when it is the
//! sender's turn on this machine, and nobody else's until a node has what was signed with it.

mod around;
mod queries;
mod signing;

use std::collections::{BTreeSet, VecDeque};
use std::sync::mpsc::Receiver;

use starling_ledger::address::AccountId;
use starling_ledger::genesis::Genesis;
use starling_ledger::light::Past;
use starling_ledger::transaction::Action;
use starling_ledger::vote::Height;

use crate::command::account::{Holding, known};
use crate::context::{Context, Node};
use crate::draft::{Draft, Signed, check_memo};
use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;
use crate::journal::{Intent, Journal, Meaning};
use crate::names::Names;
use crate::network::Network;
use crate::order::{Order, Plan};
use crate::rpc::events::Event;
use crate::rpc::reply;
use crate::sender_turn::SenderTurn;
use crate::signers::{self, Said};
use crate::terms::Terms;
use crate::{folders, rpc};

pub(crate) use queries::{consensus_key, current_authority, past, record, rules, stake};

use queries::past_of;

/// A node, its network, and what the user said about the transaction.
pub(crate) struct Desk<'args> {
    /// The flags and the output.
    pub(crate) context: &'args Context,
    /// What the user said.
    pub(crate) terms: &'args Terms,
    /// The node that is asked.
    pub(crate) node: Node,
    /// Its network.
    pub(crate) network: Network,
    /// Names usable on it.
    pub(crate) names: Names,
    /// Other nodes of the network that this machine knows: URL and name.
    others: VecDeque<(String, String)>,
    /// The node's events, as long as somebody listens and it tells them.
    events: Option<Receiver<Event>>,
    is_listening: bool,
    /// The entry of `--id`, and what it has to mean.
    journal: Option<(Journal, Intent)>,
    /// The sender's turn, while it is held.
    turn: Option<SenderTurn>,
    /// The block as of which the sender was verified.
    seen: Height,
}

/// The sender, and who signs for it.
struct Author {
    held: Holding,
    /// A transaction of it that does nothing.
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
        let others = context.others(&node)?.into();
        Ok(Self {
            context,
            terms,
            node,
            network,
            names,
            others,
            events: None,
            is_listening: false,
            journal: None,
            turn: None,
            seen: 0,
        })
    }

    /// Plans one transaction of `from` with these actions and the user's memo, or finds what was
    /// signed before under the same `--id`.
    ///
    /// # Errors
    /// [`Exit::Key`] if nobody here can sign, [`Exit::Rejected`] for what the ledger refuses for
    /// sure, and those of the calls.
    pub(crate) fn order(&mut self, from: &str, actions: Vec<Action>) -> Outcome<Order> {
        let memo = self.terms.memo.clone();
        let orders = self.orders(from, vec![Plan { actions, memo }])?;
        let one = orders.into_iter().next();
        one.ok_or_else(|| CliError::new(Exit::Failure, "there is nothing to send"))
    }

    /// Plans transactions of `from`; all of them, or none. Under an `--id`, those that were signed
    /// before stay what they are, unless they are proven never to become final.
    ///
    /// # Errors
    /// Those of [`Desk::order`].
    pub(crate) fn orders(&mut self, from: &str, plans: Vec<Plan>) -> Outcome<Vec<Order>> {
        let sender = self.sender(from)?;
        let mut before = self.signed_before(&sender, &plans)?.into_iter();
        let (mut orders, mut open) = (Vec::new(), Vec::new());
        for (place, plan) in plans.into_iter().enumerate() {
            match before.next() {
                Some(signed) if !self.is_dead(&signed)? => {
                    orders.push(Order::repeated(signed, place)?);
                }
                dead => open.push((place, plan, dead.map(|signed| signed.id))),
            }
        }
        if open.is_empty() {
            return Ok(orders);
        }
        let author = self.persistently(|desk| desk.author(from, &sender))?;
        self.seen = author.held.height;
        let keys = signers::keys(&self.names, &author.draft.authority, self.said(from))?;
        let plans: Vec<_> = open.iter().map(|(_, plan, _)| plan.clone()).collect();
        let drafts = self.persistently(|desk| desk.drafts(&author, plans.clone()))?;
        if drafts.len() > 1 {
            affordable(&author.held, &drafts, self)?;
        }
        for ((place, _, renews), draft) in open.into_iter().zip(drafts) {
            let mut order = Order::new(draft, keys.clone(), place);
            order.renews = renews;
            orders.push(order);
        }
        orders.sort_by_key(|order| order.place);
        Ok(orders)
    }

    /// Makes a transaction of `from` that others sign.
    ///
    /// # Errors
    /// Those of [`Desk::order`], but for missing keys.
    pub(crate) fn draft(&mut self, from: &str, plan: Plan) -> Outcome<Draft> {
        let sender = self.names.account(from)?;
        let author = self.persistently(|desk| desk.author(from, &sender))?;
        let drafts = self.persistently(|desk| desk.drafts(&author, vec![plan.clone()]))?;
        self.seen = author.held.height;
        let nonce = self.due(&sender)?;
        let one = drafts.into_iter().next();
        let one = one.ok_or_else(|| CliError::new(Exit::Failure, "there is nothing to build"))?;
        let expires_at_ms = self.expiry();
        Ok(Draft {
            nonce,
            expires_at_ms,
            ..one
        })
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

    /// Finds what was signed before under the same `--id`, and waits for the turn of that name.
    fn signed_before(&mut self, sender: &AccountId, plans: &[Plan]) -> Outcome<Vec<Signed>> {
        let Some(text) = &self.terms.id else {
            return Ok(Vec::new());
        };
        let intent = self.intent(sender, plans);
        let patience = self.patience_for_turn();
        let genesis = &self.network.genesis_hash;
        let journal = Journal::open(&self.context.global, genesis, text, patience)?;
        let found = journal.find(&intent)?;
        self.journal = Some((journal, intent));
        Ok(found.unwrap_or_default())
    }

    /// Says whether there is proof that what was signed before never becomes final. A node's word
    /// is none.
    fn is_dead(&mut self, signed: &Signed) -> Outcome<bool> {
        let call = serde_json::json!({"id": signed.id.to_string()});
        let past = self.persistently(|desk| {
            let told: reply::Transaction = desk.node.rpc.typed("transaction", &call)?;
            match told.status.as_str() {
                _ if desk.network.genesis.is_none() => Ok(None),
                "unknown" => past_of(&desk.node, &desk.network, signed),
                "final" if told.wire_id()? != Some(signed.raw.wire_id()) => {
                    // Somebody else signed the same, and was quicker.
                    desk.proven(&signed.id, &told)?;
                    Ok(Some(Past::Replaced { by: signed.id }))
                }
                _ => Ok(None),
            }
        })?;
        let (is_dead, why) = match past {
            Some(Past::Expired { .. }) => (true, "expired"),
            Some(Past::Replaced { .. }) => (true, "was replaced by another with its nonce"),
            _ => (false, ""),
        };
        if let (true, Some(text)) = (is_dead, &self.terms.id) {
            self.context.output.note(&format!(
                "--id {text}: transaction {} {why}, which is proven: it was never paid, and is \
                 signed anew",
                signed.id
            ));
        }
        Ok(is_dead)
    }

    /// Finds out who signs for `sender`.
    fn author(&self, from: &str, sender: &AccountId) -> Outcome<Author> {
        let (told, held) = known(&self.node, &self.network, sender)?;
        let current = current_authority(sender, &told)?;
        let said = self.said(from);
        let authority = signers::authority(&self.names, said, (sender, &current))?;
        let draft = Draft {
            sender: *sender,
            authority,
            nonce: 0,
            fee: 0,
            expires_at_ms: 0,
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

    /// Decides fees.
    fn drafts(&self, author: &Author, plans: Vec<Plan>) -> Outcome<Vec<Draft>> {
        let fee = self.terms.fee.as_ref();
        let fee = fee.map(|fee| self.network.unit.parse(fee).exit(Exit::Usage));
        let fee = fee.transpose()?;
        let rules = rules(&self.node, &self.network)?;
        let mut seen = BTreeSet::new();
        let draft = |plan: Plan| {
            let mut draft = Draft {
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
        plans.into_iter().map(draft).collect()
    }

    /// Asks for a stake, and verifies the answer where the genesis is known.
    ///
    /// # Errors
    /// Those of the call, and [`Exit::Verification`].
    pub(crate) fn stake(&self, account: &AccountId) -> Outcome<reply::Stake> {
        stake(&self.node, &self.network, account)
    }

    /// Asks what became of what was signed here; `None` if the node cannot tell.
    ///
    /// # Errors
    /// Those of the call that another node may answer, and [`Exit::Verification`].
    pub(crate) fn past_of(&self, signed: &Signed) -> Outcome<Option<Past>> {
        past_of(&self.node, &self.network, signed)
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

/// Checks that the sender holds what several transactions take together: either all go, or none.
fn affordable(held: &Holding, drafts: &[Draft], desk: &Desk<'_>) -> Outcome {
    let (mut spent, mut needed) = (0, 0u128);
    for draft in drafts {
        let body = draft.body();
        needed = needed.max(spent + body.needs(&draft.sender));
        spent += body.spends(&draft.sender);
    }
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
