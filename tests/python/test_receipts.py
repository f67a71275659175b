"""Receipts: what each proves from the genesis, and that no changed byte proves it."""

import io
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import golden
import verify
from starling import bech32m, codec, ed25519, genesis as documents, hashes, light, receipt

START_MS = 1_767_225_600_000
NOW_MS = START_MS + 10_000


def account(name):
    return hashes.authority(("Key", ed25519.public_key(hashes.local_seed(name))))


class Receipts(unittest.TestCase):
    def setUp(self):
        self.vectors = golden.read("receipt.txt")
        self.genesis = self.vectors["receipt_genesis"].value

    def judge(self, name, now_ms=NOW_MS, checkpoint=None):
        return light.judge(self.vectors[name].value, self.genesis, now_ms, checkpoint)

    def value(self, name):
        return self.judge(name)[1].value

    def checkpoint(self):
        _, anchor = self.vectors["account_from_checkpoint"].value.anchor
        return anchor.header.height, hashes.block(anchor.header)

    def test_states_are_proven_present_and_absent(self):
        point, fact = self.judge("account_present")
        self.assertEqual((point.height, fact.subject), (6, account("alice")))
        self.assertEqual(fact.value.nonce, 4)
        self.assertEqual(self.judge("account_absent")[1], ("Account", account("stranger"), None))
        self.assertEqual(self.value("record_present")[::2], (1, "minutes"))
        self.assertIsNone(self.value("record_absent"))
        stake, power = self.value("validator_present")
        self.assertEqual((stake.bonded, power), (500_000_000_000, 500_000_000_000))
        self.assertEqual(self.value("validator_absent"), (None, None))

    def test_one_skips_to_other_validators_and_one_follows_each_epoch(self):
        skipping = self.vectors["account_present"].value.steps
        self.assertEqual([step.header.height for step in skipping], [6])
        self.assertEqual(len(skipping[0].validators), 5)
        each = self.vectors["account_absent"].value.steps
        self.assertEqual([step.header.height for step in each], [4, 6])
        self.assertIsNotNone(each[0].next_validators)

    def test_what_became_of_a_transaction_is_proven(self):
        point, fact = self.judge("transaction_in_block")
        self.assertEqual((point.height, fact.value), (2, 0))
        for past in ("happened", "open", "expired", "replaced"):
            self.assertEqual(self.value("history_" + past), past)

    def test_a_checkpoint_has_to_be_known(self):
        for checkpoint in (None, (5, bytes(32)), (4, self.checkpoint()[1])):
            with self.assertRaises(light.NotProven):
                self.judge("account_from_checkpoint", checkpoint=checkpoint)
        point, _ = self.judge("account_from_checkpoint", checkpoint=self.checkpoint())
        self.assertEqual(point.height, 6)

    def test_a_point_vouches_for_a_while_but_the_first_validators_always(self):
        late = START_MS + self.genesis.parameters.trust_period_ms + 100_000
        self.assertEqual(self.judge("account_present", late)[0].height, 6)
        with self.assertRaises(light.NotProven):
            self.judge("account_absent", late)
        with self.assertRaises(light.NotProven):
            self.judge("account_present", START_MS - light.CLOCK_DRIFT_MS)

    def test_no_changed_byte_proves_it_even_with_a_fitting_checksum(self):
        """Every byte where a flip is cheap to judge, and every 17th of the rest."""
        for name in ("account_present", "history_happened", "transaction_in_block"):
            good = codec.encode(receipt.RECEIPT, self.vectors[name].value)
            for at in range(0, len(good), 17):
                bad = good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1:]
                with self.assertRaises((light.NotProven, codec.Malformed), msg=(name, at)):
                    changed = codec.decode(receipt.RECEIPT, bad)
                    light.judge(changed, self.genesis, NOW_MS)

    def test_proofs_and_steps_of_another_receipt_prove_nothing(self):
        whole = self.vectors["account_present"].value
        subject = self.vectors["record_present"].value.subject[1]
        crossed = whole._replace(subject=("Account", whole.subject[1]._replace(proof=subject.proof)))
        with self.assertRaises((light.NotProven, codec.Malformed)):
            light.judge(crossed, self.genesis, NOW_MS)
        step = whole.steps[0]
        half = step.certificate._replace(signatures=step.certificate.signatures[:3])
        with self.assertRaises(light.NotProven):
            steps = [step._replace(certificate=half)]
            light.judge(whole._replace(steps=steps), self.genesis, NOW_MS)


class Command(unittest.TestCase):
    """`verify.py`, as people call it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.vectors = golden.read("receipt.txt")
        self.document = self.folder / "genesis.toml"
        self.document.write_text(self.written(self.vectors["receipt_genesis"].value))

    def written(self, genesis):
        """The genesis as people write it: all of it is that of a local network but the epochs."""
        lines = ['name = "%s"' % genesis.name, 'kind = "local"', "time_ms = %d" % genesis.time_ms,
                 "[parameters]"]
        for name, value in zip(genesis.parameters._fields, genesis.parameters):
            text = '"%d.%06d"' % divmod(value, 10**6) if name in documents.AMOUNTS else value
            lines.append("%s = %s" % (name, text))
        for listed in genesis.accounts:
            lines += ["[[accounts]]", 'address = "%s"' % bech32m.encode("Local", listed.account),
                      'balance = "%d"' % (listed.balance // 10**6)]
        for listed in genesis.validators:
            lines += ["[[validators]]", 'address = "%s"' % bech32m.encode("Local", listed.account),
                      'consensus_key = "%s"' % listed.consensus_key.hex(),
                      'stake = "%d"' % (listed.stake // 10**6)]
        return "\n".join(lines)

    def run_on(self, data, *arguments):
        path = self.folder / "receipt"
        path.write_bytes(data)
        out = io.StringIO()
        with redirect_stdout(out):
            code = verify.main(["--genesis", str(self.document), "--now", str(NOW_MS),
                                *arguments, str(path)])
        return code, out.getvalue()

    def test_says_what_is_proven_and_exits_with_0(self):
        code, text = self.run_on(self.vectors["account_present"].bytes)
        self.assertEqual(code, 0)
        self.assertIn("PROVEN as of block 6", text)
        self.assertIn(bech32m.encode("Local", account("alice")) + " holds", text)
        _, anchor = self.vectors["account_from_checkpoint"].value.anchor
        given = "%d:%s" % (anchor.header.height, hashes.block(anchor.header).hex())
        data = self.vectors["account_from_checkpoint"].bytes
        self.assertEqual(self.run_on(data, "--checkpoint", given)[0], 0)

    def test_exits_with_9_for_every_flipped_byte(self):
        good = self.vectors["record_present"].bytes
        for at in range(len(good)):
            bad = good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1:]
            code, text = self.run_on(bad)
            self.assertEqual((code, "NOT PROVEN" in text), (9, True), at)

    def test_exits_with_9_for_another_network_and_with_2_for_no_file(self):
        self.document.write_text((golden.REPOSITORY / "genesis/local.toml").read_text())
        self.assertEqual(self.run_on(self.vectors["account_present"].bytes)[0], 9)
        missing = ["--genesis", str(self.folder / "none"), "--now", "1", "x"]
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            self.assertEqual(verify.main(missing), 2)


if __name__ == "__main__":
    unittest.main()
