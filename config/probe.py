"""`python -m config.probe`: the container's health check. Exits with 0 if /health/live answers."""

from __future__ import annotations

import os
import sys
from urllib.request import Request, urlopen

TIMEOUT_S = 4


def main() -> int:
    # Django answers only to its own names, so the probe uses one of them.
    host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip("*.") or "localhost"
    url = f"http://127.0.0.1:{os.environ.get('GRANIAN_PORT', '8000')}/health/live"
    try:
        with urlopen(Request(url, headers={"Host": host}), timeout=TIMEOUT_S) as answer:
            return 0 if answer.status == 200 else 1
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
