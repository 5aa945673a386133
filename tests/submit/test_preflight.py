"""What is said of a batch before the first of it is sent."""

from collections import Counter
from collections.abc import Iterator

from expander.batch.command_template import command_template
from expander.batch.request import BatchRequest
from expander.client.quotas import NamespaceLimits
from expander.items.python import from_python
from expander.manifests.manifest import Manifest
from expander.submit.options import OnQuota, SubmitOptions
from expander.submit.preflight import MAX_NAMESPACES, MAX_READ_AHEAD, Preflight
from tests.plan.batches import capacity, job, limit_range, quota


class Scene:
    """Limits by namespace, what was asked and what was said."""

    def __init__(self, **limits: NamespaceLimits) -> None:
        self.limits = limits
        self.asked: Counter[str] = Counter()
        self.said: list[str] = []
        self.now = 0.0

    def of(self, namespace: str) -> NamespaceLimits:
        self.asked[namespace] += 1
        return self.limits.get(namespace, NamespaceLimits(namespace))

    def told(self, manifests: Iterator[Manifest], on_quota: OnQuota = "wait") -> Iterator[Manifest]:
        options = SubmitOptions(on_quota=on_quota)
        preflight = Preflight(self.of, options, "default", self.said.append, clock=lambda: self.now)
        return preflight.check(manifests)


def jobs(count: int, *namespaces: str) -> Iterator[Manifest]:
    return (job(f"j{n}", namespaces[n % len(namespaces)] if namespaces else "") for n in range(count))


def test_an_image_that_only_this_machine_has_is_told() -> None:
    scene = Scene()
    made = BatchRequest(batch=command_template(["echo"]), items=from_python(["a", "b"])).manifests(print)
    assert len([*scene.told(made)]) == 2
    assert scene.said == ["warning: no cluster has the image this-machine, of commands for `run` only"]


def test_without_limits_nothing_is_said_and_nothing_read_ahead() -> None:
    scene = Scene()
    read: list[str] = []

    def source() -> Iterator[Manifest]:
        for each in jobs(5):
            read.append(each.name)
            yield each

    told = scene.told(source())
    assert next(told).name == "j0"
    assert read == ["j0"]
    assert [each.name for each in told] == ["j1", "j2", "j3", "j4"]
    assert scene.said == []
    assert scene.asked == {"default": 1}


def test_what_fits_of_the_whole_batch_is_said_before_the_first_is_passed_on() -> None:
    scene = Scene(default=capacity(quota({"count/jobs.batch": "10"})))
    told = scene.told(jobs(30))
    assert next(told).name == "j0"
    assert scene.said == [
        "quota q in default: room for 10 of 30 Jobs now (count/jobs.batch: 0 of 10 used); the rest waits "
        "(on_quota)"
    ]
    assert [each.name for each in told] == [f"j{number}" for number in range(1, 30)]
    assert len(scene.said) == 1


def test_of_a_long_batch_only_the_first_part_is_read_ahead() -> None:
    scene = Scene(default=capacity(quota({"count/jobs.batch": "1"})))
    taken = sum(1 for _ in scene.told(jobs(MAX_READ_AHEAD * 2)))
    assert taken == MAX_READ_AHEAD * 2
    assert "or more Jobs now" in scene.said[0]


def test_a_slow_source_is_not_waited_for() -> None:
    scene = Scene(default=capacity(quota({"count/jobs.batch": "1"})))

    def slow() -> Iterator[Manifest]:
        for each in jobs(10):
            scene.now += 1.0
            yield each

    assert next(scene.told(slow())).name == "j0"
    assert "room for 1 of 2 or more Jobs now" in scene.said[0]


def test_every_namespace_is_asked_once_and_told_of() -> None:
    limited = {name: capacity(quota({"count/jobs.batch": "1"}), namespace=name) for name in ("a", "b")}
    scene = Scene(**limited)
    order = [each.name for each in scene.told(jobs(30, "a", "b", "c"))]
    assert order == [f"j{number}" for number in range(30)]
    assert scene.asked == {"a": 1, "b": 1, "c": 1}
    assert [line.split(":")[0] for line in scene.said] == ["quota q in a", "quota q in b"]


def test_a_namespace_that_comes_late_is_told_of_alone() -> None:
    limited = {name: capacity(quota({"count/jobs.batch": "1"}), namespace=name) for name in ("a", "b")}
    scene = Scene(**limited)
    late = (job(f"j{n}", "b" if n == MAX_READ_AHEAD + 5 else "a") for n in range(MAX_READ_AHEAD + 10))
    assert sum(1 for _ in scene.told(late)) == MAX_READ_AHEAD + 10
    assert [line.split(":")[0] for line in scene.said] == ["quota q in a", "quota q in b"]


def test_no_more_namespaces_are_asked_than_a_person_would_read_of() -> None:
    scene = Scene()
    names = [f"n{number}" for number in range(MAX_NAMESPACES * 2)]
    assert sum(1 for _ in scene.told(jobs(100, *names))) == 100
    assert len(scene.asked) == MAX_NAMESPACES


def test_that_limits_cannot_be_read_is_said_once() -> None:
    scene = Scene(
        a=NamespaceLimits("a", unknown="no right to"), b=NamespaceLimits("b", unknown="no right to")
    )
    assert sum(1 for _ in scene.told(jobs(10, "a", "b"))) == 10
    assert scene.said == ["note: cannot tell what fits: no right to"]


def test_what_a_limit_range_refuses_is_said() -> None:
    scene = Scene(default=capacity(limit_range(min={"cpu": "1"})))
    list(scene.told(jobs(2)))
    assert scene.said == [
        "pods of 2 Jobs will be rejected in default (FailedCreate): minimum cpu usage per Container is 1.  "
        "No request is specified"
    ]
