"""Pods that get their places together or not at all (the gang plugin of Volcano's scheduler).

A gang has a least number of pods. Until so many of them have had a place at once none gets one; from then on
each is placed as it comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Gang:
    """One lot: how many must be placed at once, whether they were, and who waits."""

    least: int
    is_met: bool = False
    waiting: dict[str, None] = field(default_factory=dict)


class Gangs:
    """The gangs of one scheduler, by a key that no other gang has."""

    def __init__(self) -> None:
        self._gangs: dict[str, Gang] = {}
        self._of: dict[str, str] = {}

    def join(self, uid: str, key: str, least: int) -> None:
        """A pod that waits belongs to a gang."""
        gang = self._gangs.setdefault(key, Gang(least))
        gang.waiting[uid] = None
        self._of[uid] = key

    def expect(self, key: str, least: int) -> bool:
        """So many of those that wait are needed from now on; whether that is news."""
        gang = self._gangs.get(key)
        if gang is None or gang.least == least:
            return False
        gang.least = least
        return True

    def leave(self, uid: str) -> None:
        """The pod is placed, or gone. A gang nobody waits in is forgotten unless it was placed."""
        key = self._of.pop(uid, None)
        if key is not None:
            gang = self._gangs[key]
            gang.waiting.pop(uid, None)
            if not gang.waiting and not gang.is_met:
                del self._gangs[key]

    def held(self, uid: str) -> Gang | None:
        """The gang that holds a pod back; None for a pod that can go by itself."""
        key = self._of.get(uid)
        gang = None if key is None else self._gangs[key]
        return None if gang is None or gang.is_met else gang

    def forget(self, owner: str) -> None:
        """The gangs of this owner, whose uid their keys begin with, are over."""
        for key in [key for key in self._gangs if key.startswith(f"{owner}/")]:
            for uid in self._gangs.pop(key).waiting:
                self._of.pop(uid, None)


def refusal(gang: Gang, fitting: int, at_most: int) -> str:
    """Why a gang waits: ``fitting`` of its pods would fit now, ``at_most`` were nothing else there."""
    words = f"pod group is not ready, {len(gang.waiting)} Pending, {gang.least} minAvailable"
    if at_most < gang.least:
        return f"{words}; there is never room for more than {at_most} of them here"
    return f"{words}; there is room for {fitting} of them now"
