"""Manifests to standard output, to a folder, or to both, and the names of the files."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import field
from typing import BinaryIO, Final, Literal

from expander.base.dataclass import dataclass
from expander.base.errors import UsageError, suggest
from expander.base.named_tuple import NamedTuple
from expander.base.text import counted
from expander.batch.expand import Expansion
from expander.items.block import ItemBlock
from expander.manifests.manifest import Manifest
from expander.manifests.names import FILE_NAME, joined_name
from expander.render.compiled import RenderedBlock
from expander.sinks.stream import StreamSink

FIELDS = ("kind", "name", "namespace", "item", "index")


class FileNames:
    """Names for files by a pattern such as ``{kind}-{item}.yaml``.

    Without a pattern it is ``KIND-ITEM.yaml`` where the item is one value and the template has one
    manifest of that kind, else ``KIND-NAME.yaml``. Whatever an item holds becomes a plain name: other
    characters are replaced and a hash of the item is added, so that different items have different names.
    """

    def __init__(self, pattern: str | None = None) -> None:
        self._pieces = None if pattern is None else _parse(pattern)
        self._count = 0
        ends = (pattern or "").lower()
        self.extension = "" if ends.endswith((".yaml", ".yml", ".json")) else ".yaml"
        self.format = "json" if ends.endswith(".json") else "yaml"

    def of(self, manifests: Sequence[Manifest]) -> list[str]:
        """The file names of ``manifests``; those of one item follow each other."""
        if self._pieces is not None:
            return [self._by_pattern(manifest) for manifest in manifests]
        if isinstance(manifests, RenderedBlock) and isinstance(manifests.items, ItemBlock):
            texts = manifests.item_texts
            if texts is not None:
                before = f"{manifests.kind.lower()}-"
                return [f"{before}{text}.yaml" for text in map(_plain, texts)]
        return [
            f"{manifest.kind.lower()}-{_plain(text)}.yaml"
            for manifest, text in zip(manifests, _item_texts(manifests), strict=True)
        ]

    def _by_pattern(self, manifest: Manifest) -> str:
        assert self._pieces is not None
        self._count += 1
        constants, fields = self._pieces
        values = [self._value(field, manifest) for field in fields]
        prefix, *between = constants
        suffix = between.pop() if between else ""
        return (_fit(prefix, values, between, suffix) if fields else prefix) + self.extension

    def _value(self, field: str, manifest: Manifest) -> str:
        if field == "index":
            number = getattr(manifest.item, "number", None)
            return str(self._count - 1 if number is None else number - 1)
        if field == "item":
            return manifest.item_text or manifest.name
        if field == "kind":
            return manifest.kind.lower()
        return manifest.name if field == "name" else manifest.namespace or "default"


def _item_texts(manifests: Sequence[Manifest]) -> list[str]:
    """What names each manifest: the text of its item where that is one value and has one of the kind."""
    several = Counter((id(manifest.item), manifest.kind) for manifest in manifests)
    texts = []
    for manifest in manifests:
        text = manifest.item_text
        columns = getattr(manifest.item, "columns", None)
        single = columns is None or len(columns) == 1
        if text is None or not single or several[id(manifest.item), manifest.kind] > 1:
            text = manifest.name
        texts.append(text)
    return texts


def _plain(value: str) -> str:
    """The value where it is a plain name; else one that is made of it."""
    return value if FILE_NAME.accepts(value) else joined_name("", [value], [], "", FILE_NAME) or ""


def _fit(prefix: str, values: list[str], between: list[str], suffix: str) -> str:
    """The text with values made plain; the constant text is the user's and stays."""
    text = prefix
    for value, constant in zip(values, [*between, suffix], strict=True):
        text += _plain(value) + constant
    return text


def _parse(pattern: str) -> tuple[list[str], list[str]]:
    import string  # which compiles expressions

    constants, fields = [""], []
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError as error:
        raise UsageError(f"invalid file name pattern {pattern!r}: {error}") from None
    for constant, name, spec, conversion in parts:
        constants[-1] += constant
        if name is None:
            continue
        if name not in FIELDS or spec or conversion:
            close = suggest(name, FIELDS)
            raise UsageError(
                f"unknown field {{{name}}} in the file name pattern; expected one of "
                f"{', '.join(f'{{{name}}}' for name in FIELDS)}",
                hint=f"did you mean {{{close}}}?" if close else None,
            )
        fields.append(name)
        constants.append("")
    if "/" in "".join(constants):
        raise UsageError(f"the file name pattern {pattern!r} contains /, but all files go into one folder")
    return constants, fields


Format = Literal["json", "yaml"]
StreamFormat = Literal["json", "yaml", "kyaml"]
STREAMS: Final[tuple[StreamFormat, ...]] = ("yaml", "kyaml", "json")
"""The forms that manifests have on standard output, the first unless another is asked for."""


@dataclass(slots=True)
class Targets:
    """Where manifests go.

    ``stream`` is the format on standard output, None for nothing there; ``directory`` a folder for files
    named by ``names``; ``prune`` removes files of earlier runs that this one does not write.
    """

    stream: StreamFormat | None = "yaml"
    directory: str | None = None
    names: FileNames = field(default_factory=FileNames)
    prune: bool = False

    @classmethod
    def of(cls, outputs: Sequence[str], filename: str | None, prune: bool) -> Targets:
        """From the values of ``-o``, ``--filename`` and ``--prune``; UsageError if they do not fit."""
        streams = [each for output in outputs for each in STREAMS if each == output]
        folders = [output for output in outputs if output not in STREAMS]
        if len(streams) > 1 or len(folders) > 1:
            raise UsageError("-o takes at most one format (yaml, kyaml or json) and one folder")
        if "" in folders:
            raise UsageError("-o: found '', expected yaml, kyaml, json or a folder")
        if not folders and (filename is not None or prune):
            option = "--prune" if prune else "--filename"
            raise UsageError(f"{option} requires -o DIR")
        stream = streams[0] if streams else None if folders else STREAMS[0]
        return cls(stream, folders[0] if folders else None, FileNames(filename), prune)

    @property
    def rendered(self) -> Format:
        """The form that is written most, to be made first."""
        if self.stream is not None:
            return "yaml" if self.stream == "yaml" else "json"
        return "json" if self.names.format == "json" else "yaml"


class Written(NamedTuple):
    """What was written: a line that sums it up, and the edited files that ``prune`` has not removed."""

    summary: str
    kept: Sequence[str] = ()


def write(expansion: Expansion, targets: Targets, stdout: BinaryIO | None = None) -> Written:
    """Write a batch.

    Raises OutputError when something cannot be written (what was written before stays, whole), and
    ClosedPipe when the reader of standard output went away.
    """
    stream = None if targets.stream is None else StreamSink(stdout or sys.stdout.buffer)
    written = 0
    _reuse_memory()
    if targets.directory is None:
        assert stream is not None
        for manifests in expansion:
            stream.write(_encoded(manifests, targets.stream))
            written += len(manifests)
        stream.flush()
        return Written(counted(written, "manifest"))
    from expander.sinks.directory import DirectorySink

    with DirectorySink(targets.directory, prune=targets.prune) as sink:
        for manifests in expansion:
            names = targets.names.of(manifests)
            sink.write_many(zip(names, _files(manifests, targets.names.format), strict=True))
            if stream is not None:
                stream.write(_encoded(manifests, targets.stream))
            written += len(manifests)
        if stream is not None:
            stream.flush()
        if expansion.failed:
            sink.prune = False
        counts = sink.finish()
    parts = [f"{count:,} {outcome}" for outcome, count in counts.items() if count]
    if sink.left:
        why = "not pruned, as items failed" if targets.prune else "--prune removes them"
        parts.append(f"{sink.left:,} left of earlier runs ({why})")
    where = os.path.join(targets.directory, "")
    summary = f"{counted(written, 'manifest')} in {where}: {', '.join(parts) or 'nothing to do'}"
    return Written(summary, [where + name for name in sink.kept])


def _reuse_memory() -> None:
    """Let the C library keep the memory of one block for the next, instead of asking the system each time.

    glibc does so with what is smaller than the largest piece that was ever freed (M_MMAP_THRESHOLD).
    """
    bytearray(1 << 22)  # never touched, so it takes no memory itself


def _encoded(manifests: Sequence[Manifest], form: StreamFormat | None) -> bytes:
    if form == "kyaml":
        from expander.base.yaml.kyaml import kyaml

        return "".join([kyaml(manifest.tree) for manifest in manifests]).encode()
    if isinstance(manifests, RenderedBlock) and manifests.output == form:
        return manifests.joined(*(("", "\n") if form == "json" else ("---\n", ""))).encode()
    if form == "json":
        return "".join([f"{manifest.json()}\n" for manifest in manifests]).encode()
    return "---\n".join(["", *[manifest.yaml() for manifest in manifests]]).encode()


def _files(manifests: Sequence[Manifest], form: str) -> list[bytes]:
    if isinstance(manifests, RenderedBlock) and manifests.output == form:
        texts = manifests.texts
    elif form == "json":
        texts = [manifest.json() for manifest in manifests]
    else:
        texts = [manifest.yaml() for manifest in manifests]
    return [f"{text}\n".encode() for text in texts] if form == "json" else list(map(str.encode, texts))
