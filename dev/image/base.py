"""Make the Dockerfile's base image from Debian's packages, where Docker's registry can't be reached.

The same Debian and the same Python as in `python:3.11-slim-bookworm`, but Debian's own build of it, in /usr/bin.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BASE = "python:" + re.findall(r"^ARG PYTHON=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[0]
RELEASE = "bookworm"
PACKAGES = "ca-certificates,netbase,python3,python3-pip,python3-venv,tzdata"
CERTIFICATES = Path("etc/ssl/certs/ca-certificates.crt")
PIP_SETTINGS = Path("etc/pip.conf")


class ImageTestError(Exception):
    """Says what the image, or this machine, doesn't do as it should."""


def make_base(folder: Path) -> Path:
    """Make a system in a folder, in which `python` and `pip` are what they are in the base image."""
    if not BASE.endswith(RELEASE):
        raise ImageTestError(f"The Dockerfile builds on {BASE}: make dev/image/base.py follow.")
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", RELEASE, str(folder), mirror()]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ImageTestError(f"debootstrap failed:\n{(done.stdout + done.stderr)[-2000:]}")
    (folder / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    # Debian keeps pip away from its own packages; the base image's pip installs wherever it is told to.
    for marker in folder.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    # The network may go through a proxy with a certificate of its own.
    shutil.copy(Path("/") / CERTIFICATES, folder / CERTIFICATES)
    if (Path("/") / PIP_SETTINGS).exists():
        shutil.copy(Path("/") / PIP_SETTINGS, folder / PIP_SETTINGS)
    for archive in (folder / "var/cache/apt/archives").glob("*.deb"):
        archive.unlink()
    return folder


def mirror() -> str:
    """Return the Debian mirror that apt uses on this machine."""
    origin = ["Created-By: Packages", "Origin: Debian", "Label: Debian"]
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", *origin]
    found = subprocess.run(command, capture_output=True, text=True).stdout.split()
    if not found:
        raise ImageTestError("apt uses no Debian mirror here: debootstrap needs one.")
    return found[0]
