"""The errors of expander: one tree, with the exit code in the class.

    ExpanderError            2   the base: everything that is raised on purpose
    ├── UsageError           2   the command line or the arguments of a call do not fit together
    ├── InputError           2   a source, a template, a manifest or a file cannot be used
    │   └── YamlError        2   the text is not YAML that kubectl would accept
    ├── ItemError            1   one item cannot become a manifest; the others can
    │   └── ContentChanged   1   an earlier run has an object of that name with other content
    ├── OutputError          2   what was made cannot be written
    │   └── ClosedPipe     141   whoever read the output went away
    ├── ClusterError         1   the cluster does not answer, or refuses
    │   ├── StatusError      1   the API server refused a request
    │   └── Unreachable      1   no API server answers
    ├── AdmissionError       1   admission of the local API server refused a request
    ├── NotFound             2   the local API server has no such object
    ├── StateNotFound        2   a folder has no state of a run
    ├── FolderInUse          2   another expander runs with the state folder
    ├── StateUnreadable      2   the state of a run is damaged, or of another version of expander
    ├── BrokerError          2   the broker of a work queue cannot be used
    └── TimedOut             3   a call has waited as long as it should; what it waited for goes on

An error holds `Problem` values: all that is wrong with one input, not only the first thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from expander.base.dataclass import dataclass
from expander.base.named_tuple import NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


MAX_COLUMNS: Final = 20
"""Columns that a message lists."""


def suggest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name most like ``name``, or None when none is close; upper and lower case count alike.

    ``cutoff`` is how alike, from 0 to 1.
    """
    import difflib

    by_lower = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[found[0]] if found else None


def column_hint(name: str, known: Sequence[str]) -> str | None:
    """What to say of a column that is none of the ``known`` ones: the nearest of them, and how one differs
    that looks the same (letters with accents have two forms in Unicode)."""
    if not name.isascii():
        from unicodedata import normalize

        form = normalize("NFC", name)
        for each in known:
            if normalize("NFC", each) == form:
                words = f"column {each} is written with other code points: {each!a}, here {name!a}"
                return f"{words}; copy its name from the table"
    close = suggest(name, known)
    return f"did you mean {shown_column(close)}?" if close else None


def shown_column(name: str) -> str:
    """The name of a column for messages, quoted where a space at its ends would not be seen."""
    return name if name == name.strip() else repr(name)


def shown_columns(names: Iterable[str]) -> str:
    """The names of columns for messages, the first of them where there are many."""
    texts = [*map(shown_column, names)]
    more = len(texts) - MAX_COLUMNS
    return f"{', '.join(texts[:MAX_COLUMNS])}{f' and {more:,} more' if more > 0 else ''}"


class SourceLocation(NamedTuple):
    """A place in a source text.

    ``file`` is the name a person would use for the source (a path, or ``<stdin>``), ``line`` and
    ``column`` count from 1; 0 means that part is not known.
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.file]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in the words a user needs to mend it.

    ``message`` says what was found and what was expected; ``where`` is the place in a source text;
    ``item`` describes the item (``item 7 'a b' (fruits.csv:8)``), ``field`` is the path in the
    manifest (``spec.parallelism``), ``hint`` is what to do about it.
    """

    message: str
    where: SourceLocation | None = None
    item: str | None = None
    field: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        parts = [str(part) for part in (self.where, self.item, self.field) if part]
        text = ": ".join([*parts, self.message])
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class ExpanderError(Exception):
    """Base of every error expander raises on purpose; ``problems`` is never empty."""

    exit_code: ClassVar[int] = 2
    silent: ClassVar[bool] = False
    """Whether nobody needs to be told: there is only an exit code."""

    def __init__(self, problems: str | Problem | Sequence[Problem], **details: object) -> None:
        if isinstance(problems, str):
            problems = Problem(problems, **details)  # type: ignore[arg-type]
        self.problems: list[Problem] = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @property
    def where(self) -> SourceLocation | None:
        """The place of the first problem in a source text, None if it has none."""
        return self.problems[0].where

    @property
    def item(self) -> str | None:
        """The item of the first problem: ``item 7 'a b' (fruits.csv:8)``."""
        return self.problems[0].item

    @property
    def field(self) -> str | None:
        """The path in the manifest of the first problem: ``spec.parallelism``."""
        return self.problems[0].field

    @property
    def hint(self) -> str | None:
        """What to do about the first problem."""
        return self.problems[0].hint


class UsageError(ExpanderError):
    """The command line, or the arguments of a call, do not fit together."""


class InputError(ExpanderError):
    """A source, a template, a manifest or a values file cannot be used."""


class YamlError(InputError):
    """The text is not YAML that kubectl would accept, or goes past a limit of the reader."""


class ItemError(ExpanderError):
    """One item cannot become a manifest; other items are not affected.

    ``number`` is that of the item in the batch, from 1; 0 where there is none. ``items`` is how many items
    the object would have done.
    """

    exit_code = 1
    reason: ClassVar[str] = "Invalid"
    """Why, in one word as the API's reasons are."""

    def __init__(
        self, problems: str | Problem | Sequence[Problem], *, number: int = 0, items: int = 1
    ) -> None:
        super().__init__(problems)
        self.number = number
        self.items = items


class ContentChanged(ItemError):
    """An earlier run has an object of the same name with other content; it stays."""

    reason = "AlreadyExists"


class OutputError(ExpanderError):
    """What was made cannot be written where it should go."""


class ClosedPipe(OutputError):
    """Whoever read the output went away (``| head``): not worth a message, there is nobody to complain to.

    The exit code is what a shell reports for a program that SIGPIPE ended.
    """

    exit_code = 141
    silent = True


class ClusterError(ExpanderError):
    """The cluster does not answer, or refuses the request."""

    exit_code = 1


class StatusError(ClusterError):
    """The server refused a request; ``code`` is the HTTP status."""

    def __init__(self, code: int, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code


class Unreachable(ClusterError):
    """No API server answers at the address; ``is_permanent`` when waiting would not help."""

    is_permanent: bool = False


class AdmissionError(ExpanderError):
    """Admission of the local API server refused a request, as a quota does.

    ``code`` is the HTTP status, ``reason`` the API's word for it, ``details`` those of the Status.
    """

    exit_code = 1

    def __init__(self, code: int, reason: str, message: str, details: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = dict(details)


class NotFound(ExpanderError):
    """The local API server has no such object."""


class StateNotFound(ExpanderError):
    """A folder has no state of a run: not yet, or no longer."""


class FolderInUse(ExpanderError):
    """Another expander runs with this state folder."""


class StateUnreadable(ExpanderError):
    """The state of local runs in ``folder`` is damaged, or another version of expander wrote it."""

    def __init__(self, message: str, folder: Any, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.folder: Path = folder


class BrokerError(ExpanderError):
    """The broker of a work queue cannot be reached, or refuses what is asked of it."""


class TimedOut(ExpanderError, TimeoutError):
    """What a call waits for has not come within its timeout; the Jobs themselves go on."""

    exit_code = 3
