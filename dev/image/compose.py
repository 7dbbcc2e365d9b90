"""Read compose.yaml's services as podman's options."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from dev.image.base import ROOT, ImageTestError

# Docker's, for services that name none.
GRACE_S = 10
# What doesn't concern a container that runs here by itself.
ELSEWHERE = {"build", "image", "restart", "env_file", "environment", "ports", "depends_on", "healthcheck"}


@dataclass(frozen=True)
class Service:
    """A service of the image: what it may do, what it runs, and how long it may take to stop."""

    restrictions: tuple[str, ...]
    command: tuple[str, ...]
    init: bool
    grace_s: int


def read_service(name: str) -> Service:
    """Read one. Raises `ImageTestError` for a key that isn't understood, so that none is silently left out."""
    given: dict[str, Any] = dict(yaml.safe_load((ROOT / "compose.yaml").read_text())["services"][name])
    service = Service(
        restrictions=(
            *(["--read-only"] if given.pop("read_only", False) else []),
            *(f"--tmpfs={path}" for path in given.pop("tmpfs", [])),
            *(f"--cap-drop={capability}" for capability in given.pop("cap_drop", [])),
            *(f"--security-opt={option.split(':')[0]}" for option in given.pop("security_opt", [])),
        ),
        command=tuple(given.pop("command", ())),
        init=bool(given.pop("init", False)),
        grace_s=_seconds(given.pop("stop_grace_period", f"{GRACE_S}s")),
    )
    if unknown := given.keys() - ELSEWHERE:
        raise ImageTestError(
            f"compose.yaml: {name} has {', '.join(sorted(unknown))}: teach dev/image/compose.py."
        )
    return service


def _seconds(text: str) -> int:
    found = re.fullmatch(r"(\d+)s", text)
    if found is None:
        raise ImageTestError(f"compose.yaml: write {text} in seconds, such as 60s.")
    return int(found[1])
