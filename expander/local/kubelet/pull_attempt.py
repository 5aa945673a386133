"""One question to a container engine: is there this image, or can it be pulled."""

from __future__ import annotations

from expander.local.kubelet.backoff import Backoff
from expander.local.logs import last_output
from expander.local.runtime.runtime import Exit, Launch

MAX_WORDS_BYTES = 4096


class PullAttempt:
    """One question to the engine."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.exit: Exit | None = None

    def ended(self, exit_: Exit) -> None:
        """The supervisor's word on it."""
        self.exit = exit_

    def lines(self) -> list[str]:
        """What the engine said."""
        said = last_output(self.launch.log, MAX_WORDS_BYTES).decode(errors="replace")
        return [line for line in said.splitlines() if line.strip()]

    def words(self) -> str:
        """The engine's last words."""
        last = (self.lines() or ["the engine says nothing"])[-1]
        return self.exit.error if self.exit and self.exit.error else last.removeprefix("Error: ")


class ImagePull:
    """The image of one container: the question under way, and how often that failed."""

    def __init__(self, backoff_base: float) -> None:
        self.attempt: PullAttempt | None = None
        self.count = 0
        self.error = ""
        self.backoff = Backoff(backoff_base)
