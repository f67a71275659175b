"""Reads the golden vectors: lines of a name, a type, and bytes in hex."""

from pathlib import Path

from starling import codec, ed25519, receipt, snapshot, state, types

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "ledger/tests/vectors/golden"


class StateKey:
    """The key of an entry, checked by its tag and length."""

    # Bytes after the tag.
    SIZES = {state.TOTALS: 0, state.ACCOUNT: 32, state.RECORD: 64, state.STAKE: 32,
             state.VALIDATORS: 1, state.CONSENSUS_KEY: 32, state.CANDIDATES: 0,
             state.PRESENCE: 0, state.SCHEDULE: 0, state.RELEASE: 8, state.EPOCH_END: 8}

    def read(self, reader):
        key = reader.take(reader.left())
        size = self.SIZES.get(key[0]) if key else None
        types.require(size is not None and len(key) == 1 + size, "the key of no entry")
        types.require(key[0] != state.VALIDATORS or key[1] < 2, "a slot that does not exist")
        types.require(key[0] != state.CONSENSUS_KEY or ed25519.is_public_key(key[1:]),
                      "no public key")
        return key

    def write(self, value):
        return value


class ReceiptFile:
    """A whole file: magic, version, content, checksum."""

    def read(self, reader):
        return receipt.read(reader.take(reader.left()))

    def write(self, value):
        return receipt.write(value)


SCHEMAS = {
    "Action": types.ACTION, "Authority": types.AUTHORITY, "AccountId": types.ACCOUNT_ID,
    "Body": types.BODY, "TransactionId": types.HASH, "Transaction": types.TRANSACTION,
    "WireId": types.HASH, "Hash": types.HASH, "Vote": types.VOTE, "Proposal": types.PROPOSAL,
    "SignedVote": types.SIGNED_VOTE, "SignedProposal": types.SIGNED_PROPOSAL,
    "CommitCertificate": types.CERTIFICATE, "Evidence": types.EVIDENCE,
    "ValidatorSet": types.VALIDATOR_SET, "BlockHeader": types.HEADER, "BlockHash": types.HASH,
    "Block": types.BLOCK, "FinalBlock": types.FINAL_BLOCK, "Genesis": types.GENESIS,
    "StateProof": state.STATE_PROOF, "StateKey": StateKey(), "Account": types.ACCOUNT,
    "Record": types.RECORD, "Totals": types.TOTALS, "Stake": types.STAKE,
    "ConsensusKey": types.CONSENSUS_KEY, "Candidates": types.CANDIDATES,
    "Presence": types.PRESENCE, "Schedule": types.SCHEDULE, "EpochEnd": types.EPOCH_END,
    "QueuedRelease": types.QUEUED_RELEASE,
    "ListProof": types.LIST_PROOF, "u32": codec.U32, "Receipt": ReceiptFile(),
    "SnapshotManifest": snapshot.MANIFEST, "StateChunk": snapshot.CHUNK,
}


class Vector:
    """One value: where it stands, its schema, its bytes, and what they decode to."""

    def __init__(self, line):
        self.name, kind, text = line.split()
        self.bytes = bytes.fromhex(text)
        self.schema = SCHEMAS[kind]
        self.value = codec.decode(self.schema, self.bytes)


def read(name):
    """Returns the vectors of a file by their names."""
    lines = (FOLDER / name).read_text().splitlines()
    return {vector.name: vector for vector in map(Vector, lines)}


def files():
    """Returns the names of all files of vectors."""
    return sorted(path.name for path in FOLDER.glob("*.txt"))
