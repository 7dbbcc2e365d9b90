"""`make cluster`: run it until Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import time

from tqdm import tqdm

from dev.cluster.postgres import ServerError
from dev.cluster.whole import STEPS, Cluster, ClusterError
from dev.demo import Interrupted, interrupt


def main() -> int:
    """Run until interrupted. Returns the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    bar = tqdm(total=STEPS, bar_format="{bar:20} {n_fmt}/{total_fmt} {desc}", leave=False)

    def progress(step: int, text: str) -> None:
        bar.set_description_str(text, refresh=False)
        bar.update(step - bar.n)

    cluster = Cluster(int(os.environ.get("PORT") or 8000), say=print, progress=progress)
    try:
        cluster.start()
        bar.close()
        print(
            f"Ready: {cluster.url}. Logs are in {cluster.folder / 'log'}. Ctrl-C ends everything.", flush=True
        )
        while True:
            time.sleep(1)
    except Interrupted:
        print("\nStopping ...", flush=True)
        return 0
    except (ClusterError, ServerError) as error:
        print(f"\n{error}", file=sys.stderr, flush=True)
        return 1
    finally:
        bar.close()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        cluster.stop()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Interrupted:
        sys.exit(0)
