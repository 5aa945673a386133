"""The runtimes that run real images: podman and docker, through their command line.

Each container is one `run` in the foreground whose output is the log. The engine gets the container signalled
and killed; the process started here only waits for it. Pods share this machine's network, as in the
other runtimes, so that the addresses of pods mean the same in all of them.
"""

from __future__ import annotations

import os

from expander.base.digests import sha256
from expander.base.regex import regex
from expander.local.runtime.runtime import Command, Launch

_INSPECT = """"$0" image inspect --format '{{.Config.User}}' "$1\""""
_FETCH = f'"$0" pull --quiet "$1" >/dev/null && exec {_INSPECT}'
_PULL = {
    "Always": _FETCH,
    "IfNotPresent": f"{_INSPECT} 2>/dev/null || {{ {_FETCH}; }}",
    "Never": f"exec {_INSPECT}",
}
"""Scripts for what imagePullPolicy asks for; they get the engine's program and the image."""


MAX_WORDS_BYTES = 4096
_error_words = regex(r"(?:docker: )?Error(?: response from daemon)?: (.+)")


class EngineRuntime:
    """Containers made by an engine; ``name`` is podman or docker, ``program`` its file."""

    isolates = True

    def __init__(self, name: str, program: str) -> None:
        self._name = name
        self.program = program

    @property
    def name(self) -> str:
        """The engine's name."""
        return self._name

    def command(self, launch: Launch) -> Command:
        """The engine's `run` command line."""
        if launch.pull is not None:
            argv = ["sh", "-c", _PULL[launch.pull], self.program, launch.image]
            return Command(argv, dict(os.environ))
        if launch.inside is not None:
            return self._inside(launch, container_name(launch.inside))
        name = container_name(launch.key)
        words = [self.program, "run", "--rm", "--pull", "never", "--name", name, "--network", "host"]
        words += _streams(launch)
        if launch.target is not None:
            words += ["--pid", f"container:{container_name(launch.target)}"]
        if launch.hostname:
            words += ["--hostname", launch.hostname]
        words += [f"--add-host={host}:{address}" for host, address in launch.hosts.items()]
        for mount in launch.mounts:
            words += ["--mount", _mount(mount.source, mount.target, mount.read_only)]
        if launch.tmp:
            words += ["--mount", _mount(launch.tmp, "/tmp", False)]
        words += [f"--env={key}={value}" for key, value in launch.env.items()]
        if launch.read_only:
            words += ["--read-only", *(["--read-only-tmpfs=false"] if self._name == "podman" else [])]
        if launch.cwd:
            words += ["--workdir", launch.cwd]
        if launch.user is not None or launch.group is not None:
            group = "" if launch.group is None else f":{launch.group}"
            words += ["--user", f"{launch.user or 0}{group}"]
        words += [f"--group-add={group}" for group in launch.groups]
        if launch.memory is not None:
            words += [f"--memory={launch.memory}", f"--memory-swap={launch.memory}"]
        if launch.cpus is not None:
            words.append(f"--cpus={launch.cpus:g}")
        argv = list(launch.argv)
        if launch.replaces_entrypoint and argv:
            words += ["--entrypoint", argv.pop(0)]
        return Command(
            [*words, launch.image, *argv],
            dict(os.environ),
            control=(self.program, "kill", "--signal", "SIGNAL", name),
            limited=launch.memory is not None,
            program=next(iter(launch.argv), ""),
        )

    def _inside(self, launch: Launch, name: str) -> Command:
        words = [
            self.program,
            "exec",
            *_streams(launch),
            *(f"--env={key}={value}" for key, value in launch.env.items()),
        ]
        if launch.cwd:
            words += ["--workdir", launch.cwd]
        return Command([*words, name, *launch.argv], dict(os.environ))

    def caveat(self, launch: Launch) -> str | None:
        """An engine gives all there is."""
        return None


def _streams(launch: Launch) -> list[str]:
    return [*(["--interactive"] if launch.stdin else []), *(["--tty"] if launch.tty else [])]


def container_name(key: str) -> str:
    """The name of the container of ``key``: always the same, and valid whatever the key is."""
    return "expander-" + sha256(key.encode(errors="surrogatepass")).hexdigest()[:20]


def start_error(log: str, code: int) -> str | None:
    """Why an engine could not start a container, in its own words at the end of ``log``; None if it did.

    Its exit code is then 125 to 127, which a container may have as well: the words tell them apart.
    """
    if code not in (125, 126, 127):
        return None
    from expander.local.logs import last_output

    for line in reversed(last_output(log, MAX_WORDS_BYTES).decode(errors="replace").splitlines()):
        found = _error_words.match(line)
        if found is not None and (code == 125 or "OCI runtime" in line or "container process" in line):
            return found[1]
    return None


def _mount(source: str, target: str, read_only: bool) -> str:
    """The value of `--mount`, which is a line of CSV."""
    fields = ["type=bind", f"source={source}", f"target={target}"] + (["readonly"] if read_only else [])
    return ",".join(
        '"' + field.replace('"', '""') + '"' if set(field) & set(',"\n') else field for field in fields
    )
