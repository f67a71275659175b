"""The birth document of a network, from the TOML that people write. `genesis/README.md` lists it."""

import tomllib

from . import bech32m
from .types import (GENESIS, GENESIS_ACCOUNT, GENESIS_VALIDATOR, PARAMETERS, VALIDATOR)

DAY_MS = 24 * 60 * 60 * 1000
AMOUNTS = ("fee_base", "fee_per_byte", "entry_fee", "bond_min")
DEFAULTS = dict(
    fee_base="0.0008", fee_per_byte="0.000001", entry_fee="0.01", block_bytes_max=2 * 1024 * 1024,
    block_transactions_max=10_000, idle_block_ms=10_000, min_block_ms=250,
    propose_timeout_ms=1_000, vote_timeout_ms=500, timeout_step_ms=250, validators_max=100,
    epoch_blocks=1_000, bond_min="1000", unbonding_ms=21 * DAY_MS, evidence_age_ms=20 * DAY_MS,
    trust_period_ms=14 * DAY_MS, slash_equivocation_permille=50,
)


def amount(text, decimals):
    """Returns the base units of a decimal text, which are a whole number."""
    whole, point, part = text.partition(".")
    digits = whole + part.ljust(decimals, "0")
    if not (whole.isdecimal() and digits.isascii() and len(part) <= decimals
            and (part.isdecimal() or not point)):
        raise ValueError("not an amount: %r" % text)
    return int(digits)


def from_toml(text):
    """Reads a document. The node also checks the rules that numbers keep; this does not."""
    document = tomllib.loads(text)
    kind, decimals = document["kind"].capitalize(), document.get("decimals", 6)
    written = document.get("parameters", {})
    unknown = set(written) - set(DEFAULTS)
    if unknown:
        raise ValueError("unknown parameters: %s" % unknown)
    numbers = {**DEFAULTS, **written}
    numbers.update({name: amount(numbers[name], decimals) for name in AMOUNTS})
    accounts = [GENESIS_ACCOUNT(account=bech32m.decode(kind, listed["address"]),
                                balance=amount(listed["balance"], decimals))
                for listed in document.get("accounts", [])]
    validators = [GENESIS_VALIDATOR(account=bech32m.decode(kind, listed["address"]),
                                    consensus_key=bytes.fromhex(listed["consensus_key"]),
                                    stake=amount(listed["stake"], decimals))
                  for listed in document["validators"]]
    return GENESIS(
        name=document["name"], kind=(kind, None), time_ms=document["time_ms"],
        symbol=document.get("symbol", "STAR"), decimals=decimals,
        parameters=PARAMETERS(**numbers),
        accounts=sorted(accounts, key=lambda listed: listed.account),
        validators=sorted(validators, key=lambda listed: listed.account),
    )


def validator_set(genesis):
    """The validators that sign block 1: a stake is voting power."""
    return sorted(VALIDATOR(account=listed.account, key=listed.consensus_key, power=listed.stake)
                  for listed in genesis.validators)
