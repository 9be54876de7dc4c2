"""JSON Web Signature, compact serialisation (RFC 7515): a strict parser and the check of one token.

The order of the checks is the defence: length before anything, one alphabet and exactly two dots
before any split, the algorithm from the key and the allow-list, never from the token alone.
"""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._failure import TOO_LONG, Failure, Refused
from ._json import NotJSON, strict_json

if TYPE_CHECKING:
    from ._keys import KeySet

MALFORMED = Failure("malformed-token", "The token is not a JWT in compact serialisation.")
BAD_ALGORITHM = Failure("invalid-algorithm", "The token is signed with a refused algorithm.")
UNKNOWN_KEY = Failure("unknown-key", "The token is signed with a key that is not trusted here.")
BAD_SIGNATURE = Failure("invalid-signature", "The signature of the token is not valid.")

# The same to the client, but the token names no key: it may be signed with one that is new.
NO_KEY_FITS = Failure(BAD_SIGNATURE.code, BAD_SIGNATURE.detail)

JWS_FAILURES = (MALFORMED, TOO_LONG, BAD_ALGORITHM, UNKNOWN_KEY, BAD_SIGNATURE, NO_KEY_FITS)
# What newer keys could mend.
KEY_FAILURES = (UNKNOWN_KEY, NO_KEY_FITS)

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
# The characters a segment may end with, by its length modulo 4: those whose unused bits are zero.
# Without this check one signature has several spellings (RFC 4648 section 3.5).
_LAST = (frozenset(_ALPHABET), frozenset(b""), frozenset(b"AQgw"), frozenset(_ALPHABET[::4]))
_PADDING = (b"", b"", b"==", b"=")

_LONGEST_KID = 256
# A token without `kid` is tried against this many keys at most: each costs a verification.
_MOST_CANDIDATES = 8
_MOST_MEMOS = 64


class Header:
    """What is read of a JOSE header. `jwk`, `jku`, `x5u` and `x5c` are never looked at.

    Attributes:
        members: all of it, for what a preset needs beyond these three.
    """

    __slots__ = ("alg", "kid", "members", "typ")

    def __init__(
        self, alg: str, kid: str | None, typ: str | None, members: Mapping[str, Any]
    ) -> None:
        self.alg = alg
        self.kid = kid
        self.typ = typ
        self.members = members


def decode_segment(segment: bytes) -> bytes:
    """Decode base64url without padding; the caller has checked the alphabet.

    Raises:
        Refused: impossible length, or unused bits that are not zero.

    >>> decode_segment(b"AQ")
    b'\\x01'
    """
    tail = len(segment) & 3
    if segment and segment[-1] not in _LAST[tail]:
        raise Refused(MALFORMED)
    return a2b_base64(segment.translate(_TO_STANDARD) + _PADDING[tail])


def parse_header(segment: bytes) -> Header:
    """Read a protected header.

    Raises:
        Refused: not a JSON object, a member of the wrong type, or `crit` or `b64` present: no
            extension is understood here, so each critical one is refused (RFC 7515 section
            4.1.11), and an unencoded payload (RFC 7797) is not a JWT.
    """
    try:
        header: Any = strict_json(decode_segment(segment))
    except NotJSON:
        raise Refused(MALFORMED) from None
    if type(header) is not dict or "crit" in header or "b64" in header:
        raise Refused(MALFORMED)
    alg = header.get("alg")
    kid = header.get("kid")
    typ = header.get("typ")
    if type(alg) is not str:
        raise Refused(MALFORMED)
    if "kid" in header and (type(kid) is not str or len(kid) > _LONGEST_KID):
        raise Refused(MALFORMED)
    if "typ" in header and type(typ) is not str:
        raise Refused(MALFORMED)
    return Header(alg, kid, typ, header)


def verify_compact(token: bytes, keys: KeySet, max_length: int) -> tuple[Header, bytes]:
    """Verify the signature of a compact JWS and return its header and payload.

    Parameters:
        token: the bytes as they came.
        keys: trusted keys, already narrowed to the allowed algorithms.
        max_length: the longest accepted token, in bytes.

    Raises:
        Refused: with the Failure that tells why.
    """
    head, payload, signature, signed = split_compact(token, max_length)
    return _verify_parts(head, payload, signature, signed, keys)


def split_compact(token: bytes, max_length: int) -> tuple[bytes, bytes, bytes, bytes]:
    """The header and payload as they were sent, the signature, and what it signs.

    Raises:
        Refused: too long, or no compact JWS.
    """
    if len(token) > max_length:
        raise Refused(TOO_LONG)
    # One pass says both: only base64url, and exactly two dots (five parts would be a JWE).
    if token.translate(None, _ALPHABET) != b"..":
        raise Refused(MALFORMED)
    head, payload, last = token.split(b".")
    return head, payload, decode_segment(last), token[: len(head) + 1 + len(payload)]


def verify_padded(token: bytes, keys: KeySet, max_length: int) -> tuple[Header, bytes]:
    """`verify_compact` for the one signer (AWS ALB) that pads its base64url, each segment to a
    multiple of four: that is the only spelling accepted, and it is what the signature covers."""
    if len(token) > max_length:
        raise Refused(TOO_LONG)
    if token.translate(None, _ALPHABET + b"=") != b"..":
        raise Refused(MALFORMED)
    head, payload, last = map(_unpad, token.split(b"."))
    return _verify_parts(head, payload, decode_segment(last), token[: token.rindex(b".")], keys)


def _unpad(segment: bytes) -> bytes:
    bare = segment.rstrip(b"=")
    if b"=" in bare or segment != bare + _PADDING[len(bare) & 3]:
        raise Refused(MALFORMED)
    return bare


def _verify_parts(
    head: bytes, payload: bytes, signature: bytes, signed: bytes, keys: KeySet
) -> tuple[Header, bytes]:
    # Issuers send the same header with every token: one that led to a valid signature is not
    # parsed again. Only those are kept, so that strangers cannot fill the memory; they are kept
    # with the keys, so that they die with them.
    known = keys.memo.get(head)
    if known is not None:
        header, verify = known
        if not verify(signature, signed):
            raise Refused(NO_KEY_FITS if header.kid is None else BAD_SIGNATURE)
        return header, decode_segment(payload)

    header = parse_header(head)
    if header.alg not in keys.algorithms:
        raise Refused(BAD_ALGORITHM)
    candidates = keys.candidates(header.kid)
    if not candidates:
        raise Refused(UNKNOWN_KEY)
    verifiers = [key.verifiers[header.alg] for key in candidates if header.alg in key.verifiers]
    if not verifiers:
        raise Refused(UNKNOWN_KEY if header.kid is None else BAD_ALGORITHM)
    for verify in verifiers[:_MOST_CANDIDATES]:
        if verify(signature, signed):
            if len(verifiers) == 1 and len(keys.memo) < _MOST_MEMOS:
                keys.memo[head] = header, verify
            return header, decode_segment(payload)
    raise Refused(NO_KEY_FITS if header.kid is None else BAD_SIGNATURE)


def unverified_kid(token: bytes) -> str | None:
    """The `kid` that a token names, whoever made it: good for a lookup alone."""
    head = token.partition(b".")[0].rstrip(b"=")
    try:
        return None if head.translate(None, _ALPHABET) else parse_header(head).kid
    except Refused:
        return None


def unverified_issuer(token: bytes, max_length: int) -> str | None:
    """The `iss` that a token names, whoever made it: good for a lookup in the configuration alone.

    None where the token is no compact JWS with a string there.
    """
    if len(token) > max_length or token.translate(None, _ALPHABET) != b"..":
        return None
    try:
        claims: Any = strict_json(decode_segment(token.split(b".")[1]))
    except (Refused, NotJSON):
        return None
    issuer = claims.get("iss") if type(claims) is dict else None
    return issuer if type(issuer) is str else None
