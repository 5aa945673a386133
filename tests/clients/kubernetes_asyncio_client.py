"""kubernetes_asyncio: a Job and its log, a watch, exec over a WebSocket."""

import asyncio

import kubernetes_asyncio
from jobs import JOB, SLEEPER, done
from kubernetes_asyncio import client, config, watch
from kubernetes_asyncio.stream import WsApiClient


async def main() -> None:
    await config.load_kube_config()
    async with client.ApiClient() as api:
        batch, core = client.BatchV1Api(api), client.CoreV1Api(api)
        await batch.create_namespaced_job("default", JOB)
        async with watch.Watch().stream(batch.list_namespaced_job, "default", timeout_seconds=60) as events:
            async for event in events:
                if event["object"].status.succeeded:
                    break
        pods = await core.list_namespaced_pod("default", label_selector="job-name=hello")
        assert await core.read_namespaced_pod_log(pods.items[0].metadata.name, "default") == "hello\n"
        await core.create_namespaced_pod("default", SLEEPER)
        while (await core.read_namespaced_pod("sleeper", "default")).status.phase != "Running":
            await asyncio.sleep(0.1)
    async with WsApiClient() as sockets:
        said = await client.CoreV1Api(sockets).connect_get_namespaced_pod_exec(
            "sleeper", "default", command=["echo", "in"], stderr=True, stdin=False, stdout=True, tty=False
        )
        assert said == "in\n", said


asyncio.run(main())
done("kubernetes-asyncio", kubernetes_asyncio.__version__)
