#!/usr/bin/env python3
"""Writes the golden values as the first inputs of the fuzz targets: seed.py CORPUS_FOLDER."""

import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "ledger/tests/vectors/golden"

TARGETS = {
    "Transaction": "transaction", "Block": "block", "FinalBlock": "final_block",
    "CommitCertificate": "certificate", "Evidence": "evidence", "SignedVote": "signed_vote",
    "SignedProposal": "signed_proposal", "Genesis": "genesis", "ListProof": "list_proof",
    "StateProof": "state_proof", "StateChunk": "state_chunk", "StateKey": "state_key",
    "SnapshotManifest": "snapshot_manifest", "Receipt": "receipt",
}
# In the order in which the target `state_entry` counts them.
ENTRIES = ["Account", "Record", "Stake", "ConsensusKey", "Presence", "Schedule", "QueuedRelease",
           "EpochEnd", "Candidates", "Totals", "ValidatorSet"]
TEXTS = ["00" * 32, "7:" + "ab" * 32, "1_000.5", "starlocal1q" + "q" * 58]
# Magic and version of a file; its checksum.
HEAD_BYTES, CHECKSUM_BYTES = 12, 32


def seeds():
    """Yields target and bytes."""
    for file in sorted(GOLDEN.glob("*.txt")):
        for line in file.read_text().splitlines():
            _, kind, digits = line.split()
            content = bytes.fromhex(digits)
            if kind == "Receipt" and content.startswith(b"STARRCPT"):
                content = content[HEAD_BYTES:-CHECKSUM_BYTES]
            if kind in ENTRIES:
                yield "state_entry", bytes([ENTRIES.index(kind)]) + content
            elif kind in TARGETS:
                yield TARGETS[kind], content
    for file in sorted((ROOT / "genesis").glob("*.toml")):
        yield "genesis_document", file.read_bytes()
    for text in TEXTS:
        yield "text", text.encode()


def main():
    corpus = Path(sys.argv[1])
    for target, content in seeds():
        folder = corpus / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / hashlib.sha1(content).hexdigest()).write_bytes(content)


main()
