"""What a run would do with each object of a batch, given what an earlier run of the group left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from expander.base.errors import ItemError
from expander.base.named_tuple import NamedTuple
from expander.kube.objects import Object
from expander.kube.scheme import is_namespaced
from expander.local.registry import is_unchanged
from expander.local.store.job_states import FINISHED
from expander.manifests.manifest import Manifest
from expander.manifests.rerun_choice import runs_again, whose_else
from expander.run.rerun import Find, index_jobs, refusal, state_left, state_with
from expander.run.rerun_pass import RerunPass


class PlannedObject(NamedTuple):
    """A Job or a pod without one, and what a run would do with it.

    ``outcome``: it would ``run``; or an earlier run has ended it, and it is ``kept`` or ``rerun``; or that
    run did not end it, and it would ``resume``. ``state`` is the one that it was left in, empty if it is
    new; ``changed``: its manifest is another than then, or it takes the name of another item's Job.
    """

    manifest: Manifest
    namespace: str
    outcome: Literal["run", "kept", "rerun", "resume"]
    state: str
    changed: bool


def planned(
    manifests: Iterable[Manifest], find: Find, rerun: RerunPass, on_error: Callable[[ItemError], None]
) -> Iterator[PlannedObject]:
    """What would be done with the Jobs and pods among ``manifests``; ``on_error`` gets refused ones."""
    for manifest in manifests:
        tree = manifest.tree
        namespace = (manifest.namespace or "default") if is_namespaced(tree) else ""
        there = find(manifest.kind, namespace, manifest.name or "")
        if there is None:
            if manifest.kind in ("Job", "Pod"):
                yield PlannedObject(manifest, namespace, "run", "", False)
        elif (state := state_with(index_jobs(there, find), state_left(there))) is not None:
            changed, rule = not is_unchanged(tree, there, namespace), rerun.rule(there)
            if changed and (whose := whose_else(there["metadata"], tree["metadata"], rule)) is not None:
                on_error(refusal(manifest, *whose))
                continue
            if whose_else(there["metadata"], tree["metadata"], None) is not None:
                yield PlannedObject(manifest, namespace, "run", "", True)
                continue
            again = runs_again(state, changed=changed, rerun=rule)
            outcome: Literal["kept", "rerun", "resume"] = "kept" if state in FINISHED else "resume"
            yield PlannedObject(manifest, namespace, "rerun" if again else outcome, state, changed)


def images_of(tree: Object) -> list[str]:
    """The images of the pods of a Job, a Volcano Job or a pod, in order."""
    spec = tree.get("spec") or {}
    holders: list[Any] = [spec, *(spec.get("tasks") or ())]
    found = []
    for holder in holders:
        pod = (holder.get("template") or {}).get("spec") or holder
        for field in ("initContainers", "containers"):
            found += [each.get("image") or "" for each in pod.get(field) or ()]
    return [image for image in dict.fromkeys(found) if image]
