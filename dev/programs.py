"""Find the programs that some tests need besides Python. `make test` begins with a loud list of the missing ones."""

from __future__ import annotations

import os
import shutil

# What each is called here, then by Debian.
PACKAGES = {
    "chromium": "chromium",
    "curl": "curl",
    "git": "git",
    "node": "nodejs",
    "npm": "npm",
    "pgbouncer": "pgbouncer",
    "promtool": "prometheus",
    "redis-server": "redis-server",
}
# Debian keeps servers where only root looks.
PLACES = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
CHROMIUM_NAMES = ("chromium", "/usr/bin/chromium", "chromium-browser", "google-chrome")


def find(program: str) -> str | None:
    """Return a program's path. If CHROMIUM is set, only that is the browser."""
    names: tuple[str, ...] = (program,)
    if program == "chromium":
        named = os.environ.get("CHROMIUM")
        names = (named,) if named else CHROMIUM_NAMES
    return next((path for name in names if (path := shutil.which(name, path=PLACES))), None)


def why_not_run(program: str) -> str:
    """Say that a program is missing, and how to get it."""
    hint = ", or set CHROMIUM to its path" if program == "chromium" else ""
    return f"{program} is missing. On Debian: apt install {PACKAGES[program]}{hint}"


if __name__ == "__main__":
    missing = [why_not_run(program) for program in PACKAGES if find(program) is None]
    if missing:
        line = "!" * 88
        print(line, "SOME TESTS WILL NOT RUN:", *missing, line, sep="\n", flush=True)
    if browser := find("chromium"):
        print(f"Browser tests run in {browser}.", flush=True)
