"""Find the Chromium that the browser tests use. `make test` says which, and warns loudly if there is none."""

from __future__ import annotations

import os
import shutil


def chromium() -> str | None:
    """Return the path of CHROMIUM, or of the first usual name that is installed."""
    names = [
        os.environ.get("CHROMIUM", ""),
        "chromium",
        "/usr/bin/chromium",
        "chromium-browser",
        "google-chrome",
    ]
    return next((path for name in names if name and (path := shutil.which(name))), None)


if __name__ == "__main__":
    found = chromium()
    if found:
        print(f"Browser tests run in {found}.", flush=True)
    else:
        print("!" * 88)
        print(
            "NO CHROMIUM FOUND: THE BROWSER TESTS WILL NOT RUN. On Debian: apt install chromium, or set CHROMIUM."
        )
        print("!" * 88, flush=True)
