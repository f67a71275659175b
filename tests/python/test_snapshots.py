"""Snapshots: the manifest leads to the root of its header, and so does every chunk."""

import unittest

import golden
from starling import codec, hashes, light, snapshot, state


class Snapshots(unittest.TestCase):
    def setUp(self):
        self.vectors = golden.read("snapshot.txt")
        self.manifest = self.vectors["manifest"].value
        self.root = self.manifest.header.state_root

    def test_the_manifest_is_final_and_lists_the_chunks_of_its_state(self):
        manifest, header = self.manifest, self.manifest.header
        genesis = golden.read("receipt.txt")["receipt_genesis"].value
        self.assertEqual(manifest.certificate.block, hashes.block(header))
        light.check_certificate(manifest.certificate, hashes.genesis(genesis), manifest.signed_by)
        self.assertEqual(hashes.validator_set(manifest.signed_by), header.validators_hash)
        self.assertEqual(hashes.validator_set(manifest.validators), header.next_validators_hash)
        self.assertEqual(snapshot.tiled_root(manifest.chunks), self.root)
        twice = manifest.chunks + manifest.chunks
        self.assertRaises(codec.Malformed, snapshot.tiled_root, twice)

    def test_chunks_are_proven_by_the_root_alone(self):
        summary, entries = snapshot.prove(self.vectors["chunk_of_all"].value, self.root)
        self.assertEqual([summary], self.manifest.chunks)
        self.assertEqual(state.Trie().root(entries), self.root)
        half, root = self.vectors["chunk_of_half"].value, self.vectors["half_root"].value
        summary, entries = snapshot.prove(half, root)
        self.assertEqual((summary.path, summary.entries), ("0", 1))
        self.assertEqual(entries, {self.vectors["half_number"].bytes: b"small"})

    def test_no_changed_byte_is_proven(self):
        for name, root in (("chunk_of_half", self.vectors["half_root"].value),
                           ("chunk_of_all", self.root)):
            good = self.vectors[name].bytes
            step = 1 if len(good) < 200 else 13
            for at in range(0, len(good), step):
                bad = good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1:]
                with self.assertRaises(codec.Malformed):
                    snapshot.prove(codec.decode(snapshot.CHUNK, bad), root)


if __name__ == "__main__":
    unittest.main()
