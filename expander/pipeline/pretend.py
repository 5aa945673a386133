"""A submission that asks nothing of any server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from expander.base.errors import ItemError
from expander.cluster.delivery import Done
from expander.cluster.terms import Settled
from expander.cluster.wire import Preparation, Resource
from expander.manifests.manifest import Manifest
from expander.pipeline.submit_settings import Settings


def pretend(
    manifests: Iterable[Manifest], settings: Settings, on_error: Callable[[ItemError], None]
) -> Iterator[Settled]:
    """The outcomes of ``--dry-run=client``: nothing is asked of any server."""
    preparation = Preparation("", settings.group_label, settings.queue)
    for manifest in manifests:
        version, kind = manifest.api_version, manifest.kind.lower()
        prefix = f"/apis/{version}" if "/" in version else f"/api/{version}"
        try:
            prepared = preparation.of(manifest, Resource(prefix, f"{kind}s", namespaced=True))
        except ItemError as error:
            on_error(error)
        else:
            yield Settled(prepared, Done("created", "DryRun"), 0)
