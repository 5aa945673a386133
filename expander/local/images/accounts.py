"""Users and groups of an image, by its own /etc/passwd and /etc/group."""

from __future__ import annotations

import functools
import os

from expander.base.named_tuple import NamedTuple
from expander.local.runtime.filetree import resolve

MAX_BYTES = 1 << 20
"""Bytes of a list of users that are read."""


class Identity(NamedTuple):
    """Numbers of a user, its group, and further groups."""

    user: int
    group: int
    groups: tuple[int, ...] = ()


class UnknownUser(Exception):
    """The image has no such user or group; the message is containerd's."""


class Accounts:
    """The users and groups of the files below ``root``."""

    def __init__(self, root: str) -> None:
        self._users = [each for each in _rows(root, "/etc/passwd", 4) if each[2].isdecimal()]
        self._groups = [each for each in _rows(root, "/etc/group", 4) if each[2].isdecimal()]

    def home(self, user: int) -> str:
        """The home folder of a user; the root folder for one that is not known."""
        row = self._user(str(user))
        return (row[5] if row is not None and len(row) > 5 else "") or "/"

    def primary_group(self, user: int) -> int:
        """The group of a user; 0 for one that is not known."""
        row = self._user(str(user))
        return int(row[3]) if row is not None and row[3].isdecimal() else 0

    def groups(self, user: int) -> tuple[int, ...]:
        """The groups that list a user."""
        row = self._user(str(user))
        name = None if row is None else row[0]
        return tuple(int(each[2]) for each in self._groups if name in each[3].split(","))

    def identity(self, text: str) -> Identity:
        """Whom ``USER[:GROUP]`` of an image means. Raises UnknownUser."""
        name, _, group = text.partition(":")
        row = self._user(name)
        if row is None and not name.isdecimal():
            raise UnknownUser(f"unable to find user {name}: no matching entries in passwd file")
        user = int(name if row is None else row[2])
        if not group:
            return Identity(user, self.primary_group(user), self.groups(user))
        known = next((each for each in self._groups if group in (each[0], each[2])), None)
        if known is None and not group.isdecimal():
            raise UnknownUser(f"unable to find group {group}: no matching entries in group file")
        return Identity(user, int(group if known is None else known[2]), self.groups(user))

    def _user(self, name: str) -> list[str] | None:
        """The row of a user by name, else by number."""
        by_name = next((each for each in self._users if each[0] == name), None)
        return by_name or next((each for each in self._users if each[2] == name), None)


@functools.lru_cache(maxsize=64)
def accounts_of(root: str) -> Accounts:
    """The accounts of a root folder, read once."""
    return Accounts(root)


def _rows(root: str, path: str, fields: int) -> list[list[str]]:
    """The rows of such a file, those with enough fields; none where it cannot be read."""
    try:
        descriptor = os.open(root + resolve(root, path), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        with open(descriptor, errors="surrogateescape") as file:
            lines = file.read(MAX_BYTES).splitlines()
    except OSError:
        return []
    rows = (line.split(":") for line in lines)
    return [row for row in rows if len(row) >= fields]
