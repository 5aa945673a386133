"""Paths inside volumes and containers: relative, and never upwards."""

from __future__ import annotations

from expander.validate.rules.checks import Findings, invalid


def climbs(text: str) -> bool:
    """True when a step of the path is ``..``."""
    return ".." in text and ".." in text.split("/")


def check_no_climbing(text: str, where: str) -> Findings:
    """No step of the path is ``..``."""
    if climbs(text):
        yield invalid(where, text, "must not contain '..'")


def check_descending(text: str, where: str) -> Findings:
    """A relative path without ``..``."""
    if text.startswith("/"):
        yield invalid(where, text, "must be a relative path")
    yield from check_no_climbing(text, where)


def check_unreserved(text: str, where: str) -> Findings:
    """A relative path without ``..`` whose first name does not begin with ``..``, which kubelet keeps."""
    yield from check_descending(text, where)
    if text.startswith("..") and not text.startswith("../"):
        yield invalid(where, text, "must not start with '..'")
