"""ConfigMaps, Secrets and ServiceAccounts as rows. Decided by kube-apiserver's printers."""

from __future__ import annotations

from typing import Final

from expander.kube.time import age
from expander.local.api.views.columns import AGE, NAME, Cells, Column, Layout, Object, created, name_of

_DATA: Final = Column("Data", description="How many entries it has.")


def _config_map(config: Object, now: float) -> Cells:
    entries = len(config.get("data") or ()) + len(config.get("binaryData") or ())
    return [name_of(config), entries, age(created(config), now)]


def _secret(secret: Object, now: float) -> Cells:
    entries = len(secret.get("data") or ())
    return [name_of(secret), secret.get("type") or "", entries, age(created(secret), now)]


def _service_account(account: Object, now: float) -> Cells:
    return [name_of(account), age(created(account), now)]


CONFIG_MAP: Final = Layout((NAME, _DATA, AGE), _config_map)
SECRET: Final = Layout((NAME, Column("Type", description="What it is for."), _DATA, AGE), _secret)
SERVICE_ACCOUNT: Final = Layout((NAME, AGE), _service_account)
"""Secrets of accounts are not counted any more since v1.35."""
