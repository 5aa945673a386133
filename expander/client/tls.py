"""TLS to a server: authorities, names and client certificates of a kubeconfig."""

from __future__ import annotations

import os
import ssl
from typing import Final

from expander.client.kubeconfig import ClientConfig, no_cluster_error

WOULD_BLOCK: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""What a socket raises instead of waiting."""


def tls_context(config: ClientConfig) -> ssl.SSLContext:
    """The TLS settings for a server. Raises InputError when a certificate or key cannot be used."""
    try:
        if config.verify or config.authority:
            context = ssl.create_default_context(cadata=config.authority or None)
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reads no authorities: 10 ms or more
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # kubectl accepts authorities that lack extensions
        if not config.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if config.certificate:
            _load_certificate(context, config)
    except (ssl.SSLError, ValueError, OSError):
        raise no_cluster_error("a certificate or key of the kubeconfig cannot be used") from None
    return context


def _load_certificate(context: ssl.SSLContext, config: ClientConfig) -> None:
    """OpenSSL reads a private key from a file only: it exists, for this user alone, while it is read."""
    import tempfile  # only who has a key pays for it

    with tempfile.TemporaryDirectory(prefix="expander-") as folder:
        path = os.path.join(folder, "pem")
        with open(path, "w", encoding="utf-8", opener=_private) as file:
            file.write(f"{config.certificate}\n{config.key}\n")
        context.load_cert_chain(path, password="")  # never ask on the terminal


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
