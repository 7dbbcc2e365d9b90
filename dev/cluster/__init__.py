"""Run everything on several servers, on one machine: `make cluster`."""
