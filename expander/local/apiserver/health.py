"""``/livez``, ``/readyz`` and ``/healthz``, with ``?verbose`` and ``?exclude=`` (server/healthz decides)."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from expander.local.apiserver import codecs, status
from expander.local.apiserver.storage import ExecutorLoop

CHECKS: Final = frozenset(("healthz", "livez", "readyz"))
EXECUTOR: Final = "executor"
"""The check that Jobs go on: they do not on a full disk, for example."""


def response(request: web.BaseRequest, steps: list[str], loop: ExecutorLoop) -> web.Response:
    """The answer to one check, or to all of a kind: 500 when one fails. Whoever lives may be unable to go on,
    so the executor is none of ``livez``.
    """
    found = {"ping": True, "log": True}
    if steps[0] != "livez":
        found[EXECUTOR] = not loop.failing
    if len(steps) > 2 or (len(steps) == 2 and steps[1] not in found):
        return codecs.text_response(status.PAGE_NOT_FOUND_TEXT, 404)
    excluded = request.query.getall("exclude", [])
    if len(steps) == 2:
        found = {steps[1]: found[steps[1]]}
    lines = []
    for name, good in found.items():
        told = "ok" if good else "failed: reason withheld"
        lines.append(f"[{'+' if good else '-'}]{name} {'excluded: ok' if name in excluded else told}")
    good = all(good or name in excluded for name, good in found.items())
    if good and "verbose" not in request.query:
        return codecs.text_response("ok")
    lines.append(f"{steps[0]} check {'passed' if good else 'failed'}")
    return codecs.text_response("\n".join(lines) + "\n", 200 if good else 500)
