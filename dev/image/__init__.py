"""Build the production image, and run it as compose.yaml does: `make test-image`."""
