"""A fuzzer for what strangers send: tokens, DPoP proofs, and what proxies tell of certificates.

It looks for exceptions other than `Refused`, and for forgeries: nothing but the seeds may pass. Run
it by hand, with atheris installed (it needs CPython 3.11 to 3.13):

    python tests/fuzz/tokens.py -max_total_time=600
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["ringwall.authn"]):
    from ringwall.authn import _certificates, _jws, _proof, _target, certificate
    from ringwall.authn._failure import Refused
    from ringwall.authn._keys import keys_from_jwks

from authn_support import b64, jwks, sign, unb64
from dpop_support import bound, prove

ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})
KEYS = keys_from_jwks(jwks("rsa", "p256", "ed25519"), ALGORITHMS, trusted=True)
VERIFIER = _proof.ProofVerifier(ALGORITHMS, 64)
READERS = [
    certificate.read_told("client-cert"),
    certificate.read_told("ssl-client-cert"),
    certificate.read_told("x-forwarded-client-cert"),
]
SEEDS = {sign(), sign(alg="ES256"), sign(alg="EdDSA"), prove(bound())}


def token(data: bytes) -> None:
    _jws.verify_compact(data, KEYS, 8192)
    assert data in SEEDS, "a forged token"


def proof(data: bytes) -> None:
    read = _proof.read_proof(data, ALGORITHMS, 8192)
    VERIFIER.verify(read)


def told(data: bytes) -> None:
    digest = _certificates.digest_of_xfcc(data)
    assert digest is None or len(digest) == 32
    for read in READERS:
        read(data)
    _target.read_url(data.decode("latin-1"))
    _jws.unverified_issuer(data, 8192)
    _jws.unverified_kid(data)


def one(data: bytes) -> None:
    # As it is, and as the decoded parts of a JWS: so the fuzzer gets past the alphabet.
    for candidate in (data, b".".join(map(b64, data.split(b"\n", 2)))):
        for judge in (token, proof, told):
            with contextlib.suppress(Refused):
                judge(candidate)


if __name__ == "__main__":
    corpus = Path(sys.argv[-1]) if not sys.argv[-1].startswith("-") else None
    if corpus is not None and corpus.is_dir():
        for number, seed in enumerate(sorted(SEEDS)):
            (corpus / f"seed-{number}").write_bytes(seed)
            decoded = b"\n".join(map(unb64, seed.split(b".")))
            (corpus / f"decoded-{number}").write_bytes(decoded)
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
