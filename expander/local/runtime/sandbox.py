"""The runtime with file trees of their own: bubblewrap.

A container sees the files of its image (a folder named for it, else this machine) read-only, those of an
unpacked image with a layer in memory over them that it writes to, its mounts where it wants
them, /tmp, /dev and /proc of its own, its host name and its /etc/hosts. It shares the network and can read
whatever this user can: it is protected from mistakes, and other people from its mistakes, no more.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path

from expander.local.images.images import Images
from expander.local.images.store import ImageStore
from expander.local.runtime.bubblewrap import Bubblewrap, has_overlays
from expander.local.runtime.filetree import (
    PRIVATE,
    Tree,
    check_command,
    check_mount_types,
    clean,
    innermost,
    resolve,
)
from expander.local.runtime.identity import completed_env, primary_group
from expander.local.runtime.runtime import CannotStart, Command, Launch

_CAPABILITIES = (
    "CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD "
    "AUDIT_WRITE SETFCAP"
).split()
"""What root may do in a container that asks for nothing special; the same as with containerd."""

_AS_ROOT = ["--cap-drop", "ALL", *(word for name in _CAPABILITIES for word in ("--cap-add", f"CAP_{name}"))]

_HOSTS, _HOSTNAME, _ARGUMENTS = 100, 101, 102
"""Numbers of the files by which texts are handed to bubblewrap."""

MIN_OPEN_FILES = _ARGUMENTS + 1
"""The limit of open files (RLIMIT_NOFILE) below which a process cannot have files of these numbers."""

_SETPRIV = ("/usr/bin/setpriv", "/bin/setpriv")
_SETSID = ("/usr/bin/setsid", "/bin/setsid")


MASKED_PATHS = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
"""What containers see empty, and `READ_ONLY_PATHS` what they cannot write, as root neither: the defaults that
Kubernetes takes with ``procMount: Default``.
"""

READ_ONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


@functools.lru_cache(maxsize=8)
def protected_paths(places: tuple[str, ...]) -> tuple[str, ...]:
    """The arguments that mask and write-protect those of the paths below ``places`` that this machine has."""
    arguments: list[str] = []
    for path in MASKED_PATHS:
        if not path.startswith(places):
            continue
        if os.path.isdir(path):
            arguments += ["--tmpfs", path, "--remount-ro", path]
        elif os.path.exists(path):
            arguments += ["--ro-bind", os.devnull, path]
    for path in READ_ONLY_PATHS:
        if path.startswith(places) and os.path.exists(path):
            arguments += ["--ro-bind", path, path]
    return tuple(arguments)


class SandboxRuntime:
    """Containers made by bubblewrap; ``images`` maps image names to root folders or sources."""

    name = "sandbox"
    isolates = True

    def __init__(self, bubblewrap: Bubblewrap, images: Mapping[str, Path | str] | None = None) -> None:
        self.bubblewrap = bubblewrap
        self.images = Images(images, ImageStore())

    def command(self, launch: Launch) -> Command:
        """The bubblewrap command line. Raises `CannotStart`."""
        image = self.images.find(launch.image)
        own = None if image is None else image.root
        root = own or "/"
        if own is not None and not os.path.isdir(own):
            gone = f"the files of image {launch.image} are gone or damaged ({own})"
            raise CannotStart(f"unable to start container process: {gone}")
        env = completed_env(launch, own)
        inside = launch.inside or (launch.target if own is None else None)
        if inside is not None:
            cwd, wrappers = clean(launch.cwd or "/"), self.bubblewrap.wrappers
            changed = _changed_identity(launch)
            return Command([*launch.argv], env, cwd, *changed, wrappers=wrappers, inside=inside)
        mounts = self._mounts(launch, root)
        whole = image is not None and image.config is not None and not launch.read_only
        tree, data, files = self._tree(launch, root, mounts, whole and has_overlays(self.bubblewrap.program))
        check_mount_types(tree, mounts)
        cwd = clean(launch.cwd or "/")
        program = check_command(launch, env, tree, mounts)
        arguments = ["--die-with-parent", *tree.base(), "--dev", "/dev"]
        arguments += self.bubblewrap.pids
        tmp = ["--bind", launch.tmp, "/tmp"] if launch.tmp else ["--perms", "1777", "--tmpfs", "/tmp"]
        arguments += tmp if "/tmp" not in mounts else []
        sealed = ["--remount-ro", "/tmp"] if launch.read_only and "/tmp" not in mounts else []
        for point, (source, read_only) in sorted(mounts.items()):
            arguments += (
                ["--ro-bind" if read_only else "--bind", source, point] if source else ["--tmpfs", point]
            )
        work = resolve(root, cwd)
        if innermost(work, (*mounts, "/tmp")) is not None:
            arguments += ["--dir", work]  # which a container runtime makes, as in `_mounts`
        own_sys = () if own is None else ("/sys",)
        kernel = tuple(
            place + "/" for place in ("/proc", "/sys") if innermost(place, (*mounts, *own_sys)) is None
        )
        arguments += [*files, *tree.seal(), *sealed, *protected_paths(kernel), "--chdir", cwd]
        if launch.hostname:
            arguments += ["--unshare-uts", "--hostname", launch.hostname]
        identity, changer = self._identity(launch, tree)
        setsid = _program(_SETSID, tree) if launch.tty else None
        if setsid is not None:  # the leader of a session is to be in the container's process namespace
            changer = [*changer, setsid, "-c"]
        hidden = [name for name in env if name.startswith("LD_")]
        for name in hidden:  # these are for the container's programs, not for bubblewrap
            identity += ["--setenv", name, env.pop(name)]
        data[_ARGUMENTS] = "\0".join([*arguments, *identity])
        return Command(
            [self.bubblewrap.program, "--args", str(_ARGUMENTS), "--", *changer, *launch.argv],
            env,
            memory=launch.memory,
            cpus=launch.cpus,
            wrappers=self.bubblewrap.wrappers,
            data=data,
            stdio_owner=launch.user if changer else None,
            takes_terminal=setsid is not None,
            program=program,
        )

    def caveat(self, launch: Launch) -> str | None:
        """What the sandbox cannot give: the files of an image it has no folder for."""
        if not launch.image or self.images.root(launch.image):
            return None
        return f"image {launch.image} is not used: the container sees this machine's programs"

    def _mounts(self, launch: Launch, root: str) -> dict[str, tuple[str, bool]]:
        """Source and whether read-only, by resolved mount point; a source of "" is an empty folder."""
        mounts: dict[str, tuple[str, bool]] = {}
        for mount in launch.mounts:
            if not os.path.exists(mount.source):
                raise CannotStart(
                    f'unable to start container process: error mounting "{mount.source}" to rootfs at '
                    f'"{mount.target}": stat {mount.source}: no such file or directory'
                )
            mounts[resolve(root, mount.target)] = (mount.source, mount.read_only)
        if launch.cwd:
            cwd = resolve(root, launch.cwd)
            held = innermost(cwd, (*mounts, *PRIVATE))
            if held is None and not os.path.isdir(root.rstrip("/") + cwd):
                mounts[cwd] = ("", False)  # a container runtime makes the working directory
        return mounts

    def _tree(
        self, launch: Launch, root: str, mounts: dict[str, tuple[str, bool]], writable: bool
    ) -> tuple[Tree, dict[int, str], list[str]]:
        """The tree, the texts to be handed over by file number, and the arguments that place them."""
        data: dict[int, str] = {}
        files: list[str] = []
        points = [*mounts]
        texts = {}
        if launch.hosts:
            texts["/etc/hosts"] = (_HOSTS, _hosts(launch.hosts))
        if launch.hostname:
            texts["/etc/hostname"] = (_HOSTNAME, launch.hostname + "\n")
        for path, (number, text) in texts.items():
            point = resolve(root, path)
            if innermost(point, mounts) is None:
                data[number] = text
                files += ["--perms", "0644", "--ro-bind-data", str(number), point]
                points.append(point)
        return Tree(root, points, writable), data, files

    def _identity(self, launch: Launch, tree: Tree) -> tuple[list[str], list[str]]:
        """The arguments for bubblewrap, and the command in front of the container's, that make the user."""
        user, group, groups = _changed_identity(launch)
        if os.geteuid() != 0:
            if launch.user in (None, os.geteuid()) and launch.group in (None, os.getegid()):
                return [], []
            mapped = os.geteuid() if launch.user is None else launch.user
            return _mapped(mapped, primary_group(mapped) if launch.group is None else launch.group), []
        if user is None:
            return [*_AS_ROOT], []
        program = _program(_SETPRIV, tree)
        if program is None:
            return _mapped(user, group), []
        others = f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups"
        return [*_AS_ROOT], [program, f"--reuid={user}", f"--regid={group}", others, "--"]


def _program(places: tuple[str, ...], tree: Tree) -> str | None:
    """The first of these programs that the container has."""
    return next((path for path in places if os.access(tree.real(resolve(tree.root, path)), os.X_OK)), None)


def _changed_identity(launch: Launch) -> tuple[int | None, int | None, tuple[int, ...]]:
    """Whom a command in a container is to run as; None and () where users have no other numbers there."""
    user, group = launch.user, launch.group
    if os.geteuid() != 0 or (user in (None, 0) and group in (None, 0) and not launch.groups):
        return None, None, ()
    if user is not None and group is None:
        group = primary_group(user)
    return user or 0, group or 0, tuple(launch.groups)


def _mapped(user: int, group: int | None) -> list[str]:
    """The arguments by which this user looks like another one inside."""
    return ["--unshare-user", "--uid", str(user), "--gid", str(group or 0)]


def _hosts(names: Mapping[str, str]) -> str:
    """/etc/hosts with these names, one line for an address, after those every machine has."""
    lines: dict[str, list[str]] = {"127.0.0.1": ["localhost"]}
    for name, address in names.items():
        known = lines.setdefault(address, [])
        if name not in known:
            known.append(name)
    head = "# Kubernetes-managed hosts file.\n"
    tail = "::1\tlocalhost ip6-localhost ip6-loopback\n"
    return head + "".join(f"{address}\t{' '.join(known)}\n" for address, known in lines.items()) + tail
