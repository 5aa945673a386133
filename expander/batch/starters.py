"""Starter templates: for each pattern of running Jobs a commented manifest to begin with."""

from __future__ import annotations

import os
from pathlib import Path

from expander.base.data_files import folder
from expander.base.dataclass import dataclass
from expander.base.errors import InputError, OutputError, SourceLocation, UsageError, suggest
from expander.base.urls import without_credentials


@dataclass(frozen=True, slots=True)
class Starter:
    """The template of a pattern: its name, what it is (the first line of the file), and the file."""

    name: str
    title: str
    path: Path

    @property
    def text(self) -> str:
        """The template."""
        return self.path.read_text(encoding="utf-8")


def starters() -> list[Starter]:
    """All of them, by name."""
    found = []
    for path in sorted((folder("templates") / "init").glob("*/*")):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        title = first.strip("#{} ").partition(":")[0].rstrip(".")
        found.append(Starter(path.parent.name, title, path))
    return found


def starter(name: str) -> Starter:
    """The one of that name. Raises UsageError, with what is meant perhaps."""
    known = {each.name: each for each in starters()}
    if name in known:
        return known[name]
    meant = suggest(name, known)
    hint = f"did you mean {meant}?" if meant else f"patterns: {', '.join(known)}"
    raise UsageError(f"unknown pattern {without_credentials(name)!r}", hint=hint)


def write_starter(chosen: Starter, target: Path, *, force: bool = False) -> Path:
    """Copy the template into the folder ``target``, which is made if need be; the new file.

    Raises InputError for a file that is there already, unless ``force``; OutputError where none can be.
    """
    path = target / chosen.path.name
    try:
        target.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            half.write_text(chosen.text, encoding="utf-8")
            if force:
                os.replace(half, path)
            else:
                os.link(half, path)
        finally:
            half.unlink(missing_ok=True)
    except FileExistsError:
        raise InputError(
            "the file exists", where=SourceLocation(str(path)), hint="--force replaces it"
        ) from None
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", where=SourceLocation(str(path))) from error
    return path
