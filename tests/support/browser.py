"""Chromium without a window, for tests that look at a page as a reader does.

Where it is not installed such tests are skipped, with the reason; with NOTMNIST_BROWSER=required
in the environment they fail instead, so that CI does not pass for want of it.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

__all__ = ["Browser", "browser"]

_PROGRAMS = {"chromium": "/usr/bin/chromium", "chromedriver": "/usr/bin/chromedriver"}
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)


def _program(name: str) -> str:
    found = shutil.which(name) or (_PROGRAMS[name] if Path(_PROGRAMS[name]).exists() else None)
    if found is None:
        reason = f"{name} is not installed (Debian: apt-get install chromium chromium-driver)"
        if os.environ.get("NOTMNIST_BROWSER") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class Browser:
    """A page in Chromium, its size, its console and its requests."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(
        self, page: Path | str, *, width: int = 1400, height: int = 900, dark: bool = False
    ) -> None:
        """Show a file or an address in a window of this size; what came before is forgotten."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.command("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.command("Emulation.setEmulatedMedia", features=[scheme, still])
        self.driver.get("about:blank")
        self.console(), self.requests()
        self.driver.get(page if isinstance(page, str) else page.resolve().as_uri())

    def command(self, name: str, **values: object) -> Any:
        """A command of the Chrome DevTools Protocol."""
        return self.driver.execute_cdp_cmd(name, values)

    def run(self, script: str, *values: object) -> Any:
        """What a script returns that runs in the page."""
        return self.driver.execute_script(script, *values)

    def console(self) -> list[str]:
        """Warnings and errors of the console since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Addresses that the page asked for since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self._performance()]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def _performance(self) -> list[dict[str, Any]]:
        log: list[dict[str, Any]] = self.driver.get_log("performance")
        return log

    def pixels(self, element: Any) -> np.ndarray:
        """What the screen shows of an element: uint8 (height, width, 3)."""
        with Image.open(io.BytesIO(element.screenshot_as_png)) as shot:
            return np.asarray(shot.convert("RGB"))


@contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium with a profile of its own, and end it."""
    chromium, chromedriver = _program("chromium"), _program("chromedriver")
    from selenium.webdriver import Chrome
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        for option in (*_OPTIONS, f"--user-data-dir={profile}"):
            options.add_argument(option)
        driver = Chrome(options=options, service=Service(chromedriver))
        try:
            yield Browser(driver)
        finally:
            driver.quit()
