"""Hash, signatures and addresses, held against public vectors."""

import csv
import json
import unittest

from golden import REPOSITORY
from starling import bech32m, blake3, ed25519

VECTORS = REPOSITORY / "ledger/tests/vectors/ed25519"


def load(name):
    return json.loads((VECTORS / name).read_text())


def verdicts(name):
    rows = csv.DictReader((VECTORS / name).read_text().splitlines())
    return [row["zip215_verify"] == "1" for row in rows]


class Blake3(unittest.TestCase):
    def test_has_the_official_outputs_of_key_derivation(self):
        """From test_vectors.json of the BLAKE3 team: bytes 0 to 250, again and again."""
        context = "BLAKE3 2019-12-27 16:29:52 test vectors context"
        expected = {
            0: "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d",
            1: "b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c",
            1023: "74a16c1c3d44368a86e1ca6df64be6a2f64cce8f09220787450722d85725dea5",
            1024: "7356cd7720d5b66b6d0697eb3177d9f8d73a4a5c5e968896eb6a689684302706",
            1025: "effaa245f065fbf82ac186839a249707c3bddf6d3fdda22d1b95a3c970379bcb",
            2049: "2ea477c5515cc3dd606512ee72bb3e0e758cfae7232826f35fb98ca1bcbdf273",
            5121: "b07f01e518e702f7ccb44a267e9e112d403a7b3f4883a47ffbed4b48339b3c34",
            7169: "554b0a5efea9ef183f2f9b931b7497995d9eb26f5c5c6dad2b97d62fc5ac31d9",
        }
        for size, digest in expected.items():
            data = bytes(i % 251 for i in range(size))
            self.assertEqual(blake3.derive_key(context, data).hex(), digest, size)

    def test_many_at_once_are_as_one_by_one(self):
        messages = [bytes(range(size % 256)) * (1 + size % 3) for size in range(0, 300, 7)]
        expected = [blake3.derive_key("c", message) for message in messages]
        self.assertEqual(blake3.derive_keys("c", messages), expected)

    def test_parts_are_joined(self):
        self.assertEqual(blake3.derive_key("c", b"a", b"bc"), blake3.derive_key("c", b"abc"))


class Ed25519(unittest.TestCase):
    def both(self, key, message, signature):
        key, signature = bytes.fromhex(key), bytes.fromhex(signature)
        return (ed25519.satisfies_equation(key, message, signature),
                ed25519.verify(key, message, signature))

    def test_takes_the_signatures_of_rfc_8032(self):
        for case in load("rfc8032-7.1.json"):
            message = bytes.fromhex(case["msg"])
            self.assertEqual(self.both(case["pk"], message, case["sig"]), (True, True))
            self.assertFalse(self.both(case["pk"], message + b"!", case["sig"])[1])
            self.assertEqual(ed25519.public_key(bytes.fromhex(case["sk"])).hex(), case["pk"])

    def test_takes_the_signatures_of_the_reference_implementation(self):
        lines = (VECTORS / "rfc8032-sign.input").read_text().splitlines()
        self.assertEqual(len(lines), 128)
        for line in lines:
            _, key, message, signature = line.split(":")[:4]
            self.assertTrue(self.both(key, bytes.fromhex(message), signature[:128])[1])

    def test_speccheck_has_the_verdicts_of_zip_215(self):
        cases = load("speccheck-cases.json")
        found = [self.both(c["pub_key"], bytes.fromhex(c["message"]), c["signature"])
                 for c in cases]
        self.assertEqual([equation for equation, _ in found], verdicts("speccheck-expected.csv"))
        self.assertEqual([i for i, (_, ledger) in enumerate(found) if ledger], [2, 3, 4, 5, 9])

    def test_cctv_has_the_verdicts_of_zip_215(self):
        cases = load("cctv-ed25519vectors.json")
        found = [self.both(c["key"], c["msg"].encode(), c["sig"]) for c in cases]
        self.assertEqual([equation for equation, _ in found], verdicts("cctv-expected.csv"))
        self.assertEqual(len(found), 914)
        self.assertEqual([sum(column) for column in zip(*found)], [826, 300])

    def test_wycheproof_has_its_labels_but_for_one_case(self):
        count = 0
        for group in load("wycheproof-ed25519_test.json")["testGroups"]:
            for case in group["tests"]:
                message = bytes.fromhex(case["msg"])
                expected = case["result"] == "valid" or case["tcId"] == 151
                found = self.both(group["publicKey"]["pk"], message, case["sig"])
                self.assertEqual(found, (expected, expected), case["tcId"])
                count += 1
        self.assertEqual(count, 151)

    def test_the_vectors_of_zip_215_are_valid_and_all_of_small_order_keys(self):
        cases = load("zip215.json")
        self.assertEqual(len(cases), 196)
        for key, signature in cases:
            self.assertEqual(self.both(key, b"Zcash", signature), (True, False))


class Bech32m(unittest.TestCase):
    def test_addresses_round_trip_and_belong_to_one_kind_of_network(self):
        account = bytes(range(32))
        for kind in bech32m.PREFIXES:
            text = bech32m.encode(kind, account)
            self.assertEqual(bech32m.decode(kind, text), account)
            self.assertEqual(bech32m.decode(kind, text.upper()), account)
            for other in set(bech32m.PREFIXES) - {kind}:
                self.assertRaises(ValueError, bech32m.decode, other, text)

    def test_every_changed_symbol_is_found(self):
        text = bech32m.encode("Local", bytes([7] * 32))
        for at in range(len(text)):
            for symbol in "qp1Q":
                if symbol != text[at]:
                    typo = text[:at] + symbol + text[at + 1:]
                    self.assertRaises(ValueError, bech32m.decode, "Local", typo)

    def test_the_documents_of_the_repository_hold_addresses_of_known_keys(self):
        text = (REPOSITORY / "genesis/local.toml").read_text()
        from starling import hashes
        key = ed25519.public_key(hashes.local_seed("alice"))
        self.assertIn(bech32m.encode("Local", hashes.authority(("Key", key))), text)


if __name__ == "__main__":
    unittest.main()
