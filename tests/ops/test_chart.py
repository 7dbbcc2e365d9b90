"""The Helm chart says the same as the rest of the repository. `make test-helm` renders it; this needs no helm."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from django.conf import settings

from core.database.time_limits import OF_WEB
from dev.chart.values import merge
from tests.ops.production import ENVIRONMENT

ROOT = Path(__file__).resolve().parent.parent.parent
CHART = ROOT / "deploy" / "helm"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUE_SETS = sorted((CHART / "ci").glob("*.yaml"))
TEMPLATES = "".join(path.read_text() for path in (CHART / "templates").iterdir())
# Parts of the database's URL, and the pod's address; the site reads neither.
OF_THE_CHART = {"POD_IP", "POSTGRES_USER", "POSTGRES_PASSWORD"}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def documented() -> set[str]:
    """The variables of go-live.md's tables."""
    rows = re.findall(r"^\| (`[^|]+) \|", (ROOT / "docs/go-live.md").read_text(), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row)}


def refused_in_env() -> set[str]:
    return set(SCHEMA["properties"]["env"]["propertyNames"]["not"]["enum"])


def set_by_the_chart() -> set[str]:
    return set(re.findall(r"- name: ([A-Z][A-Z0-9_]+)$", TEMPLATES, re.MULTILINE))


def test_the_chart_the_app_the_project_and_the_api_have_one_version() -> None:
    chart = read(CHART / "Chart.yaml")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {chart["version"], chart["appVersion"], settings.SPECTACULAR_SETTINGS["VERSION"]} == {project}


@pytest.mark.parametrize("path", VALUE_SETS, ids=lambda path: path.stem)
def test_every_set_of_values_that_is_tried_is_valid(path: Path) -> None:
    jsonschema.validate(merge(read(CHART / "values.yaml"), read(path)), SCHEMA)


def test_every_example_of_the_page_is_valid() -> None:
    page = (ROOT / "docs/kubernetes.md").read_text()
    blocks = [
        textwrap.dedent(each) for each in re.findall(r"^ *```yaml\n(.*?)```", page, re.DOTALL | re.MULTILINE)
    ]
    examples = [yaml.safe_load(each) for each in blocks if "kind:" not in each]
    assert len(examples) > 3
    required = merge(read(CHART / "values.yaml"), read(CHART / "ci/required-values.yaml"))
    for example in examples:
        jsonschema.validate(merge(required, example), SCHEMA)


def test_the_values_alone_lack_what_only_the_installation_knows() -> None:
    invalid = list(jsonschema.Draft7Validator(SCHEMA).iter_errors(read(CHART / "values.yaml")))
    assert {error.path[0] for error in invalid} == {"hosts", "siteUrl", "defaultFromEmail", "existingSecret"}


def test_every_variable_that_the_chart_sets_is_documented_and_can_be_set_nowhere_else() -> None:
    assert {"DATABASE_URL", "ALLOWED_HOSTS", "PGBOUNCER", "GRANIAN_WORKERS"} <= set_by_the_chart()
    assert not set_by_the_chart() - documented() - OF_THE_CHART
    assert not set_by_the_chart() - refused_in_env()


def test_no_secret_can_be_among_the_values() -> None:
    secret = {
        name for name in documented() if re.search("SECRET|TOKEN$|KEY$|DSN|ANYMAIL|HEADERS$|_URL$", name)
    }
    assert len(secret) > 10
    assert not secret - refused_in_env() - {"FRONTEND_URL"}
    assert not refused_in_env() - documented() - OF_THE_CHART


def test_the_role_has_the_limits_that_a_pooler_keeps_the_site_from_setting() -> None:
    assert dict(re.findall(r"ALTER ROLE credits SET (\w+) = '(\w+)'", TEMPLATES)) == OF_WEB


def test_the_image_runs_as_the_user_that_the_chart_names() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^USER (\d+):(\d+)", dockerfile, re.MULTILINE) == [
        tuple(re.findall(r"runAs(?:User|Group): (\d+)", TEMPLATES))
    ]
    assert set(re.findall(r"containerPort: (\d+)", TEMPLATES)) == set(re.findall(r"EXPOSE (\d+)", dockerfile))


def test_the_alerts_are_those_of_prometheus() -> None:
    """Helm reads no file outside of the chart, so it has a copy."""
    rules, copy = ROOT / "deploy/prometheus/alerts.yml", CHART / "files/alerts.yml"
    assert copy.exists() == rules.exists(), "cp deploy/prometheus/alerts.yml deploy/helm/files/alerts.yml"
    assert not rules.exists() or copy.read_text() == rules.read_text()


def test_every_value_is_used() -> None:
    values = read(CHART / "values.yaml")
    assert len(values) > 10
    assert [name for name in values if not re.search(rf"\.{name}\b|\"{name}\"", TEMPLATES)] == []


def test_the_documented_time_limit_of_helm_leaves_time_for_the_migration() -> None:
    page = (ROOT / "docs/kubernetes.md").read_text()
    minutes = [int(each) for each in re.findall(r"--timeout (\d+)m", page)]
    assert len(minutes) == len(re.findall("--wait", page)) > 1
    assert min(minutes) * 60 > read(CHART / "values.yaml")["migrate"]["deadlineSeconds"]


def test_a_pod_that_waits_for_the_schema_says_why_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    """Its script, as it is in the template, with a database that refuses connections."""
    said = tmp_path / "said"
    found = re.search(r"( +)(trap .*?\n\1done\n)", TEMPLATES, re.DOTALL)
    assert found
    script = found[2].replace("/tmp/said", str(said)).replace("sleep 3", "sleep 0.1")  # noqa: S108
    environment = {
        **ENVIRONMENT,
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "DATABASE_URL": "postgresql://credits:a-password@127.0.0.1:1/credits",
    }
    with subprocess.Popen(
        ["sh", "-c", script], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as waiting:
        assert waiting.stdout
        lines = []
        for line in waiting.stdout:
            lines.append(line)
            if line.startswith("The schema"):
                break
        waiting.terminate()
    assert waiting.returncode == 143
    assert len(lines) <= 21
    assert "Connection refused" in "".join(lines)
    assert not [line for line in lines if line.startswith(" ")]
