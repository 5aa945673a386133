"""The server's own certificate, made by ``openssl`` at the first start and kept in the state folder."""

from __future__ import annotations

import ipaddress
import os
import ssl
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from expander.base.errors import UsageError

VALID_DAYS: Final = 3650
"""Days that a certificate is good for: as long as the folder will ever be used."""


def certificate(folder: Path, hosts: Iterable[str]) -> tuple[Path, Path]:
    """The files of a certificate for these hosts and of its key, made when they are not there.

    Raises UsageError when there is no ``openssl`` to make them.
    """
    names = ",".join(f"IP:{host}" if _is_address(host) else f"DNS:{host}" for host in sorted(hosts))
    cert, key, note = folder / "tls.crt", folder / "tls.key", folder / "tls.names"
    if cert.exists() and key.exists() and note.exists() and note.read_text() == names:
        return cert, key
    folder.mkdir(parents=True, exist_ok=True)
    before = os.umask(0o077)
    try:
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
                *("-nodes", "-keyout", str(key), "-out", str(cert), "-days", str(VALID_DAYS)),
                *("-subj", "/CN=expander", "-addext", f"subjectAltName={names}"),
            ],
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        raise UsageError("--tls needs the program openssl, which is not installed") from error
    except subprocess.CalledProcessError as error:
        words = error.stderr.decode(errors="replace").strip().splitlines()
        raise UsageError(
            f"openssl made no certificate: {words[-1] if words else 'no reason given'}"
        ) from error
    finally:
        os.umask(before)
    note.write_text(names)
    return cert, key


def ssl_context(cert: Path, key: Path) -> ssl.SSLContext:
    """What the server's sockets are wrapped in."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.load_cert_chain(cert, key)
    return made


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
