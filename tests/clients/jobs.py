"""What the scripts of this folder create, and how each says that its library works."""

CONTAINER = {"name": "main", "image": "busybox"}
JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "hello"},
    "spec": {
        "template": {
            "spec": {"restartPolicy": "Never", "containers": [{**CONTAINER, "command": ["echo", "hello"]}]}
        }
    },
}
SLEEPER = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "sleeper"},
    "spec": {"containers": [{**CONTAINER, "command": ["sleep", "600"]}]},
}


def done(library: str, version: str) -> None:
    print(f"{library} {version}: works")
