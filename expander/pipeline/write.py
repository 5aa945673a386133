"""Manifests to where they should go: standard output, a folder, or both."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Literal

from expander.base.errors import UsageError
from expander.manifests.manifest import Manifest
from expander.pipeline.expansion import Expansion
from expander.pipeline.filenames import FileNames
from expander.sinks.stream import StreamSink

Format = Literal["json", "yaml"]


@dataclass(slots=True)
class Targets:
    """Where manifests go.

    ``stream`` is the format on standard output, None for nothing there; ``directory`` a folder for files
    named by ``names``; ``prune`` removes files of earlier runs that this one does not write.
    """

    stream: Format | None = "yaml"
    directory: str | None = None
    names: FileNames = field(default_factory=FileNames)
    prune: bool = False

    @classmethod
    def of(cls, outputs: Sequence[str], filename: str | None, prune: bool) -> Targets:
        """From the values of ``-o``, ``--filename`` and ``--prune``; UsageError if they do not fit."""
        streams = [output for output in outputs if output in ("json", "yaml")]
        folders = [output for output in outputs if output not in ("json", "yaml")]
        if len(streams) > 1 or len(folders) > 1:
            raise UsageError("-o takes one format (yaml or json) and one folder at most")
        if not folders and (filename is not None or prune):
            option = "--prune" if prune else "--filename"
            raise UsageError(f"{option} is for files in a folder", hint="give the folder with -o DIR")
        stream: Format | None = None if folders else "yaml"
        if streams:
            stream = "json" if streams[0] == "json" else "yaml"
        return cls(stream, folders[0] if folders else None, FileNames(filename), prune)

    @property
    def rendered(self) -> Format:
        """The form that is written most, to be made first."""
        if self.stream is not None:
            return self.stream
        return "json" if self.names.format == "json" else "yaml"


def write(expansion: Expansion, targets: Targets, stdout: BinaryIO | None = None) -> str:
    """Write a batch and give a line that sums it up.

    Raises OutputError when something cannot be written (what was written before stays, whole), and
    ClosedPipe when the reader of standard output went away.
    """
    stream = None if targets.stream is None else StreamSink(stdout or sys.stdout.buffer)
    written = 0
    if targets.directory is None:
        assert stream is not None
        for manifests in expansion:
            stream.write(_encoded(manifests, targets.stream))
            written += len(manifests)
        stream.flush()
        return f"{written:,} manifests"
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
    parts = ", ".join(f"{count:,} {outcome}" for outcome, count in counts.items() if count)
    return f"{written:,} manifests in {os.path.join(targets.directory or '', '')}: {parts or 'nothing to do'}"


def _encoded(manifests: Sequence[Manifest], form: Format | None) -> bytes:
    if form == "json":
        return "".join([f"{manifest.json()}\n" for manifest in manifests]).encode()
    return "---\n".join(["", *[manifest.yaml() for manifest in manifests]]).encode()


def _files(manifests: Sequence[Manifest], form: str) -> list[bytes]:
    if form == "json":
        return [f"{manifest.json()}\n".encode() for manifest in manifests]
    return [manifest.yaml().encode() for manifest in manifests]
