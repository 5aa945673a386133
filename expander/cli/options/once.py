"""Options that are given once: of two values the last one would win, where both are meant."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import click
from click.core import ParameterSource

from expander.base.errors import UsageError

Hint: TypeAlias = Callable[[click.Context, Sequence[str]], str | None]
"""What to do with several values of an option."""


class Once(click.Option):
    """An option that takes one ``noun``: UsageError for a second one that differs from the first.

    ``hint`` says what to do with several; with ``joined`` they can be joined by commas. Options of which
    nobody means two (``-n``, ``-o``, ``--context``) let the last one win, as kubectl's do.
    """

    def __init__(
        self, *args: Any, noun: str, hint: Hint | None = None, joined: bool = False, **more: Any
    ) -> None:
        super().__init__(*args, **more)
        self._noun = noun
        self._hint = self._join if joined else hint

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        parser.add_option(obj=self, opts=self.opts, dest=self.name, action="append")

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        if (given := opts.get(str(self.name))) is not None:
            values = [*dict.fromkeys(given)]
            if len(values) > 1 and not ctx.resilient_parsing:
                words = f"{self.opts[0]} takes one {self._noun}, not {len(values)}: {', '.join(values)}"
                raise UsageError(words, hint=None if self._hint is None else self._hint(ctx, values))
            opts = {**opts, str(self.name): values[-1]}
        return super().consume_value(ctx, opts)

    def _join(self, _: click.Context, values: Sequence[str]) -> str | None:
        names = [part.partition("=")[0] for value in values for part in value.split(",")]
        if len(set(names)) < len(names):
            return None
        return f"join them: {self.opts[0]} {shlex.quote(','.join(values))}"
