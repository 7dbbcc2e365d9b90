"""Run PostgreSQL's own load generator: C, prepared statements, nothing between it and the server."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile

from bench.cluster import Cluster
from bench.hosts import ContenderFailed, Measurement
from bench.load import Load, Pace

TPS = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)
FINISHED = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)
FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)


def run_pgbench(cluster: Cluster, database: str, script: str, load: Load, pace: Pace) -> Measurement:
    """Run ``script``, in which ``:accounts`` is their number. Connecting is not part of the time."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        command = [cluster.program("pgbench"), "-n", "-M", "prepared", "-f", file.name]
        command += ["-D", f"accounts={load.accounts}", "-T", str(pace.window_s)]
        command += ["-c", str(load.clients), "-j", str(min(load.clients, os.cpu_count() or 1))]
        run = subprocess.run([*command, cluster.url(database)], capture_output=True, text=True, check=False)
    if run.returncode:
        raise ContenderFailed(f"pgbench on {database}: {run.stderr}")
    return parse_output(run.stdout)


def parse_output(text: str) -> Measurement:
    """Read pgbench's report. Raises ContenderFailed if transactions failed or it reports nothing."""
    tps, finished, failed = TPS.search(text), FINISHED.search(text), FAILED.search(text)
    if not tps or not finished or (failed and int(failed[1])):
        raise ContenderFailed(f"pgbench: {text}")
    return Measurement(float(tps[1]), int(finished[1]))
