"""Drive load through the cluster while parts of it fail, and prove that nothing was lost: `make test-cluster`."""
