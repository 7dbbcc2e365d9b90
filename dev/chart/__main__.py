"""Check the chart (`make test-helm`): helm's lint, what it renders, and what it refuses."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from dev.chart.rules import keep_rules
from dev.chart.tools import CUSTOM, ROOT, ChartTestError, custom_schemas, kubernetes_schemas, program
from dev.chart.values import merge

CHART = ROOT / "deploy" / "helm"
PAGE = ROOT / "docs" / "kubernetes.md"
REQUIRED = CHART / "ci" / "required-values.yaml"
# The oldest that the chart takes, and the newest that has schemas.
KUBERNETES = ("1.27", "1.37")
LONG = "the-longest-name-of-a-release-that-helm-takes-is-this"
# Values that it must refuse, and a word of the reason.
REFUSED: Mapping[str, tuple[Sequence[str], str]] = {
    "no Secret": (["--set", "existingSecret="], "existingSecret"),
    "no host": (["--set-json", "hosts=[]"], "hosts"),
    "an address with a path": (["--set", "siteUrl=https://credits.example.com/shop"], "siteUrl"),
    "a secret among the values": (["--set", "env.STRIPE_SECRET_KEY=sk_live_1"], "STRIPE_SECRET_KEY"),
    "a variable that the chart sets": (["--set", "env.DATABASE_URL=postgresql://"], "DATABASE_URL"),
    "a name that it doesn't know": (["--set", "web.replica=3"], "replica"),
    "more threads than connections": (["--set", "web.threads=12"], "poolMax"),
    "no connection to spare": (["--set", "web.threads=10"], "poolMax"),
    "more readers than a replica takes": (["--set", "web.autoscaling.maxReplicas=15"], "maxConnections"),
    "more processes than the primary takes": (
        ["--set", "database.pooler.enabled=false,database.replica.enabled=false,web.workers=4"],
        "maxConnections",
    ),
    "a host as the Ingress writes it": (["--set-json", 'hosts=["*.shop.example.com"]'], "hosts"),
    "a volume in place of /tmp": (["--set-json", 'extraVolumes=[{"name": "tmp"}]'], "extraVolumes"),
    "a request cut short": (["--set", "web.drain.requestSeconds=5"], "requestSeconds"),
}


def main() -> int:
    began = time.monotonic()
    try:
        missing = check()
    except ChartTestError as error:
        print(f"\nFAILED: {error}", file=sys.stderr)
        return 1
    if missing:
        line = "!" * 88
        said = [f"{', '.join(CUSTOM[variable])}: {why}" for variable, why in missing.items()]
        hint = "Name a folder with the definitions: " + " ".join(f"{variable}=..." for variable in missing)
        print(line, "THESE KINDS WERE NOT CHECKED AGAINST THEIR SCHEMAS:", *said, hint, line, sep="\n")
    print(f"The chart was checked in {time.monotonic() - began:.0f} s.")
    return 0


def check() -> Mapping[str, str]:
    """Check everything. Returns what couldn't be checked, and why."""
    helm, kubeconform = program("helm"), program("kubeconform")
    custom, missing = custom_schemas()
    unknown = [kind for variable in missing for kind in CUSTOM[variable]]
    for values in sorted((CHART / "ci").glob("*.yaml")):
        run([helm, "lint", "--strict", "--quiet", str(CHART), "--values", str(values)])
        for version in KUBERNETES:
            schemas = kubernetes_schemas(version)
            for upgrade in ((), ("--is-upgrade",)):
                rendered = render(helm, version, "--values", str(values), *upgrade)
                said = validate(kubeconform, rendered, [schemas, custom], unknown)
                keep_rules(_manifests(rendered), given(values), upgrade=bool(upgrade))
        print(f"{values.name}: {said}", flush=True)
    check_names(helm)
    said = validate(kubeconform, documented_manifests(), [schemas, custom], unknown)
    print(f"docs/kubernetes.md: {said}")
    for what, (values_of, reason) in REFUSED.items():
        refuse(helm, what, values_of, reason)
    print(f"{len(REFUSED)} kinds of wrong values are refused.")
    return missing


def check_names(helm: str) -> None:
    """With the longest release's name all are short enough; a migration that differs in anything has another name."""
    options = ["--values", str(REQUIRED)]
    keep_rules(
        _manifests(render(helm, KUBERNETES[0], *options, release=LONG)), given(REQUIRED), upgrade=False
    )
    names = {
        next(each["metadata"]["name"] for each in _manifests(rendered) if each["kind"] == "Job")
        for change in (
            "image.tag=other",
            "env.LOG_LEVEL=DEBUG",
            "migrate.deadlineSeconds=900",
            "existingSecret=new",
        )
        for rendered in (render(helm, KUBERNETES[0], *options, "--set", change),)
    }
    if len(names) != 4:
        raise ChartTestError(f"Migrations that differ have the same name: {names}")
    print("Names are short enough, and each migration has its own.")


def documented_manifests() -> str:
    """Return what the page on Kubernetes has to be applied by hand."""
    blocks = re.findall(r"^ *```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    found = [block for block in map(textwrap.dedent, blocks) if "\nkind: " in block]
    if not found:
        raise ChartTestError(f"No manifest was found in {PAGE}.")
    return "---\n".join(found)


def _manifests(rendered: str) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(rendered) if each]


def given(path: Path) -> dict[str, Any]:
    """Return the chart's values with those of a file laid over them, as helm does."""
    files = (CHART / "values.yaml", path)
    merged: dict[str, Any] = merge(*(yaml.safe_load(file.read_text()) for file in files))
    return merged


def render(helm: str, version: str, *options: str, release: str = "shop") -> str:
    command = [helm, "template", release, str(CHART), "--kube-version", f"{version}.0", *options]
    return run(command)


def validate(kubeconform: str, rendered: str, folders: Sequence[Path], unknown: Sequence[str]) -> str:
    builtin, custom = folders
    command = [kubeconform, "-strict", "-summary"]
    command += ["-schema-location", f"{builtin}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"]
    command += ["-schema-location", f"{custom}/{{{{.ResourceKind}}}}_{{{{.ResourceAPIVersion}}}}.json"]
    command += ["-skip", ",".join(unknown)] if unknown else []
    return run(command, rendered).strip()


def refuse(helm: str, what: str, values: Sequence[str], reason: str) -> None:
    command = [
        helm,
        "template",
        "shop",
        str(CHART),
        "--kube-version",
        "1.33.0",
        "--values",
        str(REQUIRED),
        *values,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        raise ChartTestError(f"The chart takes {what}: {' '.join(values)}")
    if reason not in done.stderr:
        raise ChartTestError(f"The chart refuses {what}, but doesn't name {reason}:\n{done.stderr}")


def run(command: Sequence[str], given: str = "") -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True)
    if done.returncode:
        raise ChartTestError(f"{' '.join(command[:2])} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
