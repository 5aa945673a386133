"""The printer of CertificateSigningRequests (that of kube-apiserver)."""

from __future__ import annotations

from typing import Final

from expander.kube.time import age, human
from expander.local.apiserver.printers.columns import (
    AGE,
    NAME,
    NONE,
    NOTHING,
    Cells,
    Column,
    Layout,
    Object,
    created,
    name_of,
)


def _condition(obj: Object) -> str:
    status = obj.get("status") or NOTHING
    types = {each["type"] for each in status.get("conditions") or ()}
    shown = "Denied" if "Denied" in types else "Approved" if "Approved" in types else "Pending"
    return f"{shown}{',Failed' * ('Failed' in types)}{',Issued' * bool(status.get('certificate'))}"


def _request(obj: Object, now: float) -> Cells:
    spec = obj["spec"]
    seconds = spec.get("expirationSeconds")
    return [
        name_of(obj),
        age(created(obj), now),
        spec.get("signerName") or NONE,
        spec.get("username") or "",
        NONE if seconds is None else human(seconds),
        _condition(obj),
    ]


SIGNING_REQUEST: Final = Layout(
    (
        NAME,
        AGE,
        Column("SignerName", description="Who is to sign it."),
        Column("Requestor", description="Who asked for it."),
        Column("RequestedDuration", description="How long the certificate is to last."),
        Column("Condition", description="Whether it is approved, and the certificate there."),
    ),
    _request,
)
