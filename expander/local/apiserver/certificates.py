"""The server's certificate and its own authority, made by ``openssl`` and kept in the state folder.

The authority stays as long as the folder, so a kubeconfig that trusts it goes on working when the server gets
another certificate for further names.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import subprocess
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from expander.base.errors import UsageError
from expander.base.named_tuple import NamedTuple

VALID_DAYS: Final = 3650
"""Days that certificates are good for: longer than a state folder is used."""

_CONFIG: Final = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {hosts}
"""
_NEW_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Certificate(NamedTuple):
    """The PEM files of a server: its certificate, the key of that, and the authority to trust."""

    certificate: Path
    key: Path
    authority: Path


def server_certificate(folder: Path, hosts: Iterable[str]) -> Certificate:
    """The certificate for these hosts, made when it is not there; all files are this user's alone (0600).

    Raises UsageError when ``openssl`` is missing or fails.
    """
    names = ",".join(f"IP:{host}" if _is_address(host) else f"DNS:{host}" for host in sorted(hosts))
    found = Certificate(folder / "tls.crt", folder / "tls.key", folder / "ca.crt")
    authority_key, made_for = folder / "ca.key", folder / "tls.names"
    if all(path.exists() for path in (*found, made_for)) and made_for.read_text(errors="replace") == names:
        return found
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".tls-", dir=folder) as private:  # only this user gets into it
        new = Path(private)
        if not (found.authority.exists() and authority_key.exists()):
            _configure(new, "expander-ca", names)
            _openssl(
                new,
                *("req", "-x509", *_NEW_KEY, "-config", "config", "-extensions", "authority"),
                *("-keyout", "ca.key", "-out", "ca.crt", "-days", str(VALID_DAYS)),
            )
            _keep(new / "ca.key", authority_key)
            _keep(new / "ca.crt", found.authority)
        _configure(new, "expander", names)
        _openssl(new, "req", "-new", *_NEW_KEY, "-config", "config", "-keyout", "tls.key", "-out", "tls.csr")
        _openssl(
            new,
            *("x509", "-req", "-in", "tls.csr", "-CA", str(found.authority), "-CAkey", str(authority_key)),
            *("-set_serial", str(int.from_bytes(os.urandom(8)) >> 1), "-days", str(VALID_DAYS)),
            *("-extfile", "config", "-extensions", "server", "-out", "tls.crt"),
        )
        made_for.unlink(missing_ok=True)
        _keep(new / "tls.key", found.key)
        _keep(new / "tls.crt", found.certificate)
        (new / "names").write_text(names)
        _keep(new / "names", made_for)
    return found


def _configure(folder: Path, name: str, hosts: str) -> None:
    (folder / "config").write_text(_CONFIG.format(name=name, hosts=hosts))


def _openssl(folder: Path, *arguments: str) -> None:
    try:
        subprocess.run(
            ["openssl", *arguments], cwd=folder, check=True, capture_output=True, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        hint = "install openssl, or use --no-tls for this user alone"
        raise UsageError("no openssl program to make a certificate with", hint=hint) from error
    except subprocess.CalledProcessError as error:
        words = error.stderr.decode(errors="replace").strip().splitlines()
        raise UsageError(
            f"openssl made no certificate: {words[-1] if words else 'no reason given'}"
        ) from error


def _keep(new: Path, path: Path) -> None:
    new.chmod(0o600)
    new.replace(path)


def ssl_context(certificate: Certificate) -> ssl.SSLContext:
    """The TLS settings of the server's sockets. Raises UsageError when the files are damaged."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_cert_chain(certificate.certificate, certificate.key)
    except ssl.SSLError as error:
        words = f"{certificate.certificate} or its key is damaged: {error.reason or error}"
        raise UsageError(words, hint="remove both, and a new certificate is made") from error
    return made


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
