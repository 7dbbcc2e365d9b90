"""Install Keycloak below `.local/keycloak/`: Maven downloads it once, and its own `build` makes it start quickly."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import fasteners

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / ".local" / "keycloak"
# The newest version there is; it runs on Java 17. Change both lines together.
VERSION = "26.7.3"
SHA256 = "77657f30b7e90d70f727712ce1c967f430fd6a5e9f458d32d8c6df0635345f47"
JAVA_NEEDED = 17
MAVEN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
# Its script would take our own DEBUG for a wish to open a debugger's port.
ENVIRONMENT = {"KC_DEBUG": "false"}
PAUSE_S = 0.2


class KeycloakError(Exception):
    """Says why Keycloak can't be installed or run, and what to do."""


def install() -> Path:
    """Return the folder of a Keycloak that is ready to start, installed if it isn't there yet.

    Raises KeycloakError, also if Java or Maven is missing or too old.
    """
    check_java()
    home = FOLDER / f"keycloak-{VERSION}"
    stamp = home / ".built"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with fasteners.InterProcessLock(FOLDER / "install.lock"):
        if not stamp.exists():
            shutil.rmtree(home, ignore_errors=True)
            _unpack(_download())
            _build(home)
            stamp.touch()
    return home


def check_java(environment: Mapping[str, str] = os.environ) -> None:
    """Check the Java that Keycloak's own script would take. Raises KeycloakError."""
    home = environment.get("JAVA_HOME")
    program = f"{home}/bin/java" if home else shutil.which("java", path=environment.get("PATH"))
    how = f"Keycloak needs Java {JAVA_NEEDED} or newer. On Debian: apt install default-jre-headless"
    if program is None or not os.access(program, os.X_OK):
        raise KeycloakError(
            f"{program or 'java'} is missing. {how}" + (", and unset or correct JAVA_HOME" if home else "")
        )
    said = subprocess.run([program, "-version"], capture_output=True, text=True)
    found = re.search(r'version "(?:1\.)?(\d+)', said.stderr + said.stdout)
    if found is None or int(found[1]) < JAVA_NEEDED:
        version = f"Java {found[1]}" if found else "no Java"
        raise KeycloakError(f"{program} is {version}. {how}, or set JAVA_HOME")


def _download() -> Path:
    """Return the archive with its checksum verified, from Maven's repository or its cache."""
    archive = FOLDER / f"keycloak-quarkus-dist-{VERSION}.tar.gz"
    if shutil.which("mvn") is None:
        raise KeycloakError("mvn is missing: Maven downloads Keycloak. On Debian: apt install maven")
    artifact = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:tar.gz"
    command = ["mvn", "--batch-mode", "--no-transfer-progress", MAVEN_COPY]
    command += [f"-Dartifact={artifact}", f"-DoutputDirectory={FOLDER}", "-Dmdep.overWriteReleases=true"]
    _run(f"Downloading Keycloak {VERSION} with Maven (176 MB, unless Maven has it)", command, cwd=FOLDER)
    if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
        archive.unlink()
        raise KeycloakError(
            f"{archive.name} is not the file that dev/keycloak/installing.py names in SHA256."
        )
    return archive


def _unpack(archive: Path) -> None:
    _run("Unpacking Keycloak", ["tar", "--extract", "--gzip", "--file", str(archive)], cwd=FOLDER)
    archive.unlink()  # Maven keeps it


def _build(home: Path) -> None:
    _run(
        "Building Keycloak for quick starts", [str(home / "bin" / "kc.sh"), "build", "--db=dev-mem"], cwd=home
    )


def _run(what: str, command: Sequence[str], cwd: Path) -> None:
    """Run a command under a progress line. Raises KeycloakError with the end of its output if it fails."""
    log = FOLDER / "install.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **ENVIRONMENT},
        )
        try:
            wait_with_progress(what, lambda: process.poll() is not None)
        finally:
            process.terminate()
            process.wait()
    if process.returncode:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise KeycloakError(f"{what}: failed.\n{last}\nWhen that is mended, run the same command again.")


def wait_with_progress(what: str, is_over: Callable[[], bool]) -> None:
    """Say what is going on and for how long, until it is over; on a terminal the seconds count."""
    begun = time.monotonic()
    counts = sys.stdout.isatty()
    if not counts:
        print(f"{what} ...", flush=True)
    while not is_over():
        if counts:
            print(f"\r{what} ... {time.monotonic() - begun:.0f} s", end="", flush=True)
        time.sleep(PAUSE_S)
    if counts:
        print(f"\r{what}: {time.monotonic() - begun:.0f} s ", flush=True)
