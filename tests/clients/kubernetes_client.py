"""The Python client of Kubernetes: a Job from YAML to its log, a watch, exec, a patch, a work item of each group."""

from jobs import JOB, SLEEPER, done
from kubernetes import client, config, utils, watch
from kubernetes.dynamic import DynamicClient
from kubernetes.stream import stream

config.load_kube_config()
api = client.ApiClient()
batch, core, apps = client.BatchV1Api(api), client.CoreV1Api(api), client.AppsV1Api(api)

utils.create_from_dict(api, JOB)
for event in watch.Watch().stream(batch.list_namespaced_job, "default", timeout_seconds=60):
    if event["object"].status.succeeded:
        break
(pod,) = core.list_namespaced_pod("default", label_selector="job-name=hello").items
assert core.read_namespaced_pod_log(pod.metadata.name, "default") == "hello\n"
assert core.list_namespaced_event("default").items
batch.delete_namespaced_job("hello", "default", propagation_policy="Foreground")

core.create_namespaced_pod("default", SLEEPER)
for event in watch.Watch().stream(core.list_namespaced_pod, "default", timeout_seconds=60):
    if event["object"].metadata.name == "sleeper" and event["object"].status.phase == "Running":
        break
said = stream(
    core.connect_get_namespaced_pod_exec,
    "sleeper",
    "default",
    command=["echo", "in"],
    stdout=True,
    stderr=True,
)
assert said == "in\n", said
core.patch_namespaced_pod("sleeper", "default", {"metadata": {"labels": {"a": "b"}}})
assert core.list_namespaced_pod("default", label_selector="a=b").items
core.delete_namespaced_pod("sleeper", "default", grace_period_seconds=0)

pages = DynamicClient(api)
maps = pages.resources.get(api_version="v1", kind="ConfigMap")
body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "1"}}
maps.create(body=body, namespace="default")
maps.server_side_apply(body={**body, "data": {"b": "2"}}, namespace="default", field_manager="test")
assert dict(maps.get(name="m", namespace="default").data) == {"a": "1", "b": "2"}
assert client.VersionApi(api).get_code().major == "1"
assert (
    client.AuthorizationV1Api(api)
    .create_self_subject_access_review(
        client.V1SelfSubjectAccessReview(
            spec=client.V1SelfSubjectAccessReviewSpec(
                resource_attributes=client.V1ResourceAttributes(verb="create", resource="pods")
            )
        )
    )
    .status.allowed
)
assert apps.list_deployment_for_all_namespaces().items == []
done("kubernetes", client.__version__)
