"""Objects as bytes and back: orjson where it is installed, else Python's json, with the same result."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Object = dict[str, Any]


def _plain(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


encode: Callable[[Any], bytes]
decode: Callable[[bytes], Any]

try:
    from orjson import dumps, loads

    encode, decode = dumps, loads
except ImportError:
    encode, decode = _plain, json.loads
