"""Merkle trees (RFC 6962 section 2.1): a root that stands for many records, and short proofs."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from hmac import compare_digest

EMPTY = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of one record. The first octet keeps leaves and nodes apart."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that only grows, kept as the roots of its complete subtrees, largest first.

    It is all that is needed to go on after older records were pruned: 32 octets for each bit of
    `size`.

    >>> tree = Frontier()
    >>> tree.push(leaf_hash(b"a")); tree.push(leaf_hash(b"b"))
    >>> tree.root() == node_hash(leaf_hash(b"a"), leaf_hash(b"b"))
    True
    """

    __slots__ = ("roots", "size")

    def __init__(self, size: int = 0, roots: Sequence[bytes] = ()) -> None:
        if len(roots) != size.bit_count() or any(len(root) != 32 for root in roots):
            raise ValueError("a tree of this size has other subtrees")
        self.size: int = size
        self.roots: list[bytes] = list(roots)

    def push(self, leaf: bytes) -> None:
        """Add the hash of a record."""
        roots, size = self.roots, self.size
        while size & 1:
            leaf = sha256(b"\x01" + roots.pop() + leaf).digest()  # `node_hash`, without the call
            size >>= 1
        roots.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root over all records so far."""
        if not self.roots:
            return EMPTY
        root = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            root = node_hash(left, root)
        return root

    def copy(self) -> Frontier:
        """The same tree, to grow apart."""
        other: Frontier = Frontier.__new__(Frontier)
        other.size, other.roots = self.size, self.roots.copy()
        return other


def inclusion_path(
    index: int, size: int, leaves: Sequence[bytes], before: Frontier | None = None
) -> list[bytes]:
    """The proof that leaf `index` is in the tree of the first `size` (RFC 6962 section 2.1.1).

    Parameters:
        leaves: leaf hashes from leaf number `before.size` on.
        before: the tree of the leaves that are gone; None: none are.

    Raises:
        ValueError: the leaf is not among those given, or the tree is larger than they are.
    """
    start = before.size if before else 0
    if not start <= index < size <= start + len(leaves):
        raise ValueError("the record is not among those that are left")
    known: dict[tuple[int, int], bytes] = {}
    low = 0
    for root in before.roots if before else ():
        width = 1 << ((start - low).bit_length() - 1)
        known[low, low + width] = root
        low += width

    def subtree(low: int, high: int) -> bytes:
        found = known.get((low, high))
        if found is not None:
            return found
        if high - low == 1:
            return leaves[low - start]
        middle = low + _split(high - low)
        return node_hash(subtree(low, middle), subtree(middle, high))

    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(subtree(middle, high))
            high = middle
        else:
            path.append(subtree(low, middle))
            low = middle
    return path[::-1]


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def verify_inclusion(
    index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes
) -> bool:
    """Whether the path leads from the leaf to the root (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size or len(leaf) != 32:
        return False
    node, last, hashed = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            hashed = node_hash(sibling, hashed)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            hashed = node_hash(hashed, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and compare_digest(hashed, root)


def verify_consistency(
    first: int, second: int, path: Sequence[bytes], first_root: bytes, second_root: bytes
) -> bool:
    """Whether the tree of `second` leaves begins with that of `first` (RFC 9162, 2.1.4.2)."""
    if first == second and first > 0:
        return not path and compare_digest(first_root, second_root)
    if not 0 < first < second or not path:
        return False
    nodes = list(path)
    if first & (first - 1) == 0:
        nodes.insert(0, first_root)
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and compare_digest(old, first_root) and compare_digest(new, second_root)
