"""Rules of ours that rendered manifests must keep, besides being valid."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.http.request import split_domain_port, validate_host

from core.jobs.queues import PLACES
from dev.chart.tools import ChartTestError

Manifest = dict[str, Any]
POOLER = "-pooler-"
# How many characters a name may have; a CronJob adds eleven of its own, the operator of the database thirteen.
LONGEST, LONGEST_OF = 63, {"CronJob": 52, "Cluster": 50}
WITH_EXPONENT = re.compile(r"\d(\.\d+)?e\+\d+")
HOST = re.compile(r"(\*\.)?[a-z0-9][a-z0-9.-]*")
# docs/scale.md#pgbouncer, docs/replicas.md#setting-it-up
OF_THE_POOLER = {"query_wait_timeout": "10", "server_connect_timeout": "2", "server_login_retry": "0.2"}
OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def keep_rules(manifests: list[Manifest], values: Manifest, upgrade: bool) -> None:
    """Raise `ChartTestError` for the first manifest that breaks one."""
    pods = list(_pods(manifests))
    for name, pod in pods:
        _is_locked_down(name, pod)
        _hold(_has_all(pod["volumes"], values["extraVolumes"]), f"{name} lacks extraVolumes.")
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            _is_confined(name, container)
            _has_no_secret(name, container)
            _hold(
                _has_all(container["volumeMounts"], values["extraVolumeMounts"]), f"{name} mounts too little."
            )
            _connects_rightly(name, container, values)
    _drain_in_time(dict(pods), values)
    _migrates_first(manifests, values, upgrade)
    _have_short_names(manifests)
    _write_numbers_out(manifests)
    _scale(manifests, values)
    _lead_in(manifests)
    _let_out(manifests, values)
    _pool_rightly(manifests, values)


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


def _has_all(given: list[Any], wanted: list[Any]) -> bool:
    return all(each in given for each in wanted)


def _connects_rightly(name: str, container: Manifest, values: Manifest) -> None:
    """The web process by the pooler, if there is one; everything else past it, and never to a replica.

    The whole Secret is read into the environment, so what must not come from there is set to nothing.
    """
    database = values["database"]
    own, external = database["cluster"]["enabled"], database["external"]
    web = container["name"] == "web"
    pooled = web and (database["pooler"]["enabled"] if own else external["pgbouncer"])
    variables = {each["name"]: each for each in container["env"]}
    if container["name"] == "worker":
        connections = int(variables["DATABASE_POOL_MAX"]["value"])
        _hold(
            connections > sum(PLACES.values()), "The worker's jobs and its metrics share too few connections."
        )
    url, replica, pgbouncer = (
        variables[each] for each in ("DATABASE_URL", "DATABASE_REPLICA_URL", "PGBOUNCER")
    )
    _hold(pgbouncer["value"] == str(pooled).lower(), f"{name} is wrong about PgBouncer.")
    if own:
        _hold((POOLER in url["value"]) == pooled, f"{name} connects to {url['value']}.")
        reads = web and database["replica"]["enabled"] and database["cluster"]["instances"] > 1
        host = re.search("@([^:]+):", replica["value"])
        _hold(bool(host) == reads, f"{name} reads from {replica['value']}.")
        _hold(not host or bool(re.search("-database-ro$", host[1])), f"{name} reads from {replica['value']}.")
    else:
        key = url["valueFrom"]["secretKeyRef"]["key"]
        direct = external["directUrlKey"] or external["urlKey"]
        _hold(key == (external["urlKey"] if web else direct), f"{name} connects by {key}.")
        reads = web and external["replicaUrlKey"] != ""
        _hold(("valueFrom" if reads else "value") in replica, f"{name} is wrong about a replica.")
        _hold(reads or replica["value"] == "", f"{name} reads from a replica.")


def _drain_in_time(pods: dict[str, Manifest], values: Manifest) -> None:
    web = pods["web"]
    pause_s = int(web["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    rest_s = web["terminationGracePeriodSeconds"] - pause_s
    _hold(rest_s >= 30, f"A pod has {rest_s} s to answer what it has begun.")
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        headers = web["containers"][0][probe]["httpGet"]["httpHeaders"]
        host, _ = split_domain_port(headers[0]["value"])
        _hold(headers[0]["name"] == "Host" and host != "", f"{probe} names no host: {headers}.")
        _hold(validate_host(host, values["hosts"]), f"{probe} names a host that Django refuses: {host}.")
    for name in ("web", "worker"):
        waiting = pods[name].get("initContainers", [])
        _hold(
            [each["name"] for each in waiting] == ["wait-for-schema"], f"{name} doesn't wait for the schema."
        )


def _migrates_first(manifests: list[Manifest], values: Manifest, upgrade: bool) -> None:
    """By a hook, except where the chart is about to make the database."""
    job = next(each for each in manifests if each["kind"] == "Job")
    hook = job["metadata"].get("annotations", {}).get("helm.sh/hook")
    before = upgrade or not values["database"]["cluster"]["enabled"]
    _hold(hook == ("pre-install,pre-upgrade" if before else None), f"The migration runs as {hook}.")


def _have_short_names(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        _hold(len(name) <= LONGEST_OF.get(kind, LONGEST), f"The name of a {kind} is too long: {name}.")
    names = [(each["kind"], each["metadata"]["name"]) for each in manifests]
    _hold(len(set(names)) == len(names), f"Two have the same name: {sorted(names)}.")


def _write_numbers_out(manifests: list[Manifest]) -> None:
    for text in _texts(manifests):
        _hold(not WITH_EXPONENT.fullmatch(text), f"A number is written as {text}.")


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict | list):
        for each in part.values() if isinstance(part, dict) else part:
            yield from _texts(each)


def _scale(manifests: list[Manifest], values: Manifest) -> None:
    """With 0 replicas nothing starts, and nothing scales it up again."""
    for name in ("web", "worker"):
        spec = next(
            each["spec"]
            for each in manifests
            if each["kind"] == "Deployment" and each["metadata"]["name"].endswith(f"-{name}")
        )
        scaled = [each for each in manifests if each["kind"] == "HorizontalPodAutoscaler" and name == "web"]
        stopped, automatic = values[name]["replicas"] == 0, values["web"]["autoscaling"]["enabled"]
        _hold(bool(scaled) == (name == "web" and automatic and not stopped), f"{name} is scaled wrongly.")
        wanted = None if scaled else values[name]["replicas"]
        _hold(spec.get("replicas") == wanted, f"{name} has {spec.get('replicas')} replicas.")
        patience_s, migration_s = spec["progressDeadlineSeconds"], values["migrate"]["deadlineSeconds"]
        _hold(patience_s > migration_s, f"{name} counts as failed while the migration runs.")


def _lead_in(manifests: list[Manifest]) -> None:
    for ingress in (each["spec"] for each in manifests if each["kind"] == "Ingress"):
        hosts = [rule["host"] for rule in ingress["rules"]]
        _hold(all(HOST.fullmatch(host) for host in hosts), f"An Ingress has no such hosts: {hosts}.")
        _hold(all(tls["hosts"] == hosts for tls in ingress.get("tls", [])), f"Not all of {hosts} have TLS.")


def _let_out(manifests: list[Manifest], values: Manifest) -> None:
    """The database by each of its ports, and the collector of traces, if there is one."""
    policies = [each["spec"] for each in manifests if each["kind"] == "NetworkPolicy"]
    out = {port["port"] for spec in policies for each in spec.get("egress", []) for port in each["ports"]}
    wanted = {*values["networkPolicy"]["egressPorts"]}
    wanted |= (
        {5432} if values["database"]["cluster"]["enabled"] else {*values["database"]["external"]["ports"]}
    )
    if endpoint := values["env"].get(OTLP_ENDPOINT):
        wanted.add(int(endpoint.rpartition(":")[2]))
    _hold(not policies or wanted <= out, f"The site may not leave by {wanted - out}.")


def _pool_rightly(manifests: list[Manifest], values: Manifest) -> None:
    """Only the primary is pooled: behind a pooler of several replicas, a check and its reads could part."""
    poolers = [each["spec"] for each in manifests if each["kind"] == "Pooler"]
    database = values["database"]
    pooled = database["cluster"]["enabled"] and database["pooler"]["enabled"]
    _hold([each["type"] for each in poolers] == ["rw"] * pooled, "The pooler isn't the primary's.")
    for pooler in poolers:
        given = pooler["pgbouncer"]["parameters"]
        _hold(given.items() >= OF_THE_POOLER.items(), f"The pooler has {given}.")
    for cluster in (each["spec"] for each in manifests if each["kind"] == "Cluster"):
        given = cluster["postgresql"]["parameters"]
        _hold(given.get("hot_standby_feedback") == "on", "Replicas cancel long reads.")


def _hold(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise ChartTestError(otherwise)
