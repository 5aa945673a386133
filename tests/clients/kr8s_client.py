"""kr8s: objects, waits, logs, exec, port-forward, labels, scaling."""

import kr8s
from jobs import JOB, SLEEPER, done
from kr8s.objects import Deployment, Job, Pod

job = Job(JOB)
job.create()
job.wait("condition=Complete")
(pod,) = kr8s.get("pods", label_selector="job-name=hello")
assert list(pod.logs()) == ["hello"]
job.delete(propagation_policy="Foreground")
pod = Pod(SLEEPER)
pod.create()
pod.wait("condition=Ready")
assert pod.exec(["echo", "in"]).stdout == b"in\n"
pod.label({"a": "b"})
pod.annotate(seen="yes")
assert [each.name for each in kr8s.get("pods", label_selector={"a": "b"})] == ["sleeper"]
pod.delete(grace_period=0)
kept = Deployment(
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "kept"},
        "spec": {
            "selector": {"matchLabels": {"app": "kept"}},
            "template": {"metadata": {"labels": {"app": "kept"}}, "spec": SLEEPER["spec"]},
        },
    }
)
kept.create()
kept.scale(2)
assert len(list(kept.pods())) == 2
kept.delete()
assert kr8s.whoami()
done("kr8s", kr8s.__version__)
