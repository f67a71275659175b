"""Receipt files: magic, version, content, checksum. The format stands in `ledger/src/light`."""

from .blake3 import derive_key
from .codec import BLOB, Enum, List, Option, Struct, decode, encode
from .state import STATE_PROOF
from .types import ACCOUNT_ID, CERTIFICATE, HASH, HEADER, LIST_PROOF, VALIDATOR_SET, require

RECEIPT_BYTES_MAX = 8 * 1024 * 1024
STEPS_MAX = 1000
HISTORY_IDS_MAX = 16 * 1024
MAGIC, VERSION = b"STARRCPT", 1

LIGHT_STEP = Struct("LightStep", header=HEADER, certificate=CERTIFICATE,
                    validators=Option(VALIDATOR_SET), next_validators=Option(VALIDATOR_SET))
ANCHOR = Enum("Anchor", Genesis=None,
              Checkpoint=Struct("AnchorCheckpoint", header=HEADER, next_validators=VALIDATOR_SET))


def _check_history(proof):
    require(len(proof.ids) <= HISTORY_IDS_MAX, "a history of too many ids")


HISTORY_PROOF = Struct("HistoryProof", _check_history,
                       account=STATE_PROOF, before=HASH, ids=List(HASH))
SUBJECT = Enum(
    "Subject",
    Account=Struct("SubjectAccount", account=ACCOUNT_ID, proof=STATE_PROOF),
    Record=Struct("SubjectRecord", sender=ACCOUNT_ID, digest=HASH, proof=STATE_PROOF),
    Validator=Struct("SubjectValidator", account=ACCOUNT_ID, proof=STATE_PROOF),
    Transaction=Struct("SubjectTransaction", raw=BLOB, proof=LIST_PROOF),
    History=Struct("SubjectHistory", raw=BLOB, proof=HISTORY_PROOF),
)


def _check_receipt(receipt):
    require(len(receipt.steps) <= STEPS_MAX, "a receipt of too many steps")


RECEIPT = Struct("Receipt", _check_receipt,
                 genesis=HASH, anchor=ANCHOR, steps=List(LIGHT_STEP), subject=SUBJECT)


def _checksum(data):
    return derive_key("starling v1 file", data)


def read(data):
    """Decodes a file; raises Malformed."""
    require(len(data) <= RECEIPT_BYTES_MAX, "too large for a receipt")
    require(data[:8] == MAGIC, "not a receipt")
    require(int.from_bytes(data[8:12], "little") == VERSION, "a receipt of another version")
    require(len(data) >= 12 + 32 and _checksum(data[:-32]) == data[-32:],
            "damaged: the checksum does not fit")
    return decode(RECEIPT, data[12:-32])


def write(receipt):
    """Encodes a file."""
    data = MAGIC + VERSION.to_bytes(4, "little") + encode(RECEIPT, receipt)
    return data + _checksum(data)
