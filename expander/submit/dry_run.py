"""What ``submit --dry-run=client`` says: no request is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from expander.base.errors import ItemError
from expander.client.client import Resource
from expander.kube.api_resource import api_path
from expander.kube.scheme import plural_of
from expander.manifests.manifest import Manifest
from expander.submit.delivery import Finished, Outcome
from expander.submit.options import SubmitOptions
from expander.submit.request_builder import RequestBuilder


def dry_run_outcomes(
    manifests: Iterable[Manifest], options: SubmitOptions, on_error: Callable[[ItemError], None]
) -> Iterator[Outcome]:
    """The outcomes of ``--dry-run=client``; ``on_error`` gets what cannot be sent at all."""
    builder = RequestBuilder("", options.group_label, options.queue)
    for manifest in manifests:
        path = api_path(manifest.api_version)
        plural = plural_of(manifest.api_version, manifest.kind)
        try:
            prepared = builder.prepare(manifest, Resource(path, plural, namespaced=True))
        except ItemError as error:
            on_error(error)
        else:
            yield Outcome(prepared, Finished("created", "DryRun"), 0)
