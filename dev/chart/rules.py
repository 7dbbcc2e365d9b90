"""Rules of ours that rendered manifests must keep, besides being valid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dev.chart.tools import ChartTestError

Manifest = dict[str, Any]
POOLER = "-pooler-"


def keep_rules(manifests: list[Manifest], values: Manifest, upgrade: bool) -> None:
    """Raise `ChartTestError` for the first manifest that breaks one."""
    pods = dict(_pods(manifests))
    for name, pod in pods.items():
        _is_locked_down(name, pod)
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            _is_confined(name, container)
            _has_no_secret(name, container)
    _connect_rightly(pods, values)
    _drain_in_time(pods)
    _migrates_first(manifests, values, upgrade)


def _pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    for manifest in manifests:
        spec = manifest["spec"]
        if manifest["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if manifest["kind"] in ("Deployment", "Job", "CronJob"):
            name = manifest["metadata"]["labels"]["app.kubernetes.io/component"]
            yield name, spec["template"]["spec"]


def _is_locked_down(name: str, pod: Manifest) -> None:
    security = pod["securityContext"]
    _hold(pod["automountServiceAccountToken"] is False, f"{name} gets a service account's token.")
    _hold(security["runAsNonRoot"] is True, f"{name} may run as root.")
    _hold(security["seccompProfile"] == {"type": "RuntimeDefault"}, f"{name} may make any system call.")


def _is_confined(name: str, container: Manifest) -> None:
    confined = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    _hold(container["securityContext"] == confined, f"{name} may do more than {confined}.")
    _hold({"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"], f"{name} has no /tmp.")  # noqa: S108
    _hold(bool(container["resources"].get("requests")), f"{name} requests no resources.")


def _has_no_secret(name: str, container: Manifest) -> None:
    for variable in container["env"]:
        if "KEY" in variable["name"] or "SECRET" in variable["name"] or "PASSWORD" in variable["name"]:
            _hold("secretKeyRef" in variable.get("valueFrom", {}), f"{name} shows {variable['name']}.")


def _connect_rightly(pods: dict[str, Manifest], values: Manifest) -> None:
    """The web process by the pooler, if there is one; everything else past it."""
    database = values["database"]
    own = database["cluster"]["enabled"]
    pooled = database["pooler"]["enabled"] if own else database["external"]["pgbouncer"]
    for name, pod in pods.items():
        web = name == "web"
        variables = {each["name"]: each for each in pod["containers"][0]["env"]}
        _hold(("PGBOUNCER" in variables) == (web and pooled), f"{name} is wrong about PgBouncer.")
        _hold(web or "DATABASE_REPLICA_URL" not in variables, f"{name} reads from a replica.")
        if own:
            url = variables["DATABASE_URL"]["value"]
            _hold((POOLER in url) == (web and pooled), f"{name} connects to {url}.")
        else:
            key = variables["DATABASE_URL"]["valueFrom"]["secretKeyRef"]["key"]
            direct = database["external"]["directUrlKey"] or database["external"]["urlKey"]
            _hold(key == (database["external"]["urlKey"] if web else direct), f"{name} connects by {key}.")


def _drain_in_time(pods: dict[str, Manifest]) -> None:
    web = pods["web"]
    pause_s = int(web["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    rest_s = web["terminationGracePeriodSeconds"] - pause_s
    _hold(rest_s >= 30, f"A pod has {rest_s} s to answer what it has begun.")
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        headers = web["containers"][0][probe]["httpGet"]["httpHeaders"]
        _hold(headers[0]["name"] == "Host" and headers[0]["value"][0] not in ".*", f"{probe} names no host.")
    for name in ("web", "worker"):
        waiting = [each["name"] for each in pods[name].get("initContainers", [])]
        _hold(waiting == ["wait-for-schema"], f"{name} doesn't wait for the schema.")


def _migrates_first(manifests: list[Manifest], values: Manifest, upgrade: bool) -> None:
    """By a hook, except where the chart is about to make the database."""
    job = next(each for each in manifests if each["kind"] == "Job")
    hook = job["metadata"].get("annotations", {}).get("helm.sh/hook")
    before = upgrade or not values["database"]["cluster"]["enabled"]
    _hold(hook == ("pre-install,pre-upgrade" if before else None), f"The migration runs as {hook}.")


def _hold(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise ChartTestError(otherwise)
