"""Control the sandbox under ``/_sandbox/``. JSON in, JSON out."""
