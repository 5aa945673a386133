"""lightkube: typed objects, server-side apply, wait, a log that is followed."""

from importlib.metadata import version

from jobs import JOB, SLEEPER, done
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import ConfigMap, Node, Pod

client = Client(field_manager="test")
client.create(Job.from_dict(JOB), namespace="default")
client.wait(Job, "hello", for_conditions=["Complete"])
(pod,) = client.list(Pod, namespace="default", labels={"job-name": "hello"})
assert list(client.log(pod.metadata.name, follow=True)) == ["hello\n"]
client.apply(ConfigMap(metadata=ObjectMeta(name="m", namespace="default"), data={"a": "1"}))
client.apply(ConfigMap(metadata=ObjectMeta(name="m", namespace="default"), data={"a": "2"}))
assert client.get(ConfigMap, "m").data == {"a": "2"}
client.patch(ConfigMap, "m", {"data": {"b": "3"}})
client.create(Pod.from_dict(SLEEPER))
for _, each in client.watch(Pod, fields={"metadata.name": "sleeper"}):
    if each.status.phase == "Running":
        break
held = client.get(Pod, "sleeper")
held.metadata.labels = {"replaced": "yes"}
assert client.replace(held).metadata.labels == {"replaced": "yes"}
client.delete(Pod, "sleeper", grace_period=0)
assert [node.status.nodeInfo.operatingSystem for node in client.list(Node)] == ["linux"]
done("lightkube", version("lightkube"))
