"""Build the image by its Dockerfile and try it out (`make test-image`), as root and without Docker's engine.

It all happens in namespaces of its own: the mounts and processes end with them, and the folder is deleted.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.image.base import BASE, ImageTestError, make_base
from dev.image.podman import IMAGE, Podman
from dev.image.rehearsal import Rehearsal

# What each is called here, then by Debian.
PROGRAMS = {
    "catatonit": "catatonit",
    "crun": "crun",
    "debootstrap": "debootstrap",
    "podman": "podman",
    "unshare": "util-linux",
}
ELSEWHERE = {"catatonit": ("/usr/libexec/podman/catatonit", "/usr/bin/catatonit")}
INSIDE = "inside"
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - a mount point
CONTROLLERS_OF_V2 = Path("/sys/fs/cgroup/unified")


def main(arguments: list[str]) -> int:
    try:
        if arguments[:1] == [INSIDE]:
            try_out(Path(arguments[1]))
            return 0
        require_root_and_programs()
    except ImageTestError as error:
        print(f"\nFAILED: {error}", file=sys.stderr, flush=True)
        return 1
    return in_namespaces_of_its_own()


def require_root_and_programs() -> None:
    if os.geteuid() != 0:
        raise ImageTestError("Run it as root: it makes a Debian of its own, and mounts file systems there.")
    missing = [package for name, package in PROGRAMS.items() if not is_there(name)]
    if missing:
        raise ImageTestError(f"Programs are missing. On Debian: apt install {' '.join(missing)}")


def is_there(program: str) -> bool:
    return any(shutil.which(path) for path in (program, *ELSEWHERE.get(program, ())))


def in_namespaces_of_its_own() -> int:
    """Run `try_out` where it can leave nothing behind. Ctrl-C ends it too."""
    with tempfile.TemporaryDirectory(prefix="image-", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # PostgreSQL, another user, gets to its own folder in it
        unshare = ["unshare", "--mount", "--pid", "--mount-proc", "--kill-child"]
        command = [*unshare, sys.executable, "-m", "dev.image", INSIDE, folder]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as namespace:
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, lambda *_: namespace.kill())
            try:
                return namespace.wait()
            except KeyboardInterrupt:
                namespace.kill()
                return 130


def try_out(folder: Path) -> None:
    """Make the base, build the image on it, and rehearse its life."""
    hide_mixed_control_groups()
    podman = Podman(folder)
    steps = Steps()
    with steps.step(f"Making a Debian 12 with Python 3.11, in place of {BASE}"):
        podman.load(make_base(folder / "base"), BASE)
    with steps.step("Building the image by the Dockerfile"):
        podman.build()
    with steps.step("Looking at what is in it"):
        steps.say(podman.size())
    with Rehearsal(podman, folder) as rehearsal:
        for sentence, act in rehearsal.acts():
            with steps.step(sentence):
                for line in act() or ():
                    steps.say(line)
    print(
        f"\n{IMAGE} was built and does what compose.yaml and the docs say: {steps.total_s:.0f} s.", flush=True
    )


def hide_mixed_control_groups() -> None:
    """Keep crun from refusing a machine that has both versions of control groups; nothing here is limited by one."""
    if CONTROLLERS_OF_V2.exists():
        subprocess.run(["umount", "--lazy", str(CONTROLLERS_OF_V2)], check=False, stderr=subprocess.DEVNULL)
    # podman numbers its locks there, for all of the machine's containers.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", SHARED_MEMORY], check=True)


class Steps:
    """Say each step, and how long it took."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    @property
    def total_s(self) -> float:
        return time.monotonic() - self.began

    @contextmanager
    def step(self, sentence: str) -> Iterator[None]:
        print(f"== {sentence} ...", flush=True)
        began = time.monotonic()
        yield
        self.say(f"{time.monotonic() - began:.1f} s")

    @staticmethod
    def say(line: str) -> None:
        print(f"   {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
