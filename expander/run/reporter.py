"""What a run tells as it goes on: a reporter hears it, and prints it or keeps it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from expander.base.errors import ItemError
from expander.base.named_tuple import NamedTuple
from expander.kube.objects import Object
from expander.manifests.manifest import Manifest

if TYPE_CHECKING:
    from expander.local.waiting import Waiting

PodsOf: TypeAlias = Callable[[], Sequence[Object]]
"""Gives the pods that a Job has had, oldest first; costs a look into the state."""


class Retried(NamedTuple):
    """An item that is tried again: the Job of its new attempt, which attempt that is (2 for the second), why
    (``OOMKilled``), and what is another than before (``memory 2Gi``). A ``split`` Job is for an index of an
    Indexed Job, which is there beside it."""

    job: Object
    attempt: int
    reason: str
    change: str = ""
    split: bool = False

    def line(self, label: str) -> str:
        """For people; ``label`` is what they call the item."""
        change = f", with {self.change}" if self.change else ""
        return f"retry: {label}: attempt {self.attempt} after {self.reason}{change}"


class RunReporter:
    """Hears of a run. Nothing is done here: a subclass overrides what it wants to know.

    Every call comes from the thread of the run, which goes on when it returns. An exception ends the run.
    """

    def submitted(self, namespace: str, name: str, manifest: Manifest) -> None:
        """A Job of the batch, or a pod without one, is in the state now, or was: in the order of items."""

    def pod_changed(self, pod: Object) -> None:
        """The status of a pod is another: containers of it have started or ended."""

    def finished(self, job: Object, pods_of: PodsOf) -> None:
        """A Job has ended, or a pod without one."""

    def kept(self, job: Object, pods_of: PodsOf) -> None:
        """A Job of the batch had ended in an earlier run."""

    def kept_complete(self, manifest: Manifest) -> bool:
        """A Job of the batch was complete before, of this manifest: nothing else is told of it. False
        to be told it as any other (`submitted`, `kept`), which costs a look into the state."""
        return False

    def waiting(self, waiting: Waiting) -> None:
        """Pods do not go on; told once for each cause, within three seconds."""

    def stalled(self, count: int) -> None:
        """Nothing has run for a while, and ``count`` Jobs wait for what is missing; told once."""

    def retried(self, retried: Retried) -> None:
        """An item is tried again."""

    def not_retried(self, job: Object, why: str) -> None:
        """An item is not tried again because it has all that its policy allows."""

    def refused(self, error: ItemError) -> None:
        """An object was not accepted, as one that has changed since the earlier run."""

    def note(self, text: str) -> None:
        """A line about what the runtime cannot provide."""

    def progress(self, counts: Mapping[str, int]) -> None:
        """A step was made; ``counts`` are those of `RunEnd`."""
