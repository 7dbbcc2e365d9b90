"""`make test-cluster`: run the cluster under load while its parts fail, then prove that nothing was lost.

Each kind of failure happens once in `--minutes 2`; in a longer trial, one every `--every` seconds, in random order.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time

import psycopg
import requests

from dev.cluster import site
from dev.cluster.postgres import ServerError
from dev.cluster.whole import Cluster, ClusterError
from dev.demo import free_port
from dev.trial.faults import KILLED_PRIMARY, Faults
from dev.trial.lag import LagMeter
from dev.trial.load import Load
from dev.trial.log import Log, now
from dev.trial.promotions import sum_up
from dev.trial.proof import Delivery, check_load, is_settled, prove
from dev.trial.report import report

ACCOUNTS = 50
SPENDERS = 4
CALM_S = 4
# A job that has failed twice is tried again after 310 s.
SETTLING_S = 400


def main(arguments: list[str]) -> int:
    """Returns 0 if nothing was lost, and nobody was let down outside of the promotions."""
    options = _parse(arguments)
    cluster = Cluster(free_port(), say=_say, progress=lambda step, text: _say(text))
    try:
        cluster.start()
        return _try(cluster, options)
    except (ClusterError, ServerError, requests.RequestException, psycopg.Error) as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; nothing was proven.", file=sys.stderr, flush=True)
        return 130
    finally:
        cluster.stop()


def _try(cluster: Cluster, options: argparse.Namespace) -> int:
    log, faults, meter = Log(), Faults(cluster), LagMeter(cluster)
    needed = json.loads(cluster.run_python("-m", "dev.trial.preparing", str(ACCOUNTS)).splitlines()[-1])
    load = Load(cluster.url, cluster.sandbox_url, needed["key"], needed["accounts"], log)
    begun = now()
    load.start(spenders=SPENDERS, a_second=options.rate / SPENDERS)
    meter.start()
    _let_it_fail(faults, options, begun)
    _say("Calm again; letting what is under way be finished ...")
    time.sleep(CALM_S)
    load.stop()
    seconds = now() - begun
    _settle(cluster)
    meter.stop()
    found = prove(cluster, log, _deliveries(cluster))
    check_load(log, load.planned, seconds, found)
    kills = [(killed, over) for name, killed, over in faults.happened if name == KILLED_PRIMARY]
    promotions = sum_up(kills, cluster.promotions, log, found)
    print(report(seconds / 60, faults.happened, promotions, meter.seconds, log, found), flush=True)
    for line in found.wrong[:50]:
        print(f"✗ {line}", flush=True)
    if len(found.wrong) > 50:
        print(f"✗ and {len(found.wrong) - 50:,} more", flush=True)
    if not found.wrong:
        print("\nNothing was lost, and nothing was done twice.", flush=True)
    return 1 if found.wrong else 0


def _let_it_fail(faults: Faults, options: argparse.Namespace, begun: float) -> None:
    names = list(faults.names)
    end = begun + options.minutes * 60
    turn = 0
    while (turn < len(faults.names)) if options.once else now() < end - options.every:
        if turn % len(names) == 0 and not options.once:
            random.shuffle(names)
        time.sleep(max(0, begun + (turn + 1) * options.every - now()))
        _say(f"{now() - begun:4.0f} s: {names[turn % len(names)]}")
        faults.make(names[turn % len(names)])
        turn += 1
    time.sleep(max(0, min(end - now(), options.every)))


def _settle(cluster: Cluster) -> None:
    """Wait until webhooks are delivered and jobs done, but not forever: what isn't, the proof finds."""
    deadline = now() + SETTLING_S
    while now() < deadline:
        answer = requests.post(
            f"{cluster.sandbox_url}/_sandbox/webhooks/wait", json={"timeout_s": 10}, timeout=60
        )
        with psycopg.connect(cluster.primary.url(site.DATABASE)) as connection:
            if answer.status_code == 200 and is_settled(connection):
                return
        time.sleep(1)


def _deliveries(cluster: Cluster) -> list[Delivery]:
    answer = requests.get(f"{cluster.sandbox_url}/_sandbox/webhooks", timeout=300)
    answer.raise_for_status()
    return [Delivery(each["event"], each["type"], each["state"]) for each in answer.json()["deliveries"]]


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make test-cluster", description=__doc__)
    minutes = float(os.environ.get("MINUTES") or 2)
    parser.add_argument("--minutes", type=float, default=minutes, help="how long (MINUTES)")
    parser.add_argument("--every", type=float, help="seconds from one failure to the next (EVERY)")
    parser.add_argument("--rate", type=float, default=20, help="spends a second")
    options = parser.parse_args(arguments)
    options.once = options.minutes <= 2
    options.every = options.every or float(os.environ.get("EVERY") or (12 if options.once else 120))
    return options


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
