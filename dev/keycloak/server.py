"""Start a Keycloak on this machine's loopback, with its data in memory and one realm."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from dev.keycloak.installing import ENVIRONMENT, KeycloakError, install, wait_with_progress
from dev.keycloak.realm import Realm
from dev.processes import Process, Processes, answers

PATIENCE_S = 300
ADMIN = "admin"
# What a process needs of the installation; its data is its own.
SHARED = ("conf", "lib", "providers", "themes", "version.txt")


@dataclass(frozen=True)
class Keycloak:
    """A running Keycloak. ``url`` has no slash at its end; its console's user is ``admin``, the password too."""

    process: Process
    url: str
    realm: str

    @property
    def issuer(self) -> str:
        return f"{self.url}/realms/{self.realm}"

    def wait_until_ready(self) -> None:
        """Return once it answers. Raises KeycloakError if it ends by itself or takes longer than five minutes."""
        deadline = time.monotonic() + PATIENCE_S

        def is_over() -> bool:
            return (
                self.process.popen.poll() is not None or time.monotonic() > deadline or answers(self.issuer)
            )

        wait_with_progress("Starting Keycloak", is_over)
        if not answers(self.issuer):
            raise KeycloakError(
                f"Keycloak did not start. The end of {self.process.log}:\n{self.process.last_lines()}"
            )


def launch(processes: Processes, port: int, site_url: str, realm: Realm) -> Keycloak:
    """Start one that serves this realm to the site; ``processes`` ends it. Installs it if it isn't there yet.

    Raises KeycloakError if it can't be installed.
    """
    url = f"http://localhost:{port}"
    home = _make_home(processes.logs / "keycloak", install(), realm)
    command = [str(home / "bin" / "kc.sh"), "start", "--optimized", "--import-realm", "--cache=local"]
    command += ["--http-enabled=true", "--http-host=127.0.0.1", f"--http-port={port}", f"--hostname={url}"]
    environment = {
        **ENVIRONMENT,
        "SITE_URL": site_url,
        "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN,
        "KC_BOOTSTRAP_ADMIN_PASSWORD": ADMIN,
        # It lives for minutes: code that is compiled quickly is worth more than code that runs quickly.
        "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1",
    }
    process = processes.start("keycloak", command, environment)
    return Keycloak(process, url, realm["realm"])


def _make_home(home: Path, installed: Path, realm: Realm) -> Path:
    """Return the folder to start in: several may run at once, and each imports the realm of its own data folder."""
    shutil.rmtree(home, ignore_errors=True)
    imported = home / "data" / "import"
    imported.mkdir(parents=True)
    (imported / "realm.json").write_text(json.dumps(realm))
    (home / "bin").mkdir()
    # Its script looks for everything else beside its own folder, and follows links.
    shutil.copy(installed / "bin" / "kc.sh", home / "bin")
    for name in SHARED:
        (home / name).symlink_to(installed / name)
    return home
