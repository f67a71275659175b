//! The naive ledger: written down from the rules, in signed numbers of 128 bits.

use super::wishes::{BOND_MIN, Deed, EPOCH_BLOCKS, KEYS, PEOPLE, VALIDATORS_MAX, Wish, World};

const UNBONDING_MS: i128 = super::wishes::UNBONDING_MS as i128;
const EVIDENCE_MS: i128 = super::wishes::EVIDENCE_MS as i128;

/// A double signature: key and height, and a seed that makes two of them differ.
#[derive(Clone, Debug)]
pub(super) struct Offence {
    pub(super) key: usize,
    pub(super) height: u64,
    pub(super) seed: u8,
}

#[derive(Clone)]
struct Person {
    exists: bool,
    nonce: i128,
    balance: i128,
    authority: u8,
    /// One bit for each digest.
    notes: u64,
    bonded: i128,
    key: Option<usize>,
    sits_out: bool,
}

#[derive(Clone, Copy)]
struct Key {
    owner: usize,
    from: u64,
    until: u64,
    excluded: bool,
}

#[derive(Clone, Copy)]
struct Released {
    owner: usize,
    amount: i128,
    epoch: u64,
    paid: bool,
}

/// What a stake looks like from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) key: usize,
    pub(super) bonded: i128,
    pub(super) sits_out: bool,
    pub(super) releases: Vec<(i128, u64)>,
}

/// What the end of a block did.
pub(super) struct Outcome {
    pub(super) paid: usize,
    pub(super) sat_out: usize,
    pub(super) kept: bool,
}

#[derive(Clone)]
pub(super) struct Naive {
    people: Vec<Person>,
    keys: Vec<Option<Key>>,
    /// All that are not paid, in the order of their begin.
    released: Vec<Released>,
    /// The time at which each epoch ended.
    ends: Vec<i128>,
    /// Who signs: person, key and power, ascending by person.
    set: Vec<(usize, usize, i128)>,
    /// The signers of each certificate of this epoch.
    certificates: Vec<Vec<usize>>,
    burned: i128,
    tips: i128,
    height: u64,
    time_ms: i128,
}

impl Naive {
    pub(super) fn new(world: &World) -> Self {
        let person = |_| Person {
            exists: false,
            nonce: 0,
            balance: 0,
            authority: 0,
            notes: 0,
            bonded: 0,
            key: None,
            sits_out: false,
        };
        let mut naive = Self {
            people: (0..PEOPLE).map(person).collect(),
            keys: vec![None; KEYS],
            released: Vec::new(),
            ends: Vec::new(),
            set: Vec::new(),
            certificates: Vec::new(),
            burned: 0,
            tips: 0,
            height: 0,
            time_ms: 0,
        };
        for listed in &world.genesis.accounts {
            let person = &mut naive.people[world.person(&listed.account)];
            person.exists = true;
            person.balance = listed.balance.into();
        }
        for validator in &world.genesis.validators {
            let owner = world.person(&validator.account);
            let key = world.key_number(&validator.consensus_key);
            naive.people[owner].exists = true;
            naive.people[owner].bonded = validator.stake.into();
            naive.people[owner].key = Some(key);
            naive.keys[key] = Some(Key {
                owner,
                from: 1,
                until: u64::MAX,
                excluded: false,
            });
        }
        naive.set = naive.candidates();
        naive.set.sort_unstable();
        naive
    }

    /// Begins the next block.
    pub(super) fn open(&mut self, time_ms: u64) {
        self.height += 1;
        self.time_ms = time_ms.into();
    }

    fn epoch(&self) -> u64 {
        (self.height - 1) / EPOCH_BLOCKS
    }

    /// Runs a transaction of `size` bytes; `None` if it does not apply.
    pub(super) fn run(&self, wish: &Wish, size: usize) -> Option<Self> {
        let mut next = self.clone();
        let fee = i128::from(wish.fee);
        let sender = &mut next.people[wish.sender];
        let fits = sender.exists
            && sender.authority == wish.authority
            && i128::from(wish.nonce) == sender.nonce
            && self.time_ms <= i128::from(wish.expires_at_ms)
            && sender.balance >= fee;
        if !fits {
            return None;
        }
        sender.nonce += 1;
        sender.balance -= fee;
        let mut required = 800 + i128::try_from(size).ok()?;
        for deed in &wish.deeds {
            required += 10_000 * next.act(wish.sender, deed)?;
        }
        next.burned += required;
        next.tips += fee - required;
        (fee >= required).then_some(next)
    }

    /// Does one thing; returns how many entries it made.
    fn act(&mut self, sender: usize, deed: &Deed) -> Option<i128> {
        match *deed {
            Deed::Pay(to, amount) => {
                let amount = i128::from(amount);
                self.people[sender].balance -= amount;
                if amount == 0 || self.people[sender].balance < 0 {
                    return None;
                }
                let made = !self.people[to].exists;
                self.people[to].exists = true;
                self.people[to].balance += amount;
                Some(made.into())
            }
            Deed::Note(digest) => {
                let bit = 1 << digest;
                let fresh = self.people[sender].notes & bit == 0;
                self.people[sender].notes |= bit;
                fresh.then_some(1)
            }
            Deed::Authority(version) => {
                self.people[sender].authority = version;
                Some(0)
            }
            Deed::Bond(key, amount) => self.bond(sender, key, amount.into()),
            Deed::Unbond(amount) => self.unbond(sender, amount.into()),
            Deed::Return => {
                self.seat(sender)?;
                let person = &mut self.people[sender];
                let key = self.keys[person.key?]?;
                let may = person.sits_out && person.bonded >= BOND_MIN.into() && !key.excluded;
                person.sits_out = false;
                may.then_some(0)
            }
        }
    }

    fn bond(&mut self, sender: usize, key: usize, amount: i128) -> Option<i128> {
        let old = self.seat(sender);
        let same = old.as_ref().is_none_or(|seat| seat.key == key);
        if amount == 0 && same {
            return None;
        }
        let first_of_next = (self.epoch() + 1) * EPOCH_BLOCKS + 1;
        let made = self.keys[key].is_none();
        let entry = self.keys[key].get_or_insert(Key {
            owner: sender,
            from: first_of_next,
            until: u64::MAX,
            excluded: false,
        });
        if entry.owner != sender || entry.excluded {
            return None;
        }
        entry.until = u64::MAX;
        if let Some(seat) = old.as_ref().filter(|_| !same) {
            self.end_key(seat.key);
        }
        if old.is_none() {
            self.people[sender].sits_out = false;
        }
        let person = &mut self.people[sender];
        person.key = Some(key);
        person.balance -= amount;
        person.bonded += amount;
        let fits = person.balance >= 0 && person.bonded >= BOND_MIN.into();
        fits.then_some(i128::from(made) + i128::from(old.is_none()))
    }

    fn unbond(&mut self, sender: usize, amount: i128) -> Option<i128> {
        let seat = self.seat(sender)?;
        let epoch = self.epoch();
        let rest = seat.bonded - amount;
        let fresh = seat.releases.last().is_none_or(|(_, last)| *last != epoch);
        let fits = amount > 0
            && (rest == 0 || rest >= BOND_MIN.into())
            && !(fresh && seat.releases.len() >= 8);
        if !fits {
            return None;
        }
        self.people[sender].bonded = rest;
        match fresh {
            true => self.released.push(Released {
                owner: sender,
                amount,
                epoch,
                paid: false,
            }),
            false => {
                let mut own = self.released.iter_mut().rev();
                own.find(|one| one.owner == sender)?.amount += amount;
            }
        }
        if rest == 0 {
            self.end_key(seat.key);
        }
        Some(0)
    }

    fn end_key(&mut self, key: usize) {
        let last = (self.epoch() + 1) * EPOCH_BLOCKS;
        if let Some(key) = &mut self.keys[key] {
            key.until = key.until.min(last);
        }
    }

    /// What was offered above the burned parts in this block.
    pub(super) fn take_tips(&mut self) -> i128 {
        std::mem::take(&mut self.tips)
    }

    pub(super) fn credit(&mut self, person: usize, amount: i128) {
        self.people[person].balance += amount;
    }

    /// Punishes an offence; says whether it is one that is punished.
    pub(super) fn punish(&mut self, offence: &Offence) -> bool {
        let Some(key) = self.keys[offence.key] else {
            return false;
        };
        let in_time = offence.height <= self.height
            && key.from <= offence.height
            && offence.height <= key.until;
        if key.excluded || !in_time {
            return false;
        }
        let epoch = (offence.height - 1) / EPOCH_BLOCKS;
        let ended = usize::try_from(epoch)
            .ok()
            .and_then(|epoch| self.ends.get(epoch));
        if ended.is_some_and(|ended| self.time_ms - ended > EVIDENCE_MS) {
            return false;
        }
        self.keys[offence.key] = Some(Key {
            excluded: true,
            ..key
        });
        let part = |amount: i128| (amount + 19) / 20;
        let owner = key.owner;
        let bonded = self.people[owner].bonded;
        self.people[owner].bonded -= part(bonded);
        self.burned += part(bonded);
        for one in self.released.iter_mut().filter(|one| one.owner == owner) {
            self.burned += part(one.amount);
            one.amount -= part(one.amount);
        }
        self.people[owner].sits_out = true;
        let all_gone = bonded > 0 && self.people[owner].bonded == 0;
        if let Some(key) = self.people[owner].key.filter(|_| all_gone) {
            self.end_key(key);
        }
        true
    }

    /// Ends the block, which carries a certificate of these signers.
    pub(super) fn close(&mut self, signers: Option<Vec<usize>>) -> Outcome {
        let parent_epoch = (self.height.max(2) - 2) / EPOCH_BLOCKS;
        if let Some(signers) = signers.filter(|_| parent_epoch == self.epoch()) {
            self.certificates.push(signers);
        }
        let paid = self.pay();
        let (mut sat_out, mut kept) = (0, false);
        if self.height.is_multiple_of(EPOCH_BLOCKS) {
            self.ends.push(self.time_ms);
            sat_out = self.sit_out();
            kept = self.choose();
            self.certificates.clear();
        }
        Outcome {
            paid,
            sat_out,
            kept,
        }
    }

    /// Pays what is due, in the order of the begin: nothing overtakes.
    fn pay(&mut self) -> usize {
        let due = |one: &Released, ends: &[i128], now| {
            let end = usize::try_from(one.epoch)
                .ok()
                .and_then(|epoch| ends.get(epoch));
            end.is_some_and(|end| end + UNBONDING_MS <= now)
        };
        let queue = self.released.iter();
        let count = queue
            .take(100)
            .take_while(|one| due(one, &self.ends, self.time_ms))
            .count();
        for one in &mut self.released[..count] {
            one.paid = true;
            self.people[one.owner].balance += one.amount;
        }
        self.released.retain(|one| !one.paid);
        count
    }

    fn sit_out(&mut self) -> usize {
        let counted = self.certificates.len();
        let total: i128 = self.set.iter().map(|member| member.2).sum();
        let signed = |position: usize| {
            let certificates = self.certificates.iter();
            certificates
                .filter(|signers| signers.contains(&position))
                .count()
        };
        let mut absent: Vec<_> = (0..self.set.len())
            .map(|position| (signed(position), position))
            .filter(|(signed, _)| signed * 10 < counted)
            .collect();
        absent.sort_unstable();
        let (mut gone, mut power) = (0, 0);
        for (_, position) in absent {
            let (person, _, own) = self.set[position];
            let is_candidate = self.people[person].bonded > 0 && !self.people[person].sits_out;
            if is_candidate && self.candidates().len() > 4 && 3 * (power + own) <= total {
                self.people[person].sits_out = true;
                power += own;
                gone += 1;
            }
        }
        gone
    }

    /// Says whether the old set was kept.
    fn choose(&mut self) -> bool {
        let mut chosen = self.candidates();
        chosen.sort_by_key(|(person, _, power)| (-power, *person));
        chosen.truncate(VALIDATORS_MAX);
        chosen.sort_unstable();
        if !chosen.is_empty() {
            self.set = chosen;
            return false;
        }
        let (epoch, last) = (self.epoch(), self.height);
        for (person, key, _) in &self.set {
            for one in self.released.iter_mut() {
                if one.owner == *person && one.epoch == epoch {
                    one.epoch += 1;
                }
            }
            if let Some(key) = self.keys[*key].as_mut().filter(|key| key.until == last) {
                key.until += EPOCH_BLOCKS;
            }
        }
        true
    }

    fn candidates(&self) -> Vec<(usize, usize, i128)> {
        let people = self.people.iter().enumerate();
        let active = people.filter(|(_, one)| one.bonded > 0 && !one.sits_out);
        active
            .filter_map(|(person, one)| Some((person, one.key?, one.bonded)))
            .collect()
    }

    pub(super) fn account(&self, person: usize) -> Option<(i128, i128, u8)> {
        let one = &self.people[person];
        one.exists
            .then_some((one.nonce, one.balance, one.authority))
    }

    pub(super) fn seat(&self, person: usize) -> Option<Seat> {
        let own = self.released.iter().filter(|one| one.owner == person);
        let one = &self.people[person];
        let seat = Seat {
            key: one.key?,
            bonded: one.bonded,
            sits_out: one.sits_out,
            releases: own.map(|one| (one.amount, one.epoch)).collect(),
        };
        (seat.bonded > 0 || !seat.releases.is_empty()).then_some(seat)
    }

    pub(super) fn validators(&self) -> Vec<(usize, usize, i128)> {
        self.set.clone()
    }

    pub(super) const fn burned(&self) -> i128 {
        self.burned
    }

    pub(super) const fn height(&self) -> u64 {
        self.height
    }

    /// All balances, stakes, releases and what was burned.
    pub(super) fn sum(&self) -> i128 {
        let people = self.people.iter().map(|one| one.balance + one.bonded);
        let released = self.released.iter().map(|one| one.amount);
        people.sum::<i128>() + released.sum::<i128>() + self.burned + self.tips
    }
}
