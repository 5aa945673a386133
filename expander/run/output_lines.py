"""The output of a run, line by line, for a function of the caller."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from expander.base.named_tuple import NamedTuple
from expander.kube.objects import Object, start_count, statuses_of, uid_of
from expander.local.kubelet.pod_files import PodFolders
from expander.local.logs import LogReader
from expander.run.lines import LineSplitter


class OutputLine(NamedTuple):
    """A line that a container wrote: what its item is called, its pod, the container's name, and the text."""

    key: str
    pod: str
    container: str
    text: str


class _Start:
    """One start of a container, whose log is read as it grows."""

    def __init__(self, path: str, line: OutputLine) -> None:
        self._path = path
        self._line = line
        self._reader: LogReader | None = None
        self._splitter = LineSplitter(b"")

    def read(self, call: Callable[[OutputLine], None], *, ended: bool) -> None:
        """Hand on the lines that there are now; after the end of the container also one without an end."""
        if self._reader is None:
            try:
                self._reader = LogReader(self._path)
            except OSError:  # not written yet, or never
                return
        data = b"".join(map(self._splitter.lines, iter(self._reader.read, b"")))
        if ended:
            data += self._splitter.lines(self._reader.finish()) + self._splitter.end()
            self._reader.close()
        for text in data.decode("utf-8", "replace").split("\n")[:-1]:
            call(self._line._replace(text=text))

    def close(self) -> None:
        """Read no more."""
        if self._reader is not None:
            self._reader.close()


class OutputLines:
    """Calls ``call`` with each line of the pods that `pod_changed` tells of, whenever `read` is called.

    ``key_of`` gives the key of a pod's item.
    """

    def __init__(
        self, state: Path, key_of: Callable[[Object], str], call: Callable[[OutputLine], None]
    ) -> None:
        self._folders = PodFolders(state)
        self._key_of = key_of
        self._call = call
        self._starts: dict[tuple[str, str, int], _Start] = {}
        self._begun: dict[str, set[tuple[str, int]]] = {}

    def pod_changed(self, pod: Object) -> None:
        """Containers of a pod have started or ended."""
        uid, files = uid_of(pod), self._folders.of(pod)
        begun = self._begun.setdefault(uid, set())
        for status in statuses_of(pod):
            name, restarts, state = status["name"], status.get("restartCount") or 0, status.get("state") or {}
            ended = "terminated" in state
            for number in range(start_count(status)):
                if (name, number) not in begun:
                    begun.add((name, number))
                    line = OutputLine(self._key_of(pod), pod["metadata"]["name"], name, "")
                    self._starts[uid, name, number] = _Start(files.log(name, number), line)
                if (ended or number < restarts) and (start := self._starts.pop((uid, name, number), None)):
                    start.read(self._call, ended=True)

    def read(self) -> None:
        """Hand on what the containers at work have written."""
        for start in self._starts.values():
            start.read(self._call, ended=False)

    def end(self) -> None:
        """The run is over: hand on what is left."""
        for start in self._starts.values():
            start.read(self._call, ended=True)
        self._starts.clear()

    def close(self) -> None:
        """Read no more of what is left."""
        for start in self._starts.values():
            start.close()
