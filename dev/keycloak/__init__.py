"""Run a real Keycloak on this machine, with the realm that go-live.md tells to import.

For `make test-keycloak` and `make demo OIDC=keycloak`. Nothing else needs Java.
"""
