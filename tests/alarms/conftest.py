"""These tests run a Prometheus for minutes, so `make test-alarms` runs them, and `make test` doesn't."""

from __future__ import annotations

import os

collect_ignore_glob = [] if "ALARM_TESTS" in os.environ else ["test_*.py"]
