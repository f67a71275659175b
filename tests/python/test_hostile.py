"""The hostile corpus is what the golden vectors lead to, and all of it is refused."""

import unittest

import golden
import hostile
from starling import codec, state


class Corpus(unittest.TestCase):
    def test_is_the_one_the_golden_vectors_lead_to(self):
        written = (hostile.FOLDER / "patches.txt").read_text().splitlines()
        made = [hostile.line(*entry) for entry in hostile.corpus()]
        self.assertEqual(len(made), len(written), "write it anew: python3 tests/python/hostile.py")
        self.assertEqual(made, written, "write it anew: python3 tests/python/hostile.py")

    def test_a_page_out_of_order_or_with_a_key_twice_is_refused(self):
        proof = golden.read("state.txt")["proof_of_presence"].value
        entries = state.entries_of(proof.page)
        self.assertGreater(len(entries), 2)
        for order in (entries[::-1], entries + entries[-1:]):
            page = b"".join(state.page_of({k: v}) for k, v in order)
            data = codec.encode(state.STATE_PROOF, proof._replace(page=page))
            self.assertTrue(hostile.is_refused(state.STATE_PROOF, data))


if __name__ == "__main__":
    unittest.main()
