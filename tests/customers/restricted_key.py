"""A restricted key, and the permissions that docs/go-live.md names for one."""

from __future__ import annotations

import re
from pathlib import Path

KEY = "rk_test_7Hq2Wn5Tb9Xm4Kc8Vd3Rz6Lp"
GO_LIVE = Path(__file__).resolve().parents[2] / "docs/go-live.md"


def documented() -> set[str]:
    table = GO_LIVE.read_text().split("### A restricted key", 1)[1].split("\n###", 1)[0]
    return set(re.findall(r"^\| [^|]+ \| `(\w+)` \|", table, re.MULTILINE))
