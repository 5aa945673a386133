"""pykube-ng: queries, a Job and its log, an update, a watch, scaling."""

from importlib.metadata import version

import pykube
from jobs import JOB, SLEEPER, done

api = pykube.HTTPClient(pykube.KubeConfig.from_env())
job = pykube.Job(api, {**JOB, "metadata": {"name": "hello", "namespace": "default"}})
job.create()
for event in pykube.Job.objects(api).filter(namespace="default").watch():
    if event.object.obj["status"].get("succeeded"):
        break
pod = pykube.Pod.objects(api).filter(selector={"job-name": "hello"}).get()
assert pod.logs() == "hello\n"
job.reload()
job.annotations["seen"] = "yes"
job.update()
assert pykube.Job.objects(api).get(name="hello").annotations["seen"] == "yes"
job.delete(propagation_policy="Foreground")
metadata, spec = {"name": "kept", "namespace": "default"}, SLEEPER["spec"]
template = {"metadata": {"labels": {"app": "kept"}}, "spec": spec}
kept = pykube.Deployment(
    api,
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"selector": {"matchLabels": {"app": "kept"}}, "template": template},
    },
)
kept.create()
while not kept.obj.get("status", {}).get("readyReplicas"):
    kept.reload()
kept.scale(2)
assert len(pykube.Pod.objects(api).filter(selector="app=kept")) == 2
kept.delete()
done("pykube-ng", version("pykube-ng"))
