"""Delete the demo's data (`make reset`). Refuses while a demo of this working copy runs."""

import argparse
import os
import shutil
import sys

LOCAL = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ".local")


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()  # who asks for help wants nothing deleted
    if os.environ.get("DATABASE_URL"):
        sys.exit("DATABASE_URL is set: empty that database yourself. Unset it to reset the embedded one.")
    if database_runs():
        sys.exit("The demo's database is running. End the demo (Ctrl-C) first, then run make reset again.")
    shutil.rmtree(LOCAL, ignore_errors=True)
    print("The demo's data is gone. make demo starts afresh.")


def database_runs() -> bool:
    """Return whether the server that wrote the lock file is alive; a crash leaves the file behind."""
    try:
        with open(os.path.join(LOCAL, "postgres", "postmaster.pid")) as lock:
            os.kill(int(lock.readline()), 0)
    except (OSError, ValueError):
        return False
    return True


if __name__ == "__main__":
    main()
