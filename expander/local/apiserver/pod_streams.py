"""The subresources of a pod that become a connection: exec, attach and portforward.

The registry of pods (pkg/registry/core/pod/strategy.go) decides which container is meant and what is asked
for before the connection is upgraded; what comes later is told in the channel of errors.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from aiohttp import web

from expander.kube.gofmt import quoted
from expander.local.apiserver import status
from expander.local.apiserver.pod_logs import container_name, is_true
from expander.local.apiserver.read import get_object
from expander.local.apiserver.routing import Backend, Target
from expander.local.apiserver.status import StatusError
from expander.local.kubelet.streaming import channels, portforward, remotecommand
from expander.local.kubelet.streaming.channels import Channels
from expander.local.kubelet.streaming.remotecommand import Session, Status
from expander.local.kubelet.streaming.runtime import StreamError, StreamOptions, exec_failed
from expander.local.runtime.runtime import Exit
from expander.local.store.database import Object

NO_STREAMS: Final = "you must specify at least 1 of stdin, stdout, stderr"


async def serve(backend: Backend, request: web.BaseRequest, target: Target) -> web.StreamResponse:
    """Answer a request to run a command in a container, to attach to it, or to forward ports."""
    pod = get_object(backend.storage, target)
    if target.part == "portforward":
        _check_host(pod)
        return await _port_forward(backend, request, pod)
    container = container_name(pod, request.query.get("container", ""))
    _check_host(pod)
    names = ("stdin", "stdout", "stderr", "tty")
    options = StreamOptions(**{name: is_true(request.query, name) for name in names})
    if not (options.stdin or options.stdout or options.stderr):
        raise StatusError(status.bad_request(NO_STREAMS))
    websocket, protocol = await _upgrade(request, remotecommand.PROTOCOLS)
    connection = Channels(websocket, protocol)
    attends = _exec if target.part == "exec" else _attach
    command = request.query.getall("command", [])
    task = asyncio.current_task()
    assert task is not None
    backend.sessions.add(task)
    try:
        with suppress(ConnectionError):
            result = await attends(backend, pod, container, options, connection, command)
            if result is not None:
                await remotecommand.send_status(connection, protocol, result)
            await connection.close()
    finally:
        backend.sessions.discard(task)
    return websocket


def _check_host(pod: Object) -> None:
    if not pod["spec"].get("nodeName"):
        name = pod["metadata"]["name"]
        raise StatusError(status.bad_request(f"pod {name} does not have a host assigned"))


async def _port_forward(backend: Backend, request: web.BaseRequest, pod: Object) -> web.StreamResponse:
    """Carry connections to ports of a pod until the client leaves."""
    metadata, found = pod["metadata"], pod.get("status") or {}
    full_name = f"{metadata['name']}_{metadata['namespace']}"
    if found.get("phase") != "Running" or not found.get("podIP"):
        raise StatusError(status.internal(f"pod not found ({quoted(full_name)})"))
    ports = [text for each in request.query.getall("ports", []) for text in each.split(",")]
    if not all(map(portforward.is_port, ports)):
        raise StatusError(status.bad_request(f"unable to parse ports: {','.join(ports)}"))
    streams = backend.storage.streams

    def addresses(port: int) -> list[str]:
        return streams.addresses(metadata["uid"], found["podIP"], port)

    forwarder = portforward.PortForwarder(full_name, metadata["uid"], addresses)
    websocket, protocol = await _upgrade(request, portforward.PROTOCOLS)
    with suppress(ConnectionError):
        if protocol == portforward.SPDY:
            await portforward.Tunnel(websocket, forwarder).run()
        else:
            numbers = [*map(int, ports)]
            await portforward.forward_channels(Channels(websocket, protocol), forwarder, numbers)
        await websocket.close()
    return websocket


async def _upgrade(request: web.BaseRequest, protocols: tuple[str, ...]) -> tuple[web.WebSocketResponse, str]:
    """The WebSocket that a request asks for, and its protocol. Raises `StatusError`."""
    if not channels.is_upgrade(request.headers):
        raise StatusError(status.bad_request("Upgrade request required"))
    protocol = channels.negotiate(request.headers, protocols)
    if protocol is None:
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        words = (
            f"unable to upgrade: unable to negotiate protocol: client supports [{offered}], server accepts"
        )
        raise StatusError(status.failure(403, "Forbidden", f"{words} {list(protocols)}"))
    return await channels.upgrade(request, protocol), protocol


async def _exec(
    backend: Backend,
    pod: Object,
    container: str,
    options: StreamOptions,
    connection: Channels,
    command: list[str],
) -> Status | None:
    """Run a command; what came of it, or None if the client has left."""
    ended: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()

    def on_end(exit_: Exit) -> None:
        if not ended.done():
            ended.set_result(exit_)

    try:
        streams = backend.storage.streams.exec(pod["metadata"]["uid"], container, command, options, on_end)
    except StreamError as error:
        return remotecommand.internal_error(str(error))
    if not await Session(connection, streams, ended).run(options):
        return None
    found = ended.result()
    if found.error is not None:
        return remotecommand.internal_error(exec_failed(found.error))
    return remotecommand.exit_status(found.exit_code)


async def _attach(
    backend: Backend,
    pod: Object,
    container: str,
    options: StreamOptions,
    connection: Channels,
    command: list[str],
) -> Status | None:
    """Carry the streams of a container until it ends; None if the client has left."""
    attached = asyncio.Event()
    try:
        streams, leave_stdin = backend.storage.streams.attach(
            pod["metadata"]["uid"], container, options, attached.set
        )
    except StreamError as error:
        return remotecommand.internal_error(str(error))
    session = Session(connection, streams, shown=options.stdout, on_stdin_left=leave_stdin)
    # begins once it is attached, or what the container says to the first of stdin could be missed
    return remotecommand.success() if await session.run(options, attached) else None
