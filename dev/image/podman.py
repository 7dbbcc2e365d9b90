"""Build the image and run it with podman: its images and containers are in a folder of their own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.image.base import ROOT, ImageTestError
from dev.image.compose import Service

IMAGE = "prepaid-credits"
# Podman's own numbers are beyond what a container in a container may ask for.
LIMITS = ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=1024:1024"]
# The host's network: the database and the sandbox are on its loopback. The health check is run by hand, because
# podman leaves it to systemd, which isn't everywhere.
AROUND = ["--network=host", "--cgroups=disabled", "--read-only-tmpfs=false", "--no-healthcheck", *LIMITS]


@dataclass(frozen=True)
class Output:
    status: int
    text: str


class Podman:
    def __init__(self, folder: Path) -> None:
        # The overlay shares the layers between containers; vfs would copy all of the image for each.
        places = {"root": "images", "runroot": "run", "tmpdir": "tmp"}
        options = [f"--{name}={folder / place}" for name, place in places.items()]
        self._podman = ["podman", *options, "--storage-driver=overlay", "--events-backend=none"]

    def __call__(self, *arguments: str, timeout_s: float = 900) -> str:
        """Run a podman command. Raises `ImageTestError` with its output if it fails."""
        output = self.attempt(*arguments, timeout_s=timeout_s)
        if output.status:
            raise ImageTestError(f"podman {arguments[0]} failed:\n{output.text[-4000:]}")
        return output.text

    def attempt(self, *arguments: str, timeout_s: float = 900) -> Output:
        """Run a podman command and return its status and all that it said."""
        done = subprocess.run(
            [*self._podman, *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
        )
        return Output(done.returncode, done.stdout)

    # --- Images -----------------------------------------------------------------------------------------------

    def load(self, folder: Path, name: str) -> None:
        """Make a folder an image."""
        archive = folder.with_suffix(".tar")
        subprocess.run(["tar", "-C", str(folder), "-cf", str(archive), "."], check=True)
        self("import", "--quiet", str(archive), f"docker.io/library/{name}")
        archive.unlink()

    def build(self) -> None:
        # In a chroot: building needs no isolation. Docker's format is the one that knows HEALTHCHECK.
        how = ["--isolation=chroot", "--pull-never", "--format=docker"]
        self("build", *how, "--tag", IMAGE, "--file", "Dockerfile", ".")

    def inspect_image(self) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(self("image", "inspect", IMAGE))
        return found[0]

    def size(self) -> str:
        """Say how large the image is, and each of its layers that isn't the base's."""
        layers = json.loads(self("history", "--format=json", IMAGE))
        whole_mb = self.inspect_image()["Size"] / 1e6
        ours = [f"{layer['size'] / 1e6:.0f} MB" for layer in layers if layer["size"] > 1e6][:-1]
        return f"{whole_mb:.0f} MB in all; on top of the base: {', '.join(ours)}"

    # --- Containers -------------------------------------------------------------------------------------------

    def start(self, name: str, service: Service, environment: Mapping[str, str], init: bool = True) -> None:
        """Start a service of compose.yaml; without ``init`` its program is process 1, as in Kubernetes."""
        self(
            "run", "--detach", "--name", name, *_options(service, environment, init), IMAGE, *service.command
        )

    def run(self, service: Service, environment: Mapping[str, str], command: Sequence[str]) -> Output:
        """Run a command as a service's container, and wait for its end."""
        return self.attempt("run", "--rm", *_options(service, environment), IMAGE, *command)

    def exec(self, name: str, *command: str) -> Output:
        return self.attempt("exec", name, *command)

    def logs(self, name: str) -> str:
        return self.attempt("logs", name).text

    def stop(self, name: str, grace_s: int) -> int:
        """Send SIGTERM, and SIGKILL after the grace period. Returns the exit status: 137 if it was killed."""
        self("stop", "--time", str(grace_s), name)
        return int(self("inspect", "--format", "{{.State.ExitCode}}", name))

    def remove(self, name: str) -> None:
        self("rm", "--force", "--time=0", name)


def _options(service: Service, environment: Mapping[str, str], init: bool = True) -> list[str]:
    told = [f"--env={name}={value}" for name, value in environment.items()]
    return [*AROUND, *service.restrictions, *(["--init"] if init and service.init else []), *told]
