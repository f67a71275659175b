"""A second implementation of Starling's formats, proofs and rules, in Python alone.

It shares no code with the node and is written from `ledger/tests/vectors/golden/README.md`. It is
for checking, not for speed: read it to see how little a verifier needs.
"""
