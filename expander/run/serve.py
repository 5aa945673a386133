"""Start, detach and stop the server of the local API."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expander.base.errors import ExpanderError
from expander.base.state_dir import make_own, open_private, state_folder

if TYPE_CHECKING:
    from expander.base.errors import SourceLocation
    from expander.local.apiserver.server_lock import ServerRecord

WATCH_HISTORY: Final = 20_000
"""Changes kept for watches to resume from."""

SERVER_FOLDER: Final = "_serve"
"""The folder of the server's state, beside those of groups, whose names never start with ``_``."""

LOG_FILE: Final = "server.log"
"""The log file of a detached server, in its state folder."""

READY_PREFIX: Final = "ready "
"""The start of the line a server prints once it answers; the URL follows."""

_AUTHORITIES: Final = ("SSL_CERT_DIR", "SSL_CERT_FILE")
"""What tells OpenSSL where the certificates of the system are."""


def server_folder(chosen: str | None) -> Path:
    """The state folder of a server: ``chosen``, or the default one."""
    return state_folder(SERVER_FOLDER) if chosen is None else Path(chosen).absolute()


def run_server(
    folder: Path,
    kubeconfig: Path,
    ready: Callable[[ServerRecord], None],
    *,
    port: int | None = None,
    faults: str | None = None,
    most: int | None = None,
    encrypted: bool = True,
    host: str = "127.0.0.1",
    names: Sequence[str] = (),
    use_context: bool = False,
    rbac: bool = False,
    crds: Sequence[str] = (),
    given: Mapping[str, str] | None = None,
    **executor: Any,
) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` gets the server, once it answers.

    ``port`` None takes the one that the folder's last server had, if it is free. ``executor`` are options of
    `Executor`; ``crds`` are files and folders with CustomResourceDefinitions, which are there from the start;
    ``given`` are the options of the command line, for those who ask later; the others are those of
    `ServerOptions`. Raises ExpanderError when it cannot be done.
    """
    import_aiohttp()
    from expander.local.apiserver import server_lock
    from expander.local.apiserver.fault_injection import Faults
    from expander.local.apiserver.kubeconfig_file import Merged
    from expander.local.apiserver.server import ServerOptions, serve
    from expander.local.apiserver.storage import Storage
    from expander.local.log_packing import unpack_logs

    definitions = _definitions(crds)
    parsed = Faults.parse(faults) if faults else Faults()
    unpack_logs(folder)
    with Storage(folder, history=WATCH_HISTORY, shared=True, **executor) as storage:
        before = server_lock.last_record(folder)
        options = ServerOptions(
            folder,
            kubeconfig,
            host=host,
            port=port or 0,
            preferred=before.port if before is not None and port is None else 0,
            encrypted=encrypted,
            names=tuple(names),
            use_context=use_context,
            faults=parsed,
            most=most,
            rbac=rbac,
            definitions=definitions,
        )

        def announce(url: str, merged: Merged) -> None:
            record = server_lock.ServerRecord(os.getpid(), url, str(kubeconfig), *merged, given, storage.note)
            server_lock.write_record(folder, record)
            ready(record)

        asyncio.run(serve(storage, options, announce))


def import_aiohttp() -> None:
    """Import aiohttp without the certificates of the system.

    Its client reads them as it is imported, which is a sixth of the start of a server that never uses it.
    """
    before = {name: os.environ.get(name) for name in _AUTHORITIES}
    os.environ.update(dict.fromkeys(_AUTHORITIES, os.devnull))
    try:
        import aiohttp  # noqa: F401
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _definitions(paths: Sequence[str]) -> tuple[tuple[Mapping[str, Any], SourceLocation], ...]:
    """The CustomResourceDefinitions of files and folders, with their places."""
    if not paths:
        return ()
    from expander.batch.crds import definitions_from

    return tuple(definitions_from(paths))


def detach(folder: Path, command: Sequence[str]) -> ServerRecord:
    """Start ``command``, a server with this state folder, as a process of its own, and wait until it answers.

    Raises ExpanderError with its error when it exits instead, or when the folder cannot be private.
    """
    from expander.local.apiserver.server_lock import running_server
    from expander.local.state import DATABASE

    log = folder / LOG_FILE
    try:
        make_own(folder, DATABASE)
        descriptor = open_private(log, os.O_TRUNC)
    except OSError as error:
        raise ExpanderError(f"the state folder {folder} cannot be used: {error.strerror}") from error
    with open(descriptor, "wb") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    assert process.stdout is not None
    with process.stdout as output:
        answers = output.readline().decode(errors="replace").startswith(READY_PREFIX)
    record = running_server(folder) if answers else None
    if record is None:
        process.wait()
        said = log.read_text(errors="replace").strip().removeprefix("error: ")
        raise ExpanderError(said or "the server exited before it was ready")
    return record
