"""Check the Helm chart with the real helm and the real schemas: `make test-helm`."""
