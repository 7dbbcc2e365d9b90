"""What is exported, read as Prometheus reads it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parent.parent.parent
PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTS = PROMETHEUS / "alerts.yml"
TOKEN = "a-token-for-prometheus"
BEARER = {"Authorization": f"Bearer {TOKEN}"}

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples_of(text: str) -> Samples:
    """Each sample's value by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): float(sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(url: str) -> Samples:
    answer = requests.get(f"{url}/metrics", headers=BEARER, timeout=20)
    assert answer.status_code == 200, answer.text
    return samples_of(answer.text)


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def names(samples: Samples) -> set[str]:
    return {name for name, _labels in samples}


def metrics_in(expression: str) -> set[str]:
    """The metrics that an expression names. Ours and django's have a prefix; what others export has one too."""
    return set(re.findall(r"\b(?:credits|django|node)_[a-z0-9_]+\b", re.sub(r'"[^"]*"', "", expression)))


def alerts() -> list[dict[str, Any]]:
    """The rules as Prometheus loads them."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """The dashboard's panels, without its rows."""
    found = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text())["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def panel_expressions() -> list[str]:
    """What the panels ask, with Grafana's own variable filled in."""
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [expression.replace("$__rate_interval", "5m") for expression in asked]
