"""A server of the local API, from its options to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from expander.local.api.server.cluster import Cluster
from expander.local.api.server.lifecycle import Settings, serve

HISTORY: Final = 20_000
"""Changes that are kept for watches."""


def run_server(settings: Settings, ready: Callable[[str, str], None], **executor: Any) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` gets the URL and what runs containers here, and why.

    ``executor`` are the options of `Executor`. Raises ExpanderError when the server cannot be had.
    """
    with Cluster(settings.folder, history=HISTORY, **executor) as cluster:
        asyncio.run(serve(cluster, settings, lambda url: ready(url, cluster.note)))


def default_kubeconfig(folder: Path) -> Path:
    """Where the kubeconfig of a server is written unless the caller says otherwise."""
    return folder / "kubeconfig"
