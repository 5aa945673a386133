"""The calls of expander for asyncio: they work in a thread of their own and do not block the loop.

Names, arguments, results and errors are those of the package. A cancelled call stops its work, as Ctrl-C
stops a command (a run stops its pods), and has ended when CancelledError is raised; a second cancellation
does not wait for that. Functions such as ``on_outcome`` are called in the thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial, wraps
from typing import Any, Final, ParamSpec, TypeVar

from expander.api.cleanup import cleanup as _cleanup
from expander.api.diff import diff as _diff
from expander.api.expand import expand as _expand
from expander.api.groups import groups as _groups
from expander.api.logs import logs as _logs
from expander.api.plan import plan as _plan
from expander.api.report import report as _report
from expander.api.results import results as _results
from expander.api.retry import retry as _retry
from expander.api.run import run as _run
from expander.api.status import status as _status
from expander.api.stop import STOP, Stop
from expander.api.submit import submit as _submit
from expander.api.suspension import resume as _resume
from expander.api.suspension import suspend as _suspend
from expander.api.validate import validate as _validate
from expander.api.wait import outcomes as _outcomes
from expander.api.wait import wait as _wait

P = ParamSpec("P")
T = TypeVar("T")

_END: Final = object()


async def _in(thread: ThreadPoolExecutor, stop: Stop, call: Callable[[], T]) -> T:
    """What ``call`` gives in the thread; when this is cancelled the call is stopped, and waited for."""
    context = copy_context()
    context.run(STOP.set, stop)
    work = asyncio.get_running_loop().run_in_executor(thread, context.run, call)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()  # nobody is left to hear of it
        raise


def _awaitable(call: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    @wraps(call)
    async def awaited(*args: P.args, **kwargs: P.kwargs) -> T:
        thread = ThreadPoolExecutor(1)
        try:
            return await _in(thread, Stop(), partial(call, *args, **kwargs))
        finally:
            thread.shutdown(wait=False)

    return awaited


def _each(call: Callable[P, Iterator[T]]) -> Callable[P, AsyncIterator[T]]:
    @wraps(call)
    async def each(*args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        thread, stop, found = ThreadPoolExecutor(1), Stop(), call(*args, **kwargs)
        following: Callable[[], Any] = partial(next, found, _END)
        try:
            while (one := await _in(thread, stop, following)) is not _END:
                yield one
        finally:
            stop.set()
            thread.submit(getattr(found, "close", lambda: None))
            thread.shutdown(wait=False)

    return each


expand = _each(_expand)
outcomes = _each(_outcomes)
logs = _each(_logs)

cleanup = _awaitable(_cleanup)
groups = _awaitable(_groups)
diff = _awaitable(_diff)
plan = _awaitable(_plan)
report = _awaitable(_report)
results = _awaitable(_results)
resume = _awaitable(_resume)
retry = _awaitable(_retry)
run = _awaitable(_run)
status = _awaitable(_status)
submit = _awaitable(_submit)
suspend = _awaitable(_suspend)
validate = _awaitable(_validate)
wait = _awaitable(_wait)
