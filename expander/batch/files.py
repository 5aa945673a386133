"""Manifests in files, folders and standard input, one document each; quotas and limits among them."""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from expander.base.errors import InputError, Problem, SourceLocation, YamlError
from expander.base.regex import regex
from expander.base.urls import without_credentials
from expander.base.waiting import awaited, waiting_opener
from expander.base.yaml import Chunk, read_chunk, split_documents
from expander.base.yaml.documents import EXTENSIONS

if TYPE_CHECKING:
    from expander.client.quotas import NamespaceLimits

CASES: Final = ".test.yaml"
"""How names of files with cases of ``expander test`` end: ``job.test.yaml`` is beside ``job.yaml``."""

READ_CHARS = 1 << 20
"""Characters read at once; a document may be longer."""


_BELOW = {None: "folders below it are not read: name them", False: "-R reads folders below it too"}
"""What is to say of the folders below one that has no manifests, by whether they can be asked for."""


def files_of(paths: Sequence[str], recursive: bool | None = None) -> Iterator[str]:
    """The files behind ``paths``: files as they are, folders as their manifests in the order of names.

    Cases of ``expander test`` in a folder are none. ``recursive``: with those of folders below; None where
    nobody can ask for them.
    Raises InputError for a path that is not there, an empty file and a folder without manifests.
    """
    for path in paths:
        if path == "-" or not os.path.isdir(path):
            if path != "-" and not os.path.exists(path):
                raise InputError("no such file or folder", where=SourceLocation(without_credentials(path)))
            if os.path.isfile(path) and not os.path.getsize(path):
                raise InputError("the file is empty", where=SourceLocation(path))
            yield path
            continue
        found = 0
        for folder, folders, names in os.walk(path, onerror=_unreadable):
            folders.sort()
            if not recursive:
                folders.clear()
            for name in sorted(names):
                file = os.path.join(folder, name)
                if name.lower().endswith(EXTENSIONS) and not name.startswith(".") and not _holds_cases(file):
                    found += 1
                    yield file
        if not found:
            raise InputError(
                f"no manifests in the folder ({', '.join(EXTENSIONS)})",
                where=SourceLocation(path),
                hint=_BELOW.get(recursive),
            )


_API_VERSION = regex(r"^(?:\{\s*)?[\"']?apiVersion[\"']?\s*:", re.MULTILINE)


def _holds_cases(path: str) -> bool:
    """Whether a file is named as cases are, and no object of the API."""
    if not path.endswith(CASES) or not os.path.isfile(path):
        return False
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return _API_VERSION.search(file.read(READ_CHARS)) is None
    except OSError:
        return False  # it is told when the file is read


def chunks_of(path: str, stdin: BinaryIO | None = None) -> Iterator[Chunk]:
    """The documents of a file (``-``: standard input) as text, read as they are asked for.

    Raises InputError when the file cannot be read, YamlError where it is not UTF-8 or separated wrongly.
    """
    if path == "-":
        awaited(stdin or sys.stdin.buffer, "standard input")
        yield from _chunks(stdin or sys.stdin.buffer, "<stdin>")
        return
    try:
        with open(path, "rb", opener=waiting_opener) as file:
            yield from _chunks(file, path)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=SourceLocation(path)) from error


def _chunks(stream: BinaryIO, source: str) -> Iterator[Chunk]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    rest, line = "", 1
    while True:
        data = stream.read(READ_CHARS)
        try:
            text = rest + decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            bad = line + rest.count("\n") + error.object.count(b"\n", 0, error.start)
            message = f"byte 0x{error.object[error.start]:02x} is not UTF-8 text"
            raise YamlError(message, where=SourceLocation(source, bad)) from None
        cut = len(text) if not data else _safe_cut(text)
        yield from split_documents(text[:cut], source, line)
        line += text.count("\n", 0, cut)
        rest = text[cut:]
        if not data:
            return


def _safe_cut(text: str) -> int:
    """Where the text read so far can be cut: before a separator, or between JSON objects; else 0."""
    cut = text.rfind("\n---") + 1
    if not cut and text.lstrip()[:1] == "{":
        cut = text.rfind("}\n{") + 2 if "}\n{" in text else 0
    return cut


def _unreadable(error: OSError) -> None:
    raise InputError(f"cannot be read: {error.strerror}", where=SourceLocation(str(error.filename)))


KINDS = ("ResourceQuota", "LimitRange")


def limits_in(paths: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The ResourceQuotas and LimitRanges in files, also those in a List, as kubectl prints it.

    Raises InputError for a file that cannot be read or has none.
    """
    for path in paths:
        found = 0
        for chunk in chunks_of(path):
            for document in read_chunk(chunk, path):
                for data in _objects(document.data):
                    if data.get("kind") in KINDS and isinstance(data.get("spec"), dict):
                        found += 1
                        yield _checked(data, document.position())
        if not found:
            raise InputError("no ResourceQuota or LimitRange in the file", where=SourceLocation(path))


def _checked(data: dict[str, Any], where: SourceLocation) -> dict[str, Any]:
    """``data`` with a name. Raises InputError when no server would have it."""
    from expander.validate.check import check

    metadata = data.get("metadata")
    named = {**data, "metadata": {"name": "unnamed", **(metadata if isinstance(metadata, dict) else {})}}
    findings = check(named) or ()
    if findings:
        raise InputError([Problem(each.message, where, field=each.path or None) for each in findings])
    return named


def _objects(data: Any) -> list[dict[str, Any]]:
    held = data.get("items") if isinstance(data, dict) and data.get("kind") == "List" else [data]
    return [each for each in held if isinstance(each, dict)] if isinstance(held, list) else []


class FileLimits:
    """The limits of namespaces by the LimitRanges and ResourceQuotas of files.

    One that names no namespace is for every one.
    """

    asked = "files"
    namespace = "default"

    def __init__(self, objects: Iterable[dict[str, Any]]) -> None:
        self._objects = list(objects)
        self._asked: set[str] = set()

    def of(self, namespace: str) -> NamespaceLimits:
        """The limits of ``namespace``."""
        from expander.client.quotas import NamespaceLimits

        self._asked.add(namespace)
        mine = [each for each in self._objects if _namespace(each) in ("", namespace)]
        quotas, ranges = (tuple(each for each in mine if each["kind"] == kind) for kind in KINDS)
        return NamespaceLimits(namespace, quotas, ranges)

    def unknown(self) -> list[str]:
        """Limits of namespaces in which the batch has nothing."""
        return [
            f"{each['kind']} {each['metadata']['name']} is for namespace {_namespace(each)}, which the batch "
            "does not use"
            for each in self._objects
            if _namespace(each) and _namespace(each) not in self._asked
        ]


def _namespace(obj: dict[str, Any]) -> str:
    return str((obj.get("metadata") or {}).get("namespace") or "")
