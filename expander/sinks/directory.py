"""A folder of files, one for each manifest, and the outcome of each write.

A second run writes only what changed. What is on the disk decides, by content: a file that holds what is to
be written is unchanged, whoever wrote it; a file of an earlier run is replaced, even if edited since (the
folder is the run's output); any other file is never touched. A file of an earlier run that nobody has changed
since, as its state shows, is not read. ``prune`` removes files that an earlier run wrote, that this run did
not write, and that still hold what was written.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import islice
from pathlib import Path
from types import TracebackType

from expander.base.errors import OutputError
from expander.base.log import Log
from expander.sinks.folder import TEMPORARY, Folder, digest_of, key_of
from expander.sinks.index import Index, Record
from expander.sinks.stream import output_error


class Outcome(StrEnum):
    """The result of one write, in the word users see."""

    CREATED = "created"
    """It was not there before."""
    UNCHANGED = "unchanged"
    """It was there with the same content and was not touched."""
    CHANGED = "changed"
    """It was there with other content and was replaced."""
    REMOVED = "removed"
    """An earlier run wrote it, this one did not, and it was pruned."""


log = Log("files")

_CHUNK = 512
"""Files noted in the index at once, before they are written."""


class DirectorySink:
    """Writes files into the folder ``path``, which is made if need be; a context manager, for one thread.

    On an error, or Ctrl-C, what was written stays, whole and on record, and nothing is pruned. The whole
    folder belongs to one sink at a time. Entering raises OutputError when the folder cannot be made or
    opened, another run has it, or its index is damaged.

    ``removed`` has the names that were pruned, ``kept`` those that were not because somebody edited them,
    or because they differ from a file of this run only in case or Unicode form; ``left`` counts the files of
    earlier runs that are still there when nothing is pruned. They are complete after `finish`.
    """

    def __init__(self, path: str | Path, *, prune: bool = False) -> None:
        self.path = str(path)
        self.prune = prune
        self.removed: list[str] = []
        self.kept: list[str] = []
        self.left = 0
        self._counts = dict.fromkeys(
            (Outcome.CREATED, Outcome.UNCHANGED, Outcome.CHANGED, Outcome.REMOVED), 0
        )
        self._keys: set[int] = set()
        self._is_whole = True
        self._finished = False

    def __enter__(self) -> DirectorySink:
        try:
            self._folder = Folder(self.path)
        except FileExistsError as error:
            what = "a link that leads nowhere" if os.path.islink(self.path) else "a file"
            raise OutputError(f"cannot open the folder {self.path}: it is {what}") from error
        except OSError as error:
            raise output_error("open the folder", self.path, error) from error
        try:
            self._index = Index(self._folder)
            self._owned = self._index.owned
            self._folder.remove(TEMPORARY)
        except BaseException as error:
            self._folder.close()
            if isinstance(error, OSError):
                raise output_error("write into", self.path, error) from error
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            self._index.close()
            self._folder.close()

    def write(self, filename: str, data: bytes) -> Outcome:
        """Write one file; see `write_many`."""
        return self.write_many([(filename, data)])[0]

    def write_many(self, entries: Iterable[tuple[str, bytes]]) -> list[Outcome]:
        """Write files and say what became of each.

        Raises OutputError, after the files before it are written, for a name that no file may have or that
        is one with another of this run on a file system that ignores case, for a file that is there and is
        not ours, and for what the system refuses.
        """
        assert not self._finished, "nothing can be written after finish()"
        outcomes: list[Outcome] = []
        remaining = iter(entries)
        while chunk := list(islice(remaining, _CHUNK)):
            outcomes += self._write_chunk(chunk)
        return outcomes

    def finish(self) -> Mapping[Outcome, int]:
        """Prune if asked to, settle the index, and count the outcomes. The sink takes nothing after it.

        After a failed write nothing is pruned. Raises OutputError when the index cannot be written; the
        files are on record all the same.
        """
        if not self._finished:
            self._finished = True
            pruning = self.prune and self._is_whole
            if not pruning:
                self._keys.clear()
                self.left = sum(self._folder.kind(name) is not None for name in self._index.left())
            if not self._index.is_settled or (pruning and self._owned):
                try:
                    self._index.settle(stays=self._stays if pruning else None)
                except OSError as error:
                    raise output_error("prune", self.path, error) from error
            self._counts[Outcome.REMOVED] = len(self.removed)
            self._keys.clear()
        return dict(self._counts)

    def _write_chunk(self, chunk: list[tuple[str, bytes]]) -> list[Outcome]:
        names: list[str] = []
        refusal: OutputError | None = None
        for name, _ in chunk:
            try:
                self._take(name, names)
            except OutputError as error:
                refusal = error
                break
            names.append(name)
        outcomes = self._write_taken(names, [data for _, data in chunk[: len(names)]])
        if refusal is not None:
            raise refusal
        return outcomes

    def _write_taken(self, names: list[str], contents: list[bytes]) -> list[Outcome]:
        digests = list(map(digest_of, contents))
        outcomes = dict.fromkeys(self._proven(names, digests), Outcome.UNCHANGED)
        unproven = [each for each in zip(names, digests, contents, strict=True) if each[0] not in outcomes]
        written: list[Record] = []
        try:
            if unproven:
                self._index.claim([digest for _, digest, _ in unproven], [name for name, _, _ in unproven])
            for name, digest, data in unproven:
                outcomes[name], found = self._put(name, data)
                written.append((digest, self._folder.state(found), name))
        except OSError as error:
            raise output_error("write", self._folder.show(name), error) from error
        finally:
            self._is_whole = self._is_whole and len(written) == len(unproven)
            self._index.note(written)
            self._count(outcomes)
        return [outcomes[name] for name in names]

    def _count(self, outcomes: Mapping[str, Outcome]) -> None:
        for outcome in outcomes.values():
            self._counts[outcome] += 1
        if log.enabled():
            for name, outcome in outcomes.items():
                log.debug("%(outcome)s %(path)s/%(name)s", outcome=outcome.value, path=self.path, name=name)

    def _proven(self, names: list[str], digests: list[str]) -> list[str]:
        """The files of an earlier run that hold that content, as nobody has changed them since."""
        owned, recorded, state_of = self._owned, self._index.recorded, self._folder.state_of
        proven = []
        for name, digest in zip(names, digests, strict=True):
            hashed = hash(name)
            if hashed in owned and (known := recorded(name)) and known == (digest, state_of(name)):
                owned.remove(hashed)
                proven.append(name)
        return proven

    def _take(self, name: str, chunk: list[str]) -> None:
        """Refuse a name that another of this run has, or would have where case does not count."""
        key = key_of(name)
        known = hash(key)
        if known in self._keys:
            for names in (self._index.names(), chunk):
                for first in names:
                    if key_of(first) == key:
                        raise _collision(name, first)
        self._keys.add(known)

    def _put(self, name: str, data: bytes) -> tuple[Outcome, os.stat_result]:
        hashed = hash(name)
        owned = hashed in self._owned
        if owned:
            self._owned.remove(hashed)  # it is asked for once, and a million of them count
        elif made := self._folder.create(name, data):
            return Outcome.CREATED, made
        found = self._folder.kind(name)
        if found is None:
            return Outcome.CREATED, self._folder.replace(name, data)
        if not stat.S_ISREG(found.st_mode):
            what = "symbolic link" if stat.S_ISLNK(found.st_mode) else "folder or special file"
            raise OutputError(
                f"cannot write {self._folder.show(name)}: a {what} of that name exists",
                hint="it is never followed or replaced; move it away",
            )
        if self._folder.holds(name, data, found):
            return Outcome.UNCHANGED, found
        if not owned:
            raise OutputError(
                f"cannot write {self._folder.show(name)}: a file of that name exists with other content "
                "and was not written by an earlier run",
                hint="move it away, or write to another folder",
            )
        return Outcome.CHANGED, self._folder.replace(name, data)

    def _stays(self, name: str, digest: str) -> bool:
        """Whether a file that this run did not write stays on record; prunes it if not."""
        found = self._folder.kind(name)
        if found is None:
            return False
        data = self._folder.read(name)
        if hash(key_of(name)) in self._keys or data is None or digest_of(data) != digest:
            self.kept.append(name)
            return True
        try:
            os.unlink(name, dir_fd=self._folder.fd)
        except OSError as error:
            raise output_error("remove", self._folder.show(name), error) from error
        self.removed.append(name)
        return False


def _collision(name: str, first: str) -> OutputError:
    if name == first:
        return OutputError(f"two files of this run are named {name!r}")
    return OutputError(
        f"the file names {first!r} and {name!r} differ only in case or Unicode form",
        hint="on macOS and Windows they are one file",
    )
