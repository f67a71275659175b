"""The schemas of every type of the format, with the rules that decoding enforces."""

from . import ed25519
from .codec import (BLOB, BOOL, STRING, U8, U16, U32, U64, Array, Enum, List, Malformed, Option,
                    Struct)

TRANSACTION_BYTES_MAX = 16 * 1024
BLOCK_BYTES_MAX = 3 * 1024 * 1024
POLICY_KEYS_MAX = 16
VALIDATORS_MAX = 1000
TOTAL_POWER_MAX = (2**64 - 1) // 4


def require(holds, what):
    if not holds:
        raise Malformed(what)


def ascends(items):
    """Says whether a list is in strictly ascending order."""
    return all(one < other for one, other in zip(items, items[1:]))


def _check_key(data):
    require(ed25519.is_public_key(data), "a public key that is no point, or of small order")


HASH = Array(32)
ACCOUNT_ID = Array(32)
SIGNATURE = Array(64)
PUBLIC_KEY = Array(32, _check_key)


# Authorities and transactions.

def _check_policy(policy):
    require(1 <= policy.threshold <= len(policy.keys) <= POLICY_KEYS_MAX, "policy out of range")
    require(ascends(policy.keys), "policy keys out of order")


POLICY = Struct("Policy", _check_policy, threshold=U8, keys=List(PUBLIC_KEY))
AUTHORITY = Enum("Authority", Key=PUBLIC_KEY, Policy=POLICY)

ACTION = Enum(
    "Action",
    Transfer=Struct("Transfer", to=ACCOUNT_ID, amount=U64),
    Record=Struct("Record", digest=HASH, note=STRING),
    SetAuthority=Struct("SetAuthority", authority=AUTHORITY),
    Bond=Struct("Bond", consensus_key=PUBLIC_KEY, amount=U64, proof_of_possession=SIGNATURE),
    Unbond=Struct("Unbond", amount=U64),
    Unjail=None,
)
BODY = Struct(
    "Body",
    sender=Option(ACCOUNT_ID), nonce=U64, fee=U64, expires_at_ms=U64, memo=STRING,
    actions=List(ACTION),
)
TRANSACTION = Struct("Transaction", body=BODY, authority=AUTHORITY, signatures=List(SIGNATURE))


# Votes, proposals, evidence, validators, certificates.

VOTE_TYPE = Enum("VoteType", Prevote=None, Precommit=None)
VOTE = Struct(
    "Vote", vote_type=VOTE_TYPE, height=U64, round=U32, block=Option(HASH), validator=PUBLIC_KEY
)
PROPOSAL = Struct(
    "Proposal", height=U64, round=U32, block=HASH, pol_round=Option(U32), proposer=PUBLIC_KEY
)
SIGNED_VOTE = Struct("SignedVote", vote=VOTE, signature=SIGNATURE)
SIGNED_PROPOSAL = Struct("SignedProposal", proposal=PROPOSAL, signature=SIGNATURE)
EVIDENCE = Enum(
    "Evidence",
    Votes=Struct("TwoVotes", one=SIGNED_VOTE, other=SIGNED_VOTE),
    Proposals=Struct("TwoProposals", one=SIGNED_PROPOSAL, other=SIGNED_PROPOSAL),
)


def _check_validators(members):
    require(1 <= len(members) <= VALIDATORS_MAX, "an empty or too large validator set")
    require(ascends([member.account for member in members]), "validators out of order")
    require(len({member.key for member in members}) == len(members), "a key of two validators")
    require(all(member.power > 0 for member in members), "a validator without power")
    require(sum(member.power for member in members) <= TOTAL_POWER_MAX, "too much power")


VALIDATOR = Struct("Validator", account=ACCOUNT_ID, key=PUBLIC_KEY, power=U64)
VALIDATOR_SET = List(VALIDATOR, _check_validators)


def _check_certificate(certificate):
    require(len(certificate.signatures) <= VALIDATORS_MAX, "too many signatures")
    positions = [entry.validator for entry in certificate.signatures]
    require(ascends(positions), "certificate signers out of order")


COMMIT_SIGNATURE = Struct("CommitSignature", validator=U16, signature=SIGNATURE)
CERTIFICATE = Struct(
    "CommitCertificate", _check_certificate,
    height=U64, round=U32, block=HASH, signatures=List(COMMIT_SIGNATURE),
)


# Blocks.

HEADER = Struct(
    "BlockHeader",
    version=U32, upgrade_signal=U32, genesis=HASH, height=U64, round=U32, parent=HASH,
    time_ms=U64, proposer=ACCOUNT_ID, transaction_root=HASH, transaction_count=U32,
    state_root=HASH, validators_hash=HASH, next_validators_hash=HASH, evidence_root=HASH,
    evidence_count=U32, parent_certificate_hash=HASH,
)
BLOCK = Struct(
    "Block",
    header=HEADER, transactions=List(BLOB), evidence=List(EVIDENCE),
    parent_certificate=Option(CERTIFICATE),
)
FINAL_BLOCK = Struct("FinalBlock", block=BLOCK, certificate=CERTIFICATE)


# Genesis.

NETWORK_KIND = Enum("NetworkKind", Main=None, Test=None, Local=None)
PARAMETERS = Struct(
    "Parameters",
    fee_base=U64, fee_per_byte=U64, entry_fee=U64, block_bytes_max=U32,
    block_transactions_max=U32, idle_block_ms=U64, min_block_ms=U64, propose_timeout_ms=U64,
    vote_timeout_ms=U64, timeout_step_ms=U64, validators_max=U32, epoch_blocks=U64, bond_min=U64,
    unbonding_ms=U64, evidence_age_ms=U64, trust_period_ms=U64, slash_equivocation_permille=U16,
)
GENESIS_ACCOUNT = Struct("GenesisAccount", account=ACCOUNT_ID, balance=U64)
GENESIS_VALIDATOR = Struct(
    "GenesisValidator", account=ACCOUNT_ID, consensus_key=PUBLIC_KEY, stake=U64
)
GENESIS = Struct(
    "Genesis",
    name=STRING, kind=NETWORK_KIND, time_ms=U64, symbol=STRING, decimals=U8,
    parameters=PARAMETERS, accounts=List(GENESIS_ACCOUNT), validators=List(GENESIS_VALIDATOR),
)


# Entries of the state.

ACCOUNT = Struct("Account", nonce=U64, balance=U64, authority=HASH, history=HASH)
RECORD = Struct("Record", height=U64, time_ms=U64, note=STRING)
TOTALS = Struct("Totals", supply=U64, staked=U64, burned=U64)


# Entries of staking.

def _check_stake(stake):
    require(len(stake.releases) <= 9, "too many releases")
    require(ascends([release.epoch for release in stake.releases]), "releases out of order")


def _check_candidates(candidates):
    require(len(candidates) <= 2000, "too many candidates")
    require(ascends([(-one.bonded, one.account) for one in candidates]), "candidates out of order")


def _check_presence(presence):
    require(len(presence.signed) <= VALIDATORS_MAX, "presence of too many validators")


RELEASE = Struct("Release", amount=U64, epoch=U64)
STAKE_STATUS = Enum("StakeStatus", Active=None, SittingOut=None)
STAKE = Struct("Stake", _check_stake, consensus_key=PUBLIC_KEY, bonded=U64,
               releases=List(RELEASE), status=STAKE_STATUS)
CONSENSUS_KEY = Struct("ConsensusKey", account=ACCOUNT_ID, first=U64, until=Option(U64),
                       excluded=BOOL)
CANDIDATE = Struct("Candidate", bonded=U64, account=ACCOUNT_ID)
CANDIDATES = List(CANDIDATE, _check_candidates)
PRESENCE = Struct("Presence", _check_presence, counted=U32, signed=List(U32))
SCHEDULE = Struct("Schedule", release_first=U64, release_next=U64, epoch_first=U64)
QUEUED_RELEASE = Struct("QueuedRelease", account=ACCOUNT_ID)
EPOCH_END = Struct("EpochEnd", time_ms=U64)


# Proofs.

LIST_PROOF = Struct("ListProof", index=U32, count=U32, path=List(HASH))
