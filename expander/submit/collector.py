"""What a submission needs of whatever collects and deletes its finished Jobs: types, without code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from expander.base.errors import ExpanderError
from expander.client.client import ApiClient
from expander.client.transport import Transport
from expander.submit.finished import FinishedJobs


class Collector(Protocol):
    """Collects what finished Jobs put out into ``folder``, and deletes them.

    ``collected`` counts those that are done, ``failed`` those among them that had failed, ``left`` those that
    could not be collected; ``waiting`` are not done yet. While it `is_behind` no other Job is sent.
    """

    folder: Path
    collected: int
    failed: int
    left: int

    @property
    def waiting(self) -> int: ...

    @property
    def is_behind(self) -> bool: ...

    def finished(self, job: Mapping[str, Any]) -> None:
        """A Job of the group has finished; it may be told of more than once."""

    def stop(self) -> None:
        """Begin no other Job, and wait for those that are being collected."""


class CollectorFactory(Protocol):
    """Makes a `Collector`.

    Its ``fail`` gets the error after which nothing more can be collected, ``say`` a line for people, and
    ``wake`` is called after each Job.
    """

    def __call__(
        self,
        transport: Transport,
        api: ApiClient,
        folder: Path,
        record: FinishedJobs | None,
        *,
        fail: Callable[[ExpanderError], None],
        say: Callable[[str], None],
        wake: Callable[[], None],
    ) -> Collector: ...
