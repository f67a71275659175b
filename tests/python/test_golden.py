"""Every golden vector: decoded, encoded again, and its hashes and signatures recomputed."""

import unittest

import golden
from starling import codec, ed25519, genesis, hashes, merkle, state, types

NETWORK = hashes.derive_key("starling v1 genesis", b"golden")


def local_key(name):
    return ed25519.public_key(hashes.local_seed(name))


def authorizes(transaction, network):
    """Says whether the signatures of a transaction are those its authority asks for."""
    kind, content = transaction.authority
    keys, count = ([content], 1) if kind == "Key" else (content.keys, content.threshold)
    message = hashes.transaction_id(network, hashes.sender(transaction), transaction.body)
    keys = iter(keys)
    # Each signature is by a later key than the one before: `any` goes on where it stopped.
    return len(transaction.signatures) == count and all(
        any(ed25519.verify(key, message, signature) for key in keys)
        for signature in transaction.signatures)


class EveryVector(unittest.TestCase):
    def setUp(self):
        self.vectors = [v for name in golden.files() for v in golden.read(name).values()]
        self.assertGreater(len(self.vectors), 50)

    def test_encodes_to_the_bytes_it_was_decoded_from(self):
        for vector in self.vectors:
            self.assertEqual(codec.encode(vector.schema, vector.value), vector.bytes, vector.name)

    def test_is_refused_with_a_byte_more_or_less(self):
        for vector in self.vectors:
            for other in (vector.bytes + b"\0", vector.bytes[:-1]):
                with self.assertRaises(codec.Malformed, msg=vector.name):
                    codec.decode(vector.schema, other)


class Transactions(unittest.TestCase):
    def setUp(self):
        self.vectors = golden.read("transaction.txt")

    def test_hashes_and_signatures_are_those_of_the_format(self):
        for name in ("key", "policy"):
            get = lambda part: self.vectors["%s_%s" % (name, part)]
            transaction = get("transaction").value
            sender = hashes.sender(transaction)
            self.assertEqual(sender, get("sender").value)
            self.assertEqual(transaction.body, get("body").value)
            self.assertEqual(transaction.authority, get("authority").value)
            identity = hashes.transaction_id(NETWORK, sender, transaction.body)
            self.assertEqual(identity, get("transaction_id").value)
            self.assertEqual(hashes.wire_id(get("transaction").bytes), get("wire_id").value)
            self.assertTrue(authorizes(transaction, NETWORK))
            self.assertFalse(authorizes(transaction, hashes.ZERO))
            swapped = transaction._replace(signatures=transaction.signatures[::-1])
            self.assertEqual(authorizes(swapped, NETWORK), name == "key")

    def test_all_six_actions_are_there(self):
        actions = self.vectors["key_transaction"].value.body.actions
        self.assertEqual({name for name, _ in actions}, set(types.ACTION.variants))

    def test_the_proof_of_possession_binds_network_and_account(self):
        _, bond = self.vectors["action_bond"].value
        message = hashes.possession(NETWORK, hashes.authority(("Key", local_key("alice"))))
        self.assertTrue(ed25519.verify(bond.consensus_key, message, bond.proof_of_possession))
        other = hashes.possession(NETWORK, hashes.authority(("Key", local_key("bob"))))
        self.assertFalse(ed25519.verify(bond.consensus_key, other, bond.proof_of_possession))


class Consensus(unittest.TestCase):
    def setUp(self):
        self.vectors = golden.read("consensus.txt")

    def value(self, name):
        return self.vectors[name].value

    def test_votes_and_proposals_are_signed(self):
        self.assertEqual(hashes.vote(NETWORK, self.value("vote")), self.value("vote_sign_hash"))
        self.assertEqual(hashes.proposal(NETWORK, self.value("proposal")),
                         self.value("proposal_sign_hash"))
        for name in ("signed_prevote", "signed_precommit_nil"):
            signed = self.value(name)
            message = hashes.vote(NETWORK, signed.vote)
            self.assertTrue(ed25519.verify(signed.vote.validator, message, signed.signature))
        for name in ("signed_proposal", "signed_proposal_locked"):
            signed = self.value(name)
            message = hashes.proposal(NETWORK, signed.proposal)
            self.assertTrue(ed25519.verify(signed.proposal.proposer, message, signed.signature))

    def test_evidence_and_sets_have_their_hashes(self):
        self.assertEqual(hashes.evidence(self.value("evidence_votes")),
                         self.value("evidence_votes_hash"))
        self.assertEqual(hashes.validator_set(self.value("validator_set")),
                         self.value("validator_set_hash"))
        self.assertEqual(hashes.certificate(self.value("certificate")),
                         self.value("certificate_hash"))

    def test_the_certificate_holds_precommits_of_alice_and_carol(self):
        certificate = self.value("certificate")
        for name, entry in zip(("alice", "carol"), certificate.signatures):
            vote = types.VOTE(vote_type=("Precommit", None), height=certificate.height,
                              round=certificate.round, block=certificate.block,
                              validator=local_key(name))
            message = hashes.vote(NETWORK, vote)
            self.assertTrue(ed25519.verify(vote.validator, message, entry.signature))


class Blocks(unittest.TestCase):
    def test_the_header_commits_to_the_content(self):
        vectors = golden.read("block.txt")
        block = vectors["block"].value
        header = block.header
        self.assertEqual(hashes.block(header), vectors["block_hash"].value)
        self.assertEqual(merkle.root([hashes.wire_id(raw) for raw in block.transactions]),
                         header.transaction_root)
        self.assertEqual(merkle.root([hashes.evidence(item) for item in block.evidence]),
                         header.evidence_root)
        self.assertEqual(hashes.certificate(block.parent_certificate),
                         header.parent_certificate_hash)
        self.assertEqual(vectors["final_block"].value.block, block)
        for raw in block.transactions:
            codec.decode(types.TRANSACTION, raw, types.TRANSACTION_BYTES_MAX)

    def test_the_genesis_has_its_hash(self):
        vectors = golden.read("genesis.txt")
        for name in ("genesis", "local_genesis"):
            found = hashes.genesis(vectors[name].value)
            self.assertEqual(found, vectors[name + "_hash"].value)

    def test_the_document_of_the_repository_is_the_local_genesis(self):
        text = (golden.REPOSITORY / "genesis/local.toml").read_text()
        self.assertEqual(genesis.from_toml(text),
                         golden.read("genesis.txt")["local_genesis"].value)


class State(unittest.TestCase):
    def setUp(self):
        self.vectors = golden.read("state.txt")

    def value(self, name):
        return self.vectors[name].value

    def test_keys_and_entries_are_those_of_the_format(self):
        alice = hashes.authority(("Key", local_key("alice")))
        self.assertEqual(state.key(state.TOTALS), self.value("key_of_totals"))
        self.assertEqual(state.key(state.ACCOUNT, alice), self.value("key_of_account"))
        self.assertEqual(state.key(state.STAKE, alice), self.value("key_of_stake"))
        staking = golden.read("staking.txt")
        number = lambda value: value.to_bytes(8, "big")
        for name, key in (
                ("validators", state.key(state.VALIDATORS, b"\1")),
                ("consensus_key", state.key(state.CONSENSUS_KEY, local_key("bob"))),
                ("candidates", state.key(state.CANDIDATES)),
                ("presence", state.key(state.PRESENCE)),
                ("schedule", state.key(state.SCHEDULE)),
                ("release", state.key(state.RELEASE, number(0x01020304))),
                ("epoch_end", state.key(state.EPOCH_END, number(7)))):
            self.assertEqual(key, staking["key_of_" + name].value)
        digest = hashes.derive_key("starling v1 local key", b"document")
        self.assertEqual(state.key(state.RECORD, alice, digest), self.value("key_of_record"))
        one = hashes.derive_key("starling v1 transaction", b"one")
        self.assertEqual(hashes.history(hashes.ZERO, one), self.value("account_history_of_one"))
        self.assertEqual(self.value("account_after_one").history,
                         self.value("account_history_of_one"))

    def test_roots_follow_from_the_entries_alone(self):
        forty = {bytes([n] * 33): bytes([n] * 80) for n in range(40)}
        self.assertEqual(state.Trie().root(forty), self.value("state_root"))
        deep = {n.to_bytes(4, "little"): b"\7" * 600 for n in (0, self.value("deep_number"))}
        self.assertEqual(state.Trie().root(deep), self.value("deep_root"))
        self.assertEqual(state.Trie().root({}), self.value("empty_root"))

    def test_proofs_show_presence_and_absence(self):
        cases = [
            ("proof_of_presence", "state_root", bytes([1] * 33), bytes([1] * 80)),
            ("proof_of_absence", "state_root", bytes([200] * 33), None),
            ("proof_in_empty", "empty_root", b"any", None),
            ("deep_proof", "deep_root", self.vectors["deep_number"].bytes, b"\7" * 600),
        ]
        for name, root, key, expected in cases:
            proof = self.value(name)
            self.assertEqual(state.prove(proof, self.value(root), key), expected, name)
            with self.assertRaises(codec.Malformed):
                state.prove(proof, bytes([7] * 32), key)
        self.assertGreaterEqual(len(self.value("deep_proof").siblings), 16)

    def test_no_flipped_bit_of_a_proof_shows_the_same_root(self):
        for name, root, key in (("proof_of_presence", "state_root", bytes([1] * 33)),
                                ("proof_of_absence", "state_root", bytes([200] * 33))):
            good = self.vectors[name].bytes
            for at in range(len(good)):
                bad = good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1:]
                with self.assertRaises(codec.Malformed):
                    proof = codec.decode(state.STATE_PROOF, bad)
                    state.prove(proof, self.value(root), key)

    def test_the_list_proof_shows_its_item_and_no_other(self):
        items = [bytes([n] * 32) for n in range(7)]
        root, proof = self.value("list_root_of_seven"), self.value("list_proof_of_sixth")
        self.assertEqual(merkle.root(items), root)
        proven = [merkle.proves(proof, root, item) for item in items]
        self.assertEqual(proven, [False] * 5 + [True, False])
        shorter = proof._replace(path=proof.path[:-1])
        self.assertFalse(merkle.proves(shorter, root, items[5]))
        self.assertFalse(merkle.proves(proof._replace(index=4), root, items[5]))


if __name__ == "__main__":
    unittest.main()
