"""Minimal pods for the tests of rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from expander.kube.versions import DEFAULT
from expander.validate.rules.pod.pod_spec import check_pod_spec

Found = list[tuple[str, str]]


@pytest.fixture
def in_spec() -> Callable[..., Found]:
    """(path, message) of the findings in the smallest pod spec with the given fields."""

    def check(**fields: Any) -> Found:
        spec = {"containers": [{"name": "main", "image": "busybox"}], "restartPolicy": "Never", **fields}
        return [(finding.path, finding.message) for finding in check_pod_spec(spec, "spec", DEFAULT)]

    return check


@pytest.fixture
def in_container(in_spec: Callable[..., Found]) -> Callable[..., Found]:
    """The same for the only container of a pod; ``pod`` holds fields of its spec. Paths begin at the container."""

    def check(pod: dict[str, Any] | None = None, **fields: Any) -> Found:
        container = {"name": "main", "image": "busybox", **fields}
        found = in_spec(**{"containers": [container], **(pod or {})})
        return [(path.removeprefix("spec.containers[0]."), message) for path, message in found]

    return check


@pytest.fixture
def in_volume(in_spec: Callable[..., Found]) -> Callable[..., Found]:
    """The same for the only volume of a pod. Paths begin at the volume."""

    def check(**source: Any) -> Found:
        found = in_spec(volumes=[{"name": "v", **source}])
        return [(path.removeprefix("spec.volumes[0]."), message) for path, message in found]

    return check
