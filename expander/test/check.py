"""One case: the manifests that its template makes now, against what it expects."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expander.base.dataclass import dataclass
from expander.base.errors import ExpanderError, InputError, ItemError
from expander.base.named_tuple import NamedTuple
from expander.batch.load import from_objects, from_paths
from expander.batch.request import BatchRequest
from expander.diff.comparison import compare, key_of
from expander.diff.field_changes import value_changes
from expander.items.item import Item
from expander.items.keys import item_key, item_text
from expander.kube.versions import Release
from expander.kube.wellknown import RUN_TO_COMPLETION
from expander.manifests.edits import KEY_ANNOTATION, Edits
from expander.manifests.manifest import Manifest
from expander.test.case import Case, Fields, RunExpectation

if TYPE_CHECKING:
    from expander.api.run import JobResult

BACKOFF_SECONDS = 0.1
"""The first back-off of a failed pod: nobody waits for the world to become better in a test."""

MAX_MORE_BYTES = 1 << 16
"""How much of an output is read beyond the length of the expected one."""

MAX_LINE_BYTES = 2000
"""How much is shown of the last line of an output."""

OBJECT = "an object"
"""What is expected or found where it is not about a field."""


class Failure(NamedTuple):
    """An expectation that does not hold. ``path`` is the field, or the name of the expectation.

    ``expected`` and ``found`` are plain JSON data, None for nothing; ``items`` are those it is about.
    ``printed`` is the last line of the output that the Jobs of an item left.
    """

    path: str
    expected: Any
    found: Any
    items: list[str]
    printed: str = ""


@dataclass(slots=True)
class CaseResult:
    """What became of a case: it has passed without ``failures``. ``count`` manifests were made.

    ``error`` says why nothing could be compared; ``written`` is the file that was updated, ``hint`` what
    would update it.
    """

    case: Case
    count: int = 0
    failures: list[Failure] = field(default_factory=list)
    error: str | None = None
    hint: str | None = None
    written: str | None = None

    @property
    def passed(self) -> bool:
        """Whether everything is as the case expects it."""
        return self.error is None and not self.failures


def check_case(case: Case, request: BatchRequest, *, update: bool = False) -> CaseResult:
    """What became of ``case``, whose template and items ``request`` has, in the current folder: the case's.

    ``update`` writes the file of its manifests where they differ and everything else is as expected. Raises
    OutputError when it cannot be written.
    """
    result = CaseResult(case)
    errors: list[ItemError] = []
    try:
        items = None if request.items is None else [*request.items]
        made = [*replace(request, items=items).manifests(errors.append)]
    except ExpanderError as error:
        result.error = str(error)
        return result
    result.count = len(made)
    if case.count not in (None, len(made)):
        result.failures.append(Failure("count", case.count, len(made), []))
    result.failures += _merged(_field_failures(case, made, request.release))
    result.failures += _refusals(case.refused, errors, _keys(items or (), made))
    if case.manifests is not None:
        _check_manifests(case, made, request.release, result, update=update)
    if case.run is not None:
        result.failures += _run_failures(case.run, made)
    return result


def _field_failures(case: Case, made: Sequence[Manifest], release: Release) -> Iterator[Failure]:
    jobs = [each for each in made if each.kind in RUN_TO_COMPLETION] or made
    if case.fields and not made:
        yield Failure("fields", OBJECT, None, [])
    for manifest in jobs:
        yield from _differing(manifest, case.fields, release, key_of(manifest))
    for name, fields in case.fields_of.items():
        named = [each for each in jobs if key_of(each) == name]
        named = named or [each for each in made if f"{each.kind}/{each.name}".lower() == name.lower()]
        if not named:
            yield Failure("fieldsOf", OBJECT, None, [name])
        for manifest in named:
            yield from _differing(manifest, fields, release, name)


def _differing(manifest: Manifest, fields: Fields, release: Release, name: str) -> Iterator[Failure]:
    for path, expected in fields.items():
        for change in value_changes(manifest.tree, path, expected, release):
            yield Failure(change.path, change.old, change.new, [name])


def _merged(failures: Iterable[Failure]) -> list[Failure]:
    """Equal failures of several items as one."""
    found: dict[str, Failure] = {}
    for each in failures:
        found.setdefault(repr(each[:3]), each._replace(items=[])).items.extend(each.items)
    return [*found.values()]


def _keys(items: Sequence[Item], made: Sequence[Manifest]) -> dict[str, str]:
    """The keys of the items, by the words that errors have for them."""
    notes = (each.tree["metadata"].get("annotations") or {} for each in made)
    columns = next((each[KEY_ANNOTATION] for each in notes if KEY_ANNOTATION in each), "")
    keys = ((each, item_key(item_text(each.value), columns)) for each in items)
    return {words: key for each, key in keys for words in (str(each), f"item {each.number}")}


def _refusals(
    wanted: Mapping[str, str], errors: Sequence[ItemError], keys: Mapping[str, str]
) -> Iterator[Failure]:
    """The refusals that are not as ``wanted``: text in their messages, by the keys of items."""
    found: dict[str, list[str]] = {}
    for problem in (problem for error in errors for problem in error.problems):
        words = ": ".join(each for each in (problem.field, problem.message) if each)
        found.setdefault(keys.get(problem.item or "", problem.item or str(problem.where)), []).append(words)
    for name, text in wanted.items():
        messages = found.pop(name, [])
        if not any(text in each for each in messages):
            yield Failure("refused", text, "; ".join(messages) or None, [name])
    for name, messages in found.items():
        yield Failure("refused", None, "; ".join(messages), [name])


def _check_manifests(
    case: Case, made: Sequence[Manifest], release: Release, result: CaseResult, *, update: bool
) -> None:
    golden = case.manifests
    is_there = not isinstance(golden, str) or os.path.exists(golden)
    if isinstance(golden, str) and is_there:
        expected = from_paths([golden], Edits(), _raise)
    else:
        expected = from_objects(golden if isinstance(golden, list) else (), Edits(), _raise)
    try:
        found = compare(expected, made, release)
    except (InputError, ItemError) as error:
        result.error = f"manifests: {replace(error.problems[0], hint=None)}"
        if isinstance(golden, str) and os.path.isfile(golden):
            result.hint = f"remove {golden}, and --update writes it"
        return
    if isinstance(golden, str) and not (is_there and found.equal):
        if update and not result.failures:
            _write(golden, made)
            result.written = golden
            return
        if update or not is_there:
            result.hint = f"--update writes {golden}" + " when all else is as expected" * bool(
                result.failures
            )
    if not is_there:
        result.failures.append(Failure("manifests", golden, None, []))
        return
    for path, values in found.by_field().items():
        failures = [Failure(path, old, new, names) for old, new, names in values]
        result.failures += [each for each in failures if each not in result.failures]
    if found.removed:
        result.failures.append(Failure("manifests", OBJECT, None, found.removed))
    if found.added:
        result.failures.append(Failure("manifests", None, OBJECT, found.added))


def _raise(error: ItemError) -> None:
    raise error


def _write(golden: str, made: Sequence[Manifest]) -> None:
    from expander.group.results import write_atomically
    from expander.sinks.stream import output_error

    path = Path(golden)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error("create", str(path.parent), error) from error
    write_atomically(path, ("---\n".join(each.yaml() for each in made).encode(),))


class _Ended:
    """What the Jobs of an item printed and exited with.

    ``output`` is no longer than to tell it from the expected one. ``code`` is the first one that is not 0,
    and None if nothing exited.
    """

    def __init__(self, expected: str | None) -> None:
        self.code: int | None = 0
        self._output, self._end = bytearray(), b""
        self._most = 0 if expected is None else len(expected.encode()) + MAX_MORE_BYTES

    def add(self, job: JobResult) -> None:
        """One more Job of the item."""
        if self.code == 0:
            self.code = job.outcome.exit_code
        for chunk in (chunk for log in job.logs for chunk in log.chunks()):
            self._output += chunk[: self._most - len(self._output)]
            self._end = (self._end + chunk)[-MAX_LINE_BYTES:]

    @property
    def output(self) -> str:
        """What was printed, without the line ends at its end."""
        return self._output.decode(errors="replace").rstrip("\n")

    @property
    def last_line(self) -> str:
        """The last line that is not empty."""
        return self._end.decode(errors="replace").rstrip().rpartition("\n")[2]


def _run_failures(wanted: RunExpectation, made: Sequence[Manifest]) -> Iterator[Failure]:
    """Run the Jobs on this machine, with state of their own that goes afterwards."""
    from expander.api.run import run
    from expander.test.scratch import scratch_folder

    notes: list[str] = []
    errors: list[ItemError] = []
    with scratch_folder() as state:
        result = run(
            made,
            state=state,
            validate=False,
            timeout=wanted.timeout,
            backoff_base=BACKOFF_SECONDS,
            on_error=errors.append,
            on_note=notes.append,
        )
        ended: dict[str, _Ended] = {}
        for job in result.jobs:
            name = job.outcome.key or job.outcome.name
            if name not in ended:
                ended[name] = _Ended(wanted.output.get(name))
            ended[name].add(job)
    for error in errors:
        yield Failure("run", None, str(error), [])
    if result.stopped:
        yield Failure("run", "the end of all Jobs", "; ".join([result.stopped, *notes[1:][-1:]]), [])
    for name in {**ended, **wanted.exit_codes}:
        expected, code = wanted.exit_codes.get(name, 0), ended[name].code if name in ended else None
        if code != expected:
            told = name in ended and name not in wanted.output
            yield Failure("run.exitCodes", expected, code, [name], ended[name].last_line if told else "")
    for name, text in wanted.output.items():
        found = ended[name].output if name in ended else None
        if found != text.rstrip("\n"):
            yield Failure("run.output", text.rstrip("\n"), found, [name])
