"""Makes the first inputs of the fuzz targets out of the ledger's golden values.

    python3 fuzz/seeds.py FOLDER

A fuzzer that begins with nothing does not find its way through a receipt or a block in seconds.
Each target has a folder; the shapes of its inputs stand in `src/bin`.
"""

import pathlib
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "ledger/tests/vectors/golden"

# Types whose golden values are inputs as they are.
PLAIN = {
    "Block": "block",
    "BlockHeader": "header",
    "CommitCertificate": "certificate",
    "Evidence": "evidence",
    "FinalBlock": "final_block",
    "Genesis": "genesis",
    "ListProof": "list_proof",
    "SignedProposal": "signed_proposal",
    "SignedVote": "signed_vote",
    "SnapshotManifest": "snapshot_manifest",
    "StateChunk": "state_chunk",
    "StateKey": "state_key",
    "StateProof": "state_proof",
    "Transaction": "transaction",
    "ValidatorSet": "validator_set",
}
# Entries of the state, in the order of their tags.
ENTRIES = [
    "Totals", "Account", "Record", "Stake", "ValidatorSet", "ConsensusKey", "Candidates",
    "Presence", "Schedule", "QueuedRelease", "EpochEnd",
]
FILE_HEAD, FILE_CHECKSUM = 12, 32


def u16(number):
    return struct.pack("<H", number)


def u32(number):
    return struct.pack("<I", number)


def u64(number):
    return struct.pack("<Q", number)


def sized(data):
    return u64(len(data)) + data


def piece(data):
    return u16(len(data)) + data


def golden():
    """All golden values: name, type, bytes."""
    for path in sorted(GOLDEN.glob("*.txt")):
        for line in path.read_text().splitlines():
            name, kind, digits = line.split(" ")
            yield name, kind, bytes.fromhex(digits)


def ledger(values):
    for name, (kind, data) in values.items():
        if kind in PLAIN:
            yield PLAIN[kind], data
        if kind in ENTRIES:
            yield "state_entry", bytes([ENTRIES.index(kind)]) + data
        if kind == "Receipt":
            yield "receipt", data[FILE_HEAD:-FILE_CHECKSUM]
        if kind == "Hash":
            yield "text", data.hex().encode()
    yield "history_proof", values["proof_of_presence"][1] + bytes(32) + u64(1) + bytes(32)
    yield "genesis_document", (ROOT / "genesis/local.toml").read_bytes()


def light(values):
    """What a light client reads, cut out of the golden manifest."""
    rest = values["manifest"][1][4:]
    cut = []
    for head, item in [(len(values["header"][1]), 0), (52, 66), (8, 72), (8, 72)]:
        count = struct.unpack("<Q", rest[head - 8:head])[0] if item else 0
        cut.append(rest[:head + count * item])
        rest = rest[head + count * item:]
    header, certificate, signed_by, validators = cut
    yield "remembered_point", header + b"\x01" + certificate + validators
    yield "light_step", header + certificate + b"\0\0"
    yield "light_step", header + certificate + b"\x01" + signed_by + b"\x01" + validators
    genesis = values["receipt_genesis"][1]
    entries = [(0, 6, header), (2, 5, certificate), (3, 8, signed_by), (9, 0, genesis),
               (9, 1, u64(1) + bytes(32)), (9, 2, u64(1)), (9, 4, u32(1)), (0, 7, u64(1)),
               (1, 5, u64(0) + u64(0) + b"\0"), (4, 8, u64(1) + u32(0))]
    yield "stored_chain", b"".join(bytes([at, key]) + piece(data) for at, key, data in entries)


def frames(values):
    """Frames of all lanes: the number of the lane, and the frame."""
    vote, proposal = values["signed_prevote"][1], values["signed_proposal"][1]
    certificate, evidence = values["certificate"][1], values["evidence_votes"][1]
    address = u32(0) + bytes([127, 0, 0, 1]) + u16(7000)
    hello = u32(1) * 2 + u64(0) + bytes([6]) * 32 + sized(b"local") + u64(9) + u64(1) + address
    yield 0, u32(0) + hello + u64(6) + u64(7)
    yield 0, u32(1) + u64(1)
    for kind, message in enumerate([proposal, vote, certificate, None, evidence]):
        if message:
            yield 0, u32(3) + u32(kind) + message
    yield 0, u32(3) + u32(3) + u64(7) + u32(5) + u32(0) + u64(1) + bytes(2) + u32(0) + bytes(65)
    yield 0, u32(4) + u64(9) + u32(5) + b"\x01\x01" + u32(2) + b"\0" + sized(b"\x01") + u64(0)
    yield 1, u32(0) + sized(values["block"][1])
    yield 1, u32(1) + u64(4) + bytes(32)
    yield 2, u32(0) + u64(1) + sized(values["key_transaction"][1])
    yield 3, u32(0) + u64(7) + bytes(32)
    yield 3, u32(1) + u64(1) + u32(3)
    yield 3, u32(2) + u64(4) + u64(1) + sized(values["final_block"][1])
    yield 3, u32(3) + u64(1) + u64(2)
    yield 4, u32(0)
    yield 4, u32(1) + u64(1) + bytes([14]) * 32 + u64(1) + address


def gossip(values):
    lanes = ["consensus", "blocks", "transactions", "sync", "address"]
    peer, stream = b"\0", b""
    for lane, frame in frames(values):
        yield f"frame_{lanes[lane]}", frame
        peer += bytes([lane, 9]) + piece(frame)
        stream += u32(len(frame)) + frame
        yield "hostile_peer", b"\0" + bytes([lane, 9]) + piece(frame)
    yield "hostile_peer", peer
    yield "lane_stream", b"\x03\x07" + stream
    yield "peer_key", bytes.fromhex("302a300506032b6570032100") + values["signed_prevote"][1][-96:-64]


def node(values):
    vote = values["signed_prevote"][1]
    height, key = vote[4:12], vote[-96:-64]
    log = piece(u64(1) + height + u32(0) + vote)
    log += piece(u64(1) + height + u32(3) + u32(0) + u32(1))
    guard = piece(key + height + u32(0) + u64(1) + u32(0) + vote)
    yield "consensus_log", log
    yield "sign_guard", guard
    yield "sign_guard", piece(key + u64(1) + u32(0) + u64(0)) + guard
    yield "record_frames", u16(40) + guard + log
    transaction = values["key_transaction"][1]
    waiting = piece(u32(1) + u64(2) + 2 * sized(transaction)) + piece(u32(1) + u64(0))
    yield "mempool_file", waiting
    yield "mempool_file", piece(u32(0) + u32(1) + bytes(32)) + waiting
    yield "mempool_file", 7 * piece(transaction)
    yield "http_call", b'{"jsonrpc":"2.0","id":1,"method":"block","params":{"height":"latest"}}'
    yield "http_call", b'[{"jsonrpc":"2.0","method":"blocks","params":[1,20]}]'
    yield "http_query", b"block\nheight=7\n7.0"
    yield "http_query", b"account\naddress=starlocal1q\nlocalhost:2026"
    yield "http_query", b"blocks\nfrom=latest&count=3\n[::1]:2026"
    for text in ["0.000001", "18446744073709551615", "7:" + "ab" * 32]:
        yield "text", text.encode()
    for line in (ROOT / "genesis/local.toml").read_text().split('"'):
        if line.startswith("starlocal1"):
            yield "text", line.encode()


def main(folder):
    values = {name: (kind, data) for name, kind, data in golden()}
    for part in ledger, light, gossip, node:
        for number, (target, data) in enumerate(part(values)):
            place = pathlib.Path(folder) / target
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{part.__name__}-{number}").write_bytes(data)


if __name__ == "__main__":
    main(*sys.argv[1:])
