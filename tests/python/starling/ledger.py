"""A naive ledger: what a block does, in plain dictionaries and numbers that cannot overflow.

Written from the module documentation of `ledger/src/execution.rs` and `ledger/src/staking.rs`. It
executes blocks and takes nothing of their word but the signatures: those are the matter of `light`.
"""

from . import genesis as documents, hashes, merkle
from .codec import decode, encode
from .blake3 import derive_keys
from .ed25519 import is_public_key
from .state import (ACCOUNT, CANDIDATES, CONSENSUS_KEY, EPOCH_END, PRESENCE, RECORD, RELEASE,
                    SCHEDULE, STAKE, TOTALS, VALIDATORS, Trie, key)
from . import types
from .types import BODY, TRANSACTION, VALIDATOR, VALIDATOR_SET

GOLDEN = 0x9E3779B97F4A7C15
RELEASES_MAX = 8
RELEASES_PER_BLOCK_MAX = 100
EPOCH_ENDS_PER_BLOCK_MAX = 2
CANDIDATES_MAX = 2000
CANDIDATES_LEFT_MIN = 4
PRESENCE_PERCENT_MIN = 10


class Refused(Exception):
    """A block that breaks a rule."""


def check(holds, why, *facts):
    if not holds:
        raise Refused(" ".join([why] + [str(fact) for fact in facts]))


class Account:
    def __init__(self, identity, balance):
        self.nonce, self.balance, self.authority, self.history = 0, balance, identity, hashes.ZERO


class Stake:
    def __init__(self, consensus_key):
        self.key, self.bonded, self.releases, self.active = consensus_key, 0, [], True

    def is_candidate(self):
        return self.active and self.bonded > 0

    def is_empty(self):
        return self.bonded == 0 and not self.releases


class KeyEntry:
    def __init__(self, account, first):
        self.account, self.first, self.until, self.excluded = account, first, None, False

    def covers(self, height):
        return self.first <= height and (self.until is None or height <= self.until)


def proposer(members, height, round_number):
    """Whose turn it is: a point of a Weyl sequence on the line of cumulated power."""
    point = (height + round_number) * GOLDEN % 2**64
    target = point * sum(member.power for member in members) >> 64
    for member in members:
        if target < member.power:
            return member.account
        target -= member.power
    return members[-1].account


class Ledger:
    """The state of a network after some height."""

    def __init__(self, genesis):
        self.parameters, self.network = genesis.parameters, hashes.genesis(genesis)
        self.height, self.time_ms, self.parent = 0, genesis.time_ms, self.network
        self.certificate = None
        self.accounts = {v.account: Account(v.account, 0) for v in genesis.validators}
        self.accounts.update({a.account: Account(a.account, a.balance) for a in genesis.accounts})
        self.records, self.stakes, self.keys = {}, {}, {}
        for validator in genesis.validators:
            stake = self.stakes[validator.account] = Stake(validator.consensus_key)
            stake.bonded = validator.stake
            self.keys[validator.consensus_key] = KeyEntry(validator.account, 1)
        self.members = documents.validator_set(genesis)
        self.sets = {0: self.members}
        self.counted, self.signed = 0, [0] * len(self.members)
        self.queue, self.release_first, self.release_next = {}, 0, 0
        self.epoch_ends, self.epoch_first = {}, 0
        self.burned = 0
        self.staked = sum(stake.bonded for stake in self.stakes.values())
        self.supply = self.staked + sum(account.balance for account in self.accounts.values())
        self.trie = Trie()

    # Epochs.

    @property
    def epoch(self):
        return (self.height - 1) // self.parameters.epoch_blocks

    def epoch_last(self, epoch):
        return (epoch + 1) * self.parameters.epoch_blocks

    # Blocks.

    def execute(self, block):
        """Applies a block, or raises Refused."""
        header = block.header
        self._check_header(block)
        self.height, self.time_ms = header.height, header.time_ms
        self.tips = 0
        transactions = [decode(TRANSACTION, raw, types.TRANSACTION_BYTES_MAX)
                        for raw in block.transactions]
        # What the many hashes of a block cover is known before it is executed.
        senders = [hashes.sender(transaction) for transaction in transactions]
        covered = [self.network + sender + encode(BODY, transaction.body)
                   for sender, transaction in zip(senders, transactions)]
        identities = derive_keys("starling v1 transaction", covered)
        for raw, transaction, sender, identity in zip(block.transactions, transactions, senders,
                                                      identities):
            self._transaction(transaction, sender, identity, len(raw))
        self._pay_fees(header.proposer)
        for evidence in block.evidence:
            self._punish(evidence)
        self._count_presence(block.parent_certificate)
        self._pay_releases()
        self._forget_epochs()
        self._end_epoch()
        check(hashes.validator_set(self.members) == header.next_validators_hash,
              "other next validators")
        self.parent, self.round = hashes.block(header), header.round
        self._check_sums()

    def _check_header(self, block):
        header, certificate = block.header, block.parent_certificate
        check(header.version == 1 and header.upgrade_signal >= 1, "version")
        check(header.genesis == self.network, "network")
        check(header.height == self.height + 1 and header.parent == self.parent, "parent")
        check(header.time_ms > self.time_ms, "time")
        check(header.proposer == proposer(self.members, header.height, header.round), "proposer")
        check(header.validators_hash == hashes.validator_set(self.members), "validators")
        wire_ids = derive_keys("starling v1 wire transaction", block.transactions)
        check(header.transaction_count == len(wire_ids), "transaction count")
        check(header.transaction_root == merkle.root(wire_ids), "transaction root")
        evidence = [hashes.evidence(item) for item in block.evidence]
        check(types.ascends(evidence) and header.evidence_count == len(evidence)
              and header.evidence_root == merkle.root(evidence), "evidence")
        check(header.parent_certificate_hash == hashes.certificate(certificate), "certificate")
        check((certificate is None) == (self.height == 0), "certificate missing or needless")
        if certificate is not None:
            check(certificate.block == self.parent and certificate.height == self.height
                  and certificate.round >= self.round, "certificate of another block")

    # Transactions.

    def _transaction(self, transaction, sender, identity, size):
        body, account = transaction.body, self.accounts.get(sender)
        check(1 <= len(body.actions) <= 16, "number of actions")
        check(body.sender != hashes.authority(transaction.authority), "needless sender")
        check(self.time_ms <= body.expires_at_ms, "expired")
        check(account is not None, "unknown sender")
        check(hashes.authority(transaction.authority) == account.authority, "authority")
        check(body.nonce == account.nonce, "nonce", body.nonce, account.nonce)
        account.nonce += 1
        account.history = hashes.history(account.history, identity)
        self._debit(account, body.fee)
        entries = sum(getattr(self, "_" + name.lower())(sender, content)
                      for name, content in body.actions)
        p = self.parameters
        required = p.fee_base + p.fee_per_byte * size + p.entry_fee * entries
        check(body.fee >= required, "fee")
        self.burned += required
        self.tips += body.fee - required

    def _debit(self, account, amount):
        check(account.balance >= amount, "funds")
        account.balance -= amount

    def _pay_fees(self, account):
        self.accounts[account].balance += self.tips

    def _transfer(self, sender, action):
        check(action.amount > 0, "zero amount")
        self._debit(self.accounts[sender], action.amount)
        if action.to in self.accounts:
            self.accounts[action.to].balance += action.amount
            return 0
        self.accounts[action.to] = Account(action.to, action.amount)
        return 1

    def _record(self, sender, action):
        check((sender, action.digest) not in self.records, "record exists")
        self.records[sender, action.digest] = (self.height, self.time_ms, action.note)
        return 1

    def _setauthority(self, sender, action):
        self.accounts[sender].authority = hashes.authority(action.authority)
        return 0

    # Stake.

    def _bond(self, sender, action):
        consensus_key, amount = action.consensus_key, action.amount
        assert is_public_key(consensus_key)
        made = 0
        stake = self.stakes.get(sender)
        if stake is None:
            stake, made = Stake(consensus_key), 1
        check(amount > 0 or stake.key != consensus_key, "zero amount")
        check(stake.bonded > 0 or len(stake.releases) <= RELEASES_MAX, "releases full")
        entry = self.keys.get(consensus_key)
        if entry is None:
            entry = KeyEntry(sender, self.epoch_last(self.epoch) + 1)
            self.keys[consensus_key] = entry
            made += 1
        check(entry.account == sender and not entry.excluded, "key of another, or excluded")
        entry.until = None
        if stake.key != consensus_key:
            self._end_key(stake.key)
            stake.key = consensus_key
        self._debit(self.accounts[sender], amount)
        self.staked += amount
        stake.bonded += amount
        check(stake.bonded >= self.parameters.bond_min, "bond_min")
        self.stakes[sender] = stake
        self._check_candidates()
        return made

    def _unbond(self, sender, action):
        stake, amount = self.stakes.get(sender), action.amount
        check(stake is not None and 0 < amount <= stake.bonded, "unbond")
        rest = stake.bonded - amount
        check(rest == 0 or rest >= self.parameters.bond_min, "bond_min")
        releases = stake.releases
        if releases and releases[-1][1] == self.epoch:
            releases[-1][0] += amount
        else:
            check(len(releases) < RELEASES_MAX, "releases full")
            releases.append([amount, self.epoch])
            self.queue[self.release_next] = sender
            self.release_next += 1
        stake.bonded = rest
        if rest == 0:
            self._end_key(stake.key)
        return 0

    def _unjail(self, sender, _):
        stake = self.stakes.get(sender)
        check(stake is not None and not stake.active, "not sitting out")
        check(stake.bonded >= self.parameters.bond_min, "bond_min")
        check(not self.keys[stake.key].excluded, "key excluded")
        stake.active = True
        self._check_candidates()
        return 0

    def _end_key(self, consensus_key):
        entry = self.keys[consensus_key]
        if entry.until is None:
            entry.until = self.epoch_last(self.epoch)

    def candidates(self):
        """Stake and account of all who can be chosen, the first to be chosen first."""
        found = [(-stake.bonded, account) for account, stake in self.stakes.items()
                 if stake.is_candidate()]
        return [(-bonded, account) for bonded, account in sorted(found)]

    def _check_candidates(self):
        # Who pushes out whom is left to other tests: no history here is as crowded.
        assert len(self.stakes) <= CANDIDATES_MAX

    # Effects of a block.

    def _punish(self, evidence):
        kind, pair = evidence
        one = pair.one.vote if kind == "Votes" else pair.one.proposal
        accused = one.validator if kind == "Votes" else one.proposer
        entry = self.keys.get(accused)
        check(entry is not None and not entry.excluded, "evidence of an unknown or punished key")
        check(one.height <= self.height and entry.covers(one.height), "evidence out of interval")
        epoch = max(0, one.height - 1) // self.parameters.epoch_blocks
        if epoch != self.epoch:
            check(epoch in self.epoch_ends, "evidence too old")
            age = self.time_ms - self.epoch_ends[epoch]
            check(age <= self.parameters.evidence_age_ms, "evidence too old")
        entry.excluded = True
        stake = self.stakes.get(entry.account)
        if stake is None:
            return
        stake.active = False
        part = lambda amount: -(-amount * self.parameters.slash_equivocation_permille // 1000)
        before = stake.bonded + sum(amount for amount, _ in stake.releases)
        had = stake.bonded > 0
        stake.bonded -= part(stake.bonded)
        for release in stake.releases:
            release[0] -= part(release[0])
        if had and stake.bonded == 0:
            self._end_key(stake.key)
        burned = before - stake.bonded - sum(amount for amount, _ in stake.releases)
        self.staked -= burned
        self.burned += burned
        if stake.is_empty():
            del self.stakes[entry.account]

    def _count_presence(self, certificate):
        if certificate is None:
            return
        epoch = max(0, certificate.height - 1) // self.parameters.epoch_blocks
        if epoch == self.epoch:
            self.counted += 1
            for entry in certificate.signatures:
                self.signed[entry.validator] += 1

    def _pay_releases(self):
        for _ in range(RELEASES_PER_BLOCK_MAX):
            account = self.queue.get(self.release_first)
            if account is None:
                return
            stake = self.stakes[account]
            amount, epoch = stake.releases[0]
            end = self.epoch_ends.get(epoch)
            due = epoch < self.epoch_first or (
                end is not None and end + self.parameters.unbonding_ms <= self.time_ms)
            if not due:
                return
            del stake.releases[0], self.queue[self.release_first]
            self.release_first += 1
            self.accounts[account].balance += amount
            self.staked -= amount
            if stake.is_empty():
                del self.stakes[account]

    def _forget_epochs(self):
        for _ in range(EPOCH_ENDS_PER_BLOCK_MAX):
            end = self.epoch_ends.get(self.epoch_first)
            if end is None or self.time_ms - end <= self.parameters.unbonding_ms:
                return
            del self.epoch_ends[self.epoch_first]
            self.epoch_first += 1

    def _end_epoch(self):
        if self.height % self.parameters.epoch_blocks:
            return
        self.epoch_ends[self.epoch] = self.time_ms
        self._sit_out()
        chosen = [VALIDATOR(account=account, key=self.stakes[account].key, power=bonded)
                  for bonded, account in self.candidates()[:self.parameters.validators_max]]
        if chosen:
            self.members = sorted(chosen)
        else:
            self._keep()
        self.sets[(self.epoch + 1) % 2] = self.members
        self.counted, self.signed = 0, [0] * len(self.members)

    def _sit_out(self):
        total = sum(member.power for member in self.members)
        absent = sorted((signed, member) for signed, member in zip(self.signed, self.members)
                        if signed * 100 < self.counted * PRESENCE_PERCENT_MIN)
        gone = 0
        for _, member in absent:
            stake = self.stakes.get(member.account)
            if stake is None or not stake.is_candidate():
                continue
            if len(self.candidates()) <= CANDIDATES_LEFT_MIN or 3 * (gone + member.power) > total:
                continue
            gone += member.power
            stake.active = False

    def _keep(self):
        """Nobody can be chosen: the members stay, and answer for one epoch more."""
        last, longer = self.epoch_last(self.epoch), self.epoch_last(self.epoch + 1)
        for member in self.members:
            entry, stake = self.keys[member.key], self.stakes.get(member.account)
            if entry.until == last:
                entry.until = longer
            if stake is not None and stake.releases and stake.releases[-1][1] == self.epoch:
                stake.releases[-1][1] += 1

    # What there is.

    def _check_sums(self):
        balances = [account.balance for account in self.accounts.values()]
        stakes = [stake.bonded + sum(amount for amount, _ in stake.releases)
                  for stake in self.stakes.values()]
        assert min(balances) >= 0 and min(stakes, default=0) >= 0
        assert sum(stakes) == self.staked
        assert sum(balances) + self.staked + self.burned == self.supply

    def entries(self):
        """All entries of the state, as keys and values."""
        number = lambda value: value.to_bytes(8, "big")
        entries = {key(TOTALS): encode(types.TOTALS, (self.supply, self.staked, self.burned))}
        for identity, a in self.accounts.items():
            value = (a.nonce, a.balance, a.authority, a.history)
            entries[key(ACCOUNT, identity)] = encode(types.ACCOUNT, value)
        for (sender, digest), record in self.records.items():
            entries[key(RECORD, sender, digest)] = encode(types.RECORD, record)
        for account, stake in self.stakes.items():
            status = ("Active" if stake.active else "SittingOut", None)
            value = (stake.key, stake.bonded, [tuple(r) for r in stake.releases], status)
            entries[key(STAKE, account)] = encode(types.STAKE, value)
        for slot, members in self.sets.items():
            entries[key(VALIDATORS, bytes([slot]))] = encode(VALIDATOR_SET, members)
        for consensus_key, entry in self.keys.items():
            value = (entry.account, entry.first, entry.until, entry.excluded)
            entries[key(CONSENSUS_KEY, consensus_key)] = encode(types.CONSENSUS_KEY, value)
        entries[key(CANDIDATES)] = encode(types.CANDIDATES, self.candidates())
        entries[key(PRESENCE)] = encode(types.PRESENCE, (self.counted, self.signed))
        schedule = (self.release_first, self.release_next, self.epoch_first)
        entries[key(SCHEDULE)] = encode(types.SCHEDULE, schedule)
        for place, account in self.queue.items():
            entries[key(RELEASE, number(place))] = account
        for epoch, time_ms in self.epoch_ends.items():
            entries[key(EPOCH_END, number(epoch))] = encode(types.EPOCH_END, (time_ms,))
        return entries

    def root(self):
        """The state root, of the entries alone."""
        return self.trie.root(self.entries())
