"""`expander.logs`: what the containers of a group have written, line by line."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from expander.api.arguments import raise_error, texts
from expander.api.place import GroupKeywords, Which, opened
from expander.api.stop import stop_check
from expander.base.errors import ExpanderError, InputError
from expander.run.limits import check_limits
from expander.run.output_lines import OutputLine

if TYPE_CHECKING:
    from expander.group.logs import ContainerRun, LogSelection
    from expander.group.open import AnySource
    from expander.group.parallel_read import ParallelReader


def logs(
    group: Which = None,
    items: Sequence[str] = (),
    *,
    follow: bool = False,
    failed: bool = False,
    container: Sequence[str] = (),
    previous: bool = False,
    since: float | None = None,
    tail: int | None = None,
    timestamps: bool = False,
    max_log_requests: int = 32,
    on_error: Callable[[ExpanderError], None] | None = None,
    **where: Unpack[GroupKeywords],
) -> Iterator[OutputLine]:
    """The logs of a group, line by line, as ``expander logs`` prints them: log after log, in order of items.

    ``group`` and the keywords of its place are as for `status`. ``items`` are keys, names of Jobs or pods, or
    globs of these; ``failed``: only failed items; ``container``: only these containers. ``previous`` is the
    start of a container before its last, ``since`` how many seconds back, ``tail`` how many lines of each
    log, ``timestamps`` puts the time (RFC 3339) in front. With ``follow`` lines come as they are written, of
    up to ``max_log_requests`` logs at a time, until all Jobs have ended. ``key`` of a line names the item,
    ``pod`` the attempt.

    Raises InputError for a group, item or container that is not there, and the error of the first log that
    cannot be read; with ``on_error`` that function gets those.
    """
    from expander.group.logs import LogSelection
    from expander.group.open import nothing_found
    from expander.group.parallel_read import ParallelReader
    from expander.group.records import unknown_hint
    from expander.group.source import LogOptions

    check_limits({"since": since, "tail": tail, "max_log_requests": max_log_requests})
    options = LogOptions(previous=previous, since=since, tail=tail, timestamps=timestamps)
    wanted = LogSelection(texts("items", items), failed, texts("container", container), options)
    with opened("logs", group, where, awaited=follow) as (source, place):
        with ParallelReader[list[OutputLine]](max_log_requests) as readers:
            found = yield from _lines(source, wanted, readers, follow, on_error or raise_error)
        if not found:
            raise nothing_found(place, source)
        if wanted.unknown_containers:
            raise InputError(
                f"no container {', '.join(wanted.unknown_containers)} in {place}",
                hint=f"containers: {', '.join(wanted.known_containers)}",
            )
        if wanted.unknown:
            raise InputError(
                f"no item, Job or pod {', '.join(wanted.unknown)} in {place}",
                hint=unknown_hint(wanted.unknown[0], source),
            )


def _lines(
    source: AnySource,
    wanted: LogSelection,
    readers: ParallelReader[Any],
    follow: bool,
    on_error: Callable[[ExpanderError], None],
) -> Generator[OutputLine, None, bool]:
    """The lines, and at last whether there was a Job."""
    from expander.group.logs import followed_logs, line_blocks, logs_in_order

    def read(start: ContainerRun, _: bool = True) -> Iterator[list[OutputLine]]:
        line = OutputLine(start.item, start.pod["metadata"]["name"], start.container, "")
        for block in line_blocks(wanted.read(source, start, follow=follow)):
            texts = block.decode("utf-8", "replace").split("\n")[:-1]
            yield [line._replace(text=text) for text in texts]

    pieces: Generator[list[OutputLine] | ExpanderError | None, None, bool]
    if follow:
        pieces = followed_logs(source, wanted, readers, read, stop_check())
    else:
        pieces = logs_in_order(source, wanted, readers, read)
    while True:
        try:
            said = next(pieces)
        except StopIteration as end:
            return bool(end.value)
        if isinstance(said, ExpanderError):
            on_error(said)
        elif said is not None:
            yield from said
