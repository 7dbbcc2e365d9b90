"""Install Keycloak, or say why its tests can't run: `make test-keycloak` begins with it."""

import sys

from dev import programs
from dev.keycloak.installing import KeycloakError, install

if __name__ == "__main__":
    if programs.find("chromium") is None:
        sys.exit(programs.why_not_run("chromium"))
    try:
        print(f"Keycloak is ready in {install()}.")
    except KeycloakError as error:
        sys.exit(str(error))
