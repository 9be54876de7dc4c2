"""Where references lead: within the document, and to files beside it. Nothing is ever fetched.

A place is a JSON Pointer as a URI fragment, `#/components/schemas/Order`; in another file it begins
with the name of that file, `schemas/order.yaml#/Order`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin

from ._errors import child, mistake

_MOST_FILES = 256
_SUFFIXES = (".json", ".yaml", ".yml")
_HAS_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
# What is below these is data, in which `$id` and `$anchor` name nothing.
_DATA = frozenset({"const", "default", "enum", "example", "examples"})


class References:
    """Finds what a reference names.

    Parameters:
        content: the document.
        path: the file that it is from; None: it is from none, and refers to no file.
        read: reads another file.
    """

    def __init__(self, content: Any, path: Path | None, read: Callable[[Path], Any]) -> None:
        self._files: dict[str, Any] = {"": content}
        self._folder = None if path is None else path.parent.resolve()
        self._main = None if path is None else path.name
        self._read = read
        # The places of schemas that have a URI of their own (JSON Schema section 8.2.1).
        self._ids: dict[str, str] = dict(_named(content, "", "#"))

    def is_file(self, reference: str, place: str) -> bool:
        """Does a reference lead to another file, or stand in one?"""
        named = reference.partition("#")[0]
        if self._folder is None or (named and _HAS_SCHEME.match(named)):
            return False
        return bool(named) or not place.startswith("#")

    def find(self, reference: str, place: str) -> tuple[Any, str]:
        """What a reference at this place names, and the place of that.

        Raises:
            ConfigurationError: it leads nowhere, or to where nothing is read.
        """
        named, _, raw = reference.partition("#")
        try:
            fragment = unquote(raw, errors="strict")
        except UnicodeDecodeError:
            raise mistake(place, f"{reference!r} is not in UTF-8") from None
        uri, at = self.base(place)
        if named:
            joined = urljoin(uri, named)
            known = self._ids.get(joined)
            at = known if known is not None else f"{self._open(named, uri, place)}#"
        value = self.at(at)
        if fragment and not fragment.startswith("/"):
            # Its own resource first: one inside may have the same name.
            for deep in (False, True):
                for anchor, where in anchors_in(value, at, ("$anchor", "$dynamicAnchor"), deep):
                    if anchor == fragment:
                        return self.at(where), where
            raise mistake(
                place, f"{reference!r} is no pointer and no anchor; write '#/components/...'"
            )
        for step in fragment.split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            value, at = _step(value, step), child(at, step)
            if value is None:
                raise mistake(place, f"{reference!r} leads to nothing")
        return value, at

    def at(self, place: str) -> Any:
        """What is at a place."""
        name, _, pointer = place.partition("#")
        value = self._files[name]
        for step in pointer.split("/")[1:]:
            value = _step(value, step.replace("~1", "/").replace("~0", "~"))
        return value

    def base(self, place: str) -> tuple[str, str]:
        """The URI and the place of the schema or file that references at a place go by."""
        name, _, pointer = place.partition("#")
        value, at = self._files[name], f"{name}#"
        base = "", at
        for step in pointer.split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            value, at = _step(value, step), child(at, step)
            own = value.get("$id") if isinstance(value, dict) else None
            if isinstance(own, str):
                base = urljoin(base[0], own), at
        return base

    def _open(self, named: str, uri: str, place: str) -> str:
        """The name of a file, which is read unless it was."""
        if self._folder is None or uri or _HAS_SCHEME.match(named):
            raise mistake(
                place,
                f"{named!r} is outside of the document; nothing is fetched, and no other file is"
                " read but those beside a document that is given as a path: bundle it into one",
            )
        here = posixpath.dirname(place.partition("#")[0])
        name = posixpath.normpath(posixpath.join(here, unquote(named)))
        if name == self._main:
            return ""
        if name not in self._files:
            path = (self._folder / name).resolve()
            # A link that leads elsewhere is resolved by now.
            if not path.is_relative_to(self._folder) or "\\" in name or "#" in name:
                raise mistake(place, f"{named!r} is outside of the folder of the document")
            if path.suffix.lower() not in _SUFFIXES or len(self._files) > _MOST_FILES:
                raise mistake(
                    place, f"{named!r} is not read: it is no JSON or YAML, or one file too many"
                )
            content = self._files[name] = self._read(path)
            self._ids.update(_named(content, "", f"{name}#"))
        return name


def _step(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and step.isascii() and step.isdigit():
        return value[int(step)] if int(step) < len(value) else None
    return None


def _named(value: Any, uri: str, at: str) -> Iterator[tuple[str, str]]:
    """The schemas that have a URI of their own, with their places."""
    pending: list[tuple[Any, str, str]] = [(value, uri, at)]
    while pending:
        part, base, where = pending.pop()
        own = part.get("$id") if isinstance(part, dict) else None
        if isinstance(own, str):
            base = urljoin(base, own)
            yield base, where
        pending += [(each, base, place) for each, place in _inside(part, where)]


def anchors_in(
    value: Any, at: str, keywords: Sequence[str], deep: bool = False
) -> Iterator[tuple[str, str]]:
    """The anchors of one resource, with their places, and if `deep` those of resources inside."""
    pending = [(value, at)]
    while pending:
        part, where = pending.pop()
        if isinstance(part, dict):
            if where != at and not deep and isinstance(part.get("$id"), str):
                continue
            for keyword in keywords:
                if isinstance(part.get(keyword), str):
                    yield part[keyword], where
        pending += _inside(part, where)


def _inside(value: Any, at: str) -> Iterator[tuple[Any, str]]:
    if isinstance(value, list):
        yield from ((each, child(at, index)) for index, each in enumerate(value))
    elif isinstance(value, dict):
        yield from ((each, child(at, name)) for name, each in value.items() if name not in _DATA)
