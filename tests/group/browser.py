"""A page in headless Chromium, spoken to through the pipes of its debugging protocol."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from base64 import b64decode
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

PATIENCE = 60.0
"""Seconds after which a browser will not answer any more."""


class Browser:
    """Opens files; a context manager, after which the browser is gone. ``errors`` are what pages complained of."""

    def __init__(self, folder: Path, *flags: str) -> None:
        program = (
            shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        )
        if program is None:
            pytest.fail("this test looks at pages in Chromium: apt-get install chromium")
        self._command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        self._command += ["--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}", *flags]
        self._number = 0
        self._session = ""
        self._left = b""
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        ours, theirs = os.pipe(), os.pipe()
        words = " ".join(f"'{word}'" for word in self._command)
        self._process = subprocess.Popen(
            ["bash", "-c", f"exec {words} 3<&{ours[0]} 4>&{theirs[1]}"],
            pass_fds=(ours[0], theirs[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        os.close(ours[0])
        os.close(theirs[1])
        self._to, self._from = ours[1], theirs[0]
        os.set_blocking(self._from, False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._to)
        os.close(self._from)
        self._process.kill()
        self._process.wait()

    def open(self, page: Path | str, ready: str = "'ready' in document.documentElement.dataset") -> None:
        """Open a file or an address, and wait until its scripts are done, so that ``ready`` is true."""
        target = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        found = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True})
        self._session = found["sessionId"]
        for domain in ("Runtime", "Log", "Page"):
            self._ask(f"{domain}.enable")
        self._ask("Page.navigate", {"url": page if isinstance(page, str) else page.absolute().as_uri()})
        self.until(f"document.readyState === 'complete' && {ready}")

    def evaluate(self, code: str) -> Any:
        """The value of an expression in the page."""
        found = self._ask(
            "Runtime.evaluate", {"expression": code, "returnByValue": True, "awaitPromise": True}
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, code: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + PATIENCE
        while not self.evaluate(code):
            assert time.monotonic() < end, f"never true: {code}"
            time.sleep(0.05)

    def press(self, key: str) -> None:
        """Press a key of the keyboard and let go of it; a letter is typed."""
        codes = {"Enter": 13, "Escape": 27, "Tab": 9, " ": 32}
        common: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": codes.get(key, ord(key[0]))}
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        self._ask(
            "Input.dispatchKeyEvent", {**common, "type": "keyDown" if text else "rawKeyDown", "text": text}
        )
        self._ask("Input.dispatchKeyEvent", {**common, "type": "keyUp"})

    def look(self, width: int, height: int, *, dark: bool = False) -> bytes:
        """A picture (PNG) of the page in a window of that size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._ask("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 150)))")
        return b64decode(self._ask("Page.captureScreenshot")["data"])

    def _ask(self, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters or {}}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._number:
                assert "error" not in told, told
                result: dict[str, Any] = told["result"]
                return result
            if told.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.errors.append(json.dumps(told["params"]))

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._left:
            assert time.monotonic() < end, "the browser says nothing"
            assert self._process.poll() is None, "the browser is gone"
            try:
                self._left += os.read(self._from, 1 << 20)
            except BlockingIOError:
                time.sleep(0.01)
        message, _, self._left = self._left.partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        return told
