"""What a pod may know of the machine it runs on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """``cpus`` in cores, ``memory`` and ``storage`` in bytes; ``ip`` is the address pods see as their
    host's.
    """

    name: str
    ip: str
    cpus: float
    memory: int
    storage: int = 0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where one pod runs: its node, and the address it has there."""

    node: Node
    pod_ip: str
