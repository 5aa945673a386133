"""What holds for every Job, whatever its pods do."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from expander.kube import index_sets
from expander.kube.wellknown import FINALIZER
from expander.local.controllers.job.context import Decision
from expander.local.controllers.job.sync import sync_job
from tests.local.controllers.job.objects import Object
from tests.local.virtual import World, finished, index_of

HORIZON = 20_000.0
CODES = [0, 0, 0, 1, 42]
RULES: list[Object] = [
    {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
    {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [42]}},
]


@st.composite
def specs(draw: st.DrawFn) -> Object:
    """The spec of a valid Job, without its template."""
    spec: Object = {"parallelism": draw(st.integers(1, 4)), "backoffLimit": draw(st.integers(0, 4))}
    if draw(st.booleans()):
        spec["podReplacementPolicy"] = "Failed"
    if draw(st.booleans()):
        spec["activeDeadlineSeconds"] = draw(st.integers(1, 60))
    per_index = False
    if draw(st.booleans()):
        spec |= {"completionMode": "Indexed", "completions": draw(st.integers(1, 6))}
        per_index = draw(st.booleans())
        if per_index:
            spec["backoffLimitPerIndex"] = draw(st.integers(0, 2))
            spec["maxFailedIndexes"] = draw(st.integers(0, spec["completions"]))
        if draw(st.booleans()):
            count = draw(st.integers(1, spec["completions"]))
            spec["successPolicy"] = {"rules": [{"succeededCount": count}]}
    elif draw(st.booleans()):
        spec["completions"] = draw(st.integers(0, 6))
    if draw(st.booleans()):
        spec["podFailurePolicy"] = {"rules": RULES if per_index else RULES[:2]}
        spec["podReplacementPolicy"] = "Failed"
    return spec


def manifest(spec: Object) -> Object:
    containers = [{"name": "main", "image": "busybox"}]
    template = {"spec": {"restartPolicy": "Never", "containers": containers}}
    metadata = {"name": "work"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {**spec, "template": template},
    }


class Watch:
    """Checks every decision before it is carried out."""

    def __init__(self, parallelism: int) -> None:
        self.most, self.last = parallelism, {"succeeded": 0, "failed": 0}

    def __call__(self, world: World, decision: Decision) -> None:
        assert len(world.group.active) + len(decision.create) - len(decision.delete) <= self.most
        assert len(set(decision.release)) == len(decision.release)
        assert len(set(decision.delete)) == len(decision.delete)
        assert not (decision.create and decision.delete)
        counts = {key: decision.status.get(key, 0) for key in self.last}
        assert all(counts[key] >= self.last[key] for key in counts)
        self.last = counts
        self.same_from_all_pods(world, decision)

    def same_from_all_pods(self, world: World, decision: Decision) -> None:
        """Pods that were told of one by one are as good as all pods at once."""
        assert world.job is not None
        afresh = sync_job(
            world.job, world.pods.values(), world.clock.now, memory=world.memory, batch=world.batch
        )
        assert set(afresh.release) == set(decision.release)
        assert set(afresh.delete) == set(decision.delete)
        assert len(afresh.create) == len(decision.create)
        assert (afresh.again_at, afresh.memory) == (decision.again_at, decision.memory)


def check_end(world: World) -> None:
    status, spec = world.status, world.job["spec"] if world.job else {}
    kinds = [each["type"] for each in status["conditions"] if each["status"] == "True"]
    assert kinds in (["SuccessCriteriaMet", "Complete"], ["FailureTarget", "Failed"])
    assert ("completionTime" in status) == (kinds[-1] == "Complete")
    assert "active" not in status
    assert (status["terminating"], status["ready"]) == (0, 0)
    assert status["uncountedTerminatedPods"] == {}
    assert not any(FINALIZER in pod["metadata"]["finalizers"] for pod in world.pods.values())
    assert status.get("failed", 0) + status.get("succeeded", 0) <= len(world.created)
    if spec.get("completionMode") == "Indexed":
        check_indexes(world, status, spec)


def check_indexes(world: World, status: Object, spec: Object) -> None:
    done = index_sets.parse(status.get("completedIndexes"), spec["completions"])
    lost = index_sets.parse(status.get("failedIndexes"), spec["completions"])
    assert index_sets.total(done) == status.get("succeeded", 0)
    assert index_sets.overlap(done, lost) == 0
    succeeded = [int(index_of(pod)) for pod in world.created if pod["status"]["phase"] == "Succeeded"]
    assert len(succeeded) == len(set(succeeded))
    assert index_sets.of(succeeded) == done


@settings(max_examples=150)
@given(specs(), st.data(), st.sampled_from([0.0, 1.0]))
def test_every_job_comes_to_a_consistent_end(spec: Object, data: st.DataObject, batch: float) -> None:
    def runner(pod: Object, container: Object) -> tuple[float, int]:
        return data.draw(st.sampled_from([0.0, 0.5, 3.0, 20.0])), data.draw(st.sampled_from(CODES))

    world = World(manifest(spec), runner, batch=batch, watch=Watch(spec["parallelism"]))
    for delay in data.draw(st.lists(st.floats(0.1, 30), max_size=3)):
        world.clock.after(delay, lambda: meddle(world, data))
    world.clock.run(HORIZON)
    assert finished(world) is not None
    check_end(world)


def meddle(world: World, data: st.DataObject) -> None:
    """Delete or evict some pod, if there is one."""
    if world.pods:
        uid = data.draw(st.sampled_from(sorted(world.pods)))
        data.draw(st.sampled_from([world.delete_pod, world.evict]))(uid)


@settings(max_examples=60)
@given(specs(), st.data())
def test_a_job_that_is_suspended_and_resumed_still_comes_to_its_end(
    spec: Object, data: st.DataObject
) -> None:
    def runner(pod: Object, container: Object) -> tuple[float, int]:
        return data.draw(st.sampled_from([0.5, 3.0])), 0

    spec.pop("activeDeadlineSeconds", None)
    world = World(manifest(spec), runner)
    for delay in sorted(data.draw(st.lists(st.floats(0.1, 12), min_size=1, max_size=3))):
        world.clock.after(delay, lambda: flip(world, suspend=True))
        world.clock.after(delay + 2, lambda: flip(world, suspend=False))
    world.clock.run(HORIZON)
    assert finished(world) == "Complete"
    check_end(world)
    assert "failed" not in world.status


def flip(world: World, *, suspend: bool) -> None:
    if finished(world) is None:
        world.patch({"suspend": suspend})


@settings(max_examples=60)
@given(st.integers(1, 12), st.lists(st.integers(1, 12), min_size=1, max_size=4), st.data())
def test_an_elastic_job_completes_with_the_completions_it_has_last(
    first: int, sizes: list[int], data: st.DataObject
) -> None:
    def runner(pod: Object, container: Object) -> tuple[float, int]:
        return data.draw(st.sampled_from([0.5, 3.0, 9.0])), 0

    spec: dict[str, Any] = {"completionMode": "Indexed", "completions": first, "parallelism": first}
    world = World(manifest(spec), runner)
    for number, size in enumerate(sizes, 1):
        world.clock.after(number * 2.0, lambda size=size: resize(world, size))  # type: ignore[misc]
    world.clock.run(HORIZON)
    assert finished(world) == "Complete"
    assert world.job is not None
    completions = world.job["spec"]["completions"]
    assert world.status["completedIndexes"] == index_sets.text_of(index_sets.of(range(completions)))


def resize(world: World, size: int) -> None:
    if finished(world) is None:
        world.patch({"completions": size, "parallelism": size})
