"""What a caller hears of a run on this machine as it goes on: output, notes and errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expander.base.errors import ItemError
from expander.base.named_tuple import NamedTuple
from expander.base.text import counted
from expander.notify.reporter import NotifyingReporter
from expander.run.limits import check_limits
from expander.run.reporter import Retried

if TYPE_CHECKING:
    from expander.local.executor import Executor
    from expander.local.waiting import Waiting
    from expander.run.output_lines import OutputLine, OutputLines


class Hears(NamedTuple):
    """The functions of the caller."""

    error: Callable[[ItemError], None]
    note: Callable[[str], None]
    output: Callable[[OutputLine], None] | None


_EXECUTOR: Final = {
    **{name: name for name in "runtime jobs cpus memory backoff_base images image_commands claims".split()},
    "env": "variables",
    "grace": "stop_grace",
}
"""The names of an executor's arguments in the calls, and there."""


def executor_settings(given: Mapping[str, Any], note: Callable[[str], None]) -> dict[str, Any]:
    """Those of the arguments of a call that its executor gets. Raises UsageError for a limit that is none."""
    limits = ("jobs", "cpus", "memory", "backoff_base", "grace", "timeout")
    check_limits({name: given.get(name) for name in limits})
    return {its: given[name] for name, its in _EXECUTOR.items() if name in given} | {"on_note": note}


class Hearing(NotifyingReporter):
    """Hands on what happens in the state ``folder`` to the functions of the caller."""

    def __init__(self, folder: Path, hears: Hears) -> None:
        self._folder = folder
        self._on_error, self._on_note, self._on_output = hears
        self._lines: OutputLines | None = None

    @contextmanager
    def listening(self, executor: Executor) -> Iterator[None]:
        """Within it the output of the pods of ``executor`` is handed on, if the caller wants it."""
        if self._on_output is None:
            yield
            return
        from expander.group.records import index_record
        from expander.kube.objects import completion_index, owner_of
        from expander.run.output_lines import OutputLines

        def key_of(pod: Mapping[str, Any]) -> str:
            return index_record(executor.by_uid(owner_of(pod)) or pod, (), completion_index(pod)).label

        with closing(OutputLines(self._folder, key_of, self._on_output)) as self._lines:
            yield
            self._lines.end()

    def pod_changed(self, pod: Mapping[str, Any]) -> None:
        if self._lines is not None:
            self._lines.pod_changed(pod)

    def progress(self, counts: Mapping[str, int]) -> None:
        super().progress(counts)
        if self._lines is not None:
            self._lines.read()

    def refused(self, error: ItemError) -> None:
        self._on_error(error)

    def note(self, text: str) -> None:
        self._on_note(text)

    def waiting(self, waiting: Waiting) -> None:
        super().waiting(waiting)
        self._on_note(waiting.line(waiting.obj["metadata"]["name"]))

    def stalled(self, count: int) -> None:
        super().stalled(count)
        self._on_note(f"Nothing runs: {counted(count, 'Job')} left, waiting for what is missing")

    def not_retried(self, job: Mapping[str, Any], why: str) -> None:
        self._on_note(f"no retry: {job['metadata']['name']}: {why}")

    def retried(self, retried: Retried) -> None:
        self._on_note(retried.line(retried.job["metadata"]["name"]))
