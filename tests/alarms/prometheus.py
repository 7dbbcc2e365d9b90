"""A real Prometheus with our rules, ten times as impatient."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml

from dev.demo import free_port, wait_until_answers
from dev.processes import Processes
from dev.programs import why_not_run
from tests.monitoring.scraping import ALERTS, TOKEN

# A minute of the rules is six seconds here.
FASTER = 10
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"(\d+)([smhd])")
# Thresholds in seconds have three digits or more; counts and shares have fewer.
SECONDS = re.compile(r"(?<=[>+] )(\d{3,})$", re.MULTILINE)


def hurried(rules: dict[str, Any]) -> dict[str, Any]:
    """The rules with shorter waits, windows and ages; nothing else differs."""
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["expr"] = SECONDS.sub(lambda found: str(int(found[1]) // FASTER), _shorter(rule["expr"]))
            if "for" in rule:
                rule["for"] = _shorter(rule["for"])
    return rules


def _shorter(text: str) -> str:
    return DURATION.sub(lambda found: f"{int(found[1]) * UNITS_S[found[2]] // FASTER}s", text)


def say(line: str) -> None:
    """For who waits: the command shows what is written."""
    sys.stdout.write(f"{line}\n")


class Prometheus:
    """A running one; ``firing`` asks it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def firing(self) -> dict[str, dict[str, Any]]:
        """The alerts that fire, by name; of several with one name, the last."""
        return {alert["labels"]["alertname"]: alert for alert in self._all_firing()}

    def wait_for_labels(self, patience_s: float, **labels: str) -> None:
        """Wait until one with these labels fires, whichever others do."""
        began = time.monotonic()
        while not any(labels.items() <= alert["labels"].items() for alert in self._all_firing()):
            assert time.monotonic() - began < patience_s, f"not firing: {labels}"
            time.sleep(0.5)

    def _all_firing(self) -> list[dict[str, Any]]:
        return [alert for alert in self._get("alerts")["alerts"] if alert["state"] == "firing"]

    def targets_up(self) -> int:
        return sum(target["health"] == "up" for target in self._get("targets")["activeTargets"])

    def wait_for(self, names: Iterable[str], patience_s: float) -> dict[str, dict[str, Any]]:
        """Wait until all of these fire, and say when each began to."""
        began, wanted = time.monotonic(), set(names)
        seen: dict[str, dict[str, Any]] = {}
        while wanted - seen.keys():
            assert time.monotonic() - began < patience_s, f"not firing: {wanted - seen.keys()}"
            for name, alert in self.firing().items():
                if name in wanted and name not in seen:
                    seen[name] = alert
                    say(
                        f"{name} fires after {time.monotonic() - began:.0f} s: {alert['annotations']['summary']}"
                    )
            time.sleep(0.5)
        return seen

    def wait_until_over(self, names: Iterable[str], patience_s: float) -> None:
        began, waiting = time.monotonic(), set(names)
        while still := waiting & self.firing().keys():
            assert time.monotonic() - began < patience_s, f"still firing: {still}"
            time.sleep(0.5)
        say(f"{', '.join(sorted(waiting))}: over after {time.monotonic() - began:.0f} s")

    def _get(self, what: str) -> Any:
        answer = requests.get(f"{self.url}/api/v1/{what}", timeout=20)
        answer.raise_for_status()
        return answer.json()["data"]


@contextmanager
def running_prometheus(targets: Mapping[str, str], folder: Path) -> Iterator[Prometheus]:
    """Gives a Prometheus that asks these targets, by the names of their jobs, every second."""
    program = shutil.which("prometheus")
    assert program, why_not_run("prometheus")
    (folder / "alerts.yml").write_text(json.dumps(hurried(yaml.safe_load(ALERTS.read_text()))))
    scrapes = [
        {
            "job_name": job,
            "authorization": {"credentials": TOKEN},
            "static_configs": [{"targets": [url.removeprefix("http://")]}],
        }
        for job, url in targets.items()
    ]
    configuration = {
        "global": {
            "scrape_interval": "1s",
            "scrape_timeout": "1s",
            "evaluation_interval": "1s",
            "external_labels": {"runbook": "https://docs.example.com/runbook.html"},
        },
        "rule_files": ["alerts.yml"],
        "scrape_configs": scrapes,
    }
    (folder / "prometheus.yml").write_text(json.dumps(configuration))
    address = f"127.0.0.1:{free_port()}"
    command = [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    processes = Processes(folder / "logs")
    try:
        process = processes.start("prometheus", [*command, f"--web.listen-address={address}"], {})
        wait_until_answers(process, f"http://{address}/-/ready", 60)
        yield Prometheus(f"http://{address}")
    finally:
        processes.stop_all()
