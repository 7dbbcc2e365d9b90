"""The log's lines, as production writes them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog


class Lines(logging.Handler):
    """Keeps each line as production writes it."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(
            structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer(sort_keys=True))
        )
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))

    def of(self, event: str) -> list[dict[str, Any]]:
        """The lines of an event, without what each line has."""
        every = {"timestamp", "logger", "request_id", "user_id", "ip", "event"}
        read = [json.loads(text) for text in self.texts]
        return [
            {name: value for name, value in line.items() if name not in every}
            for line in read
            if line.get("event") == event
        ]


@pytest.fixture
def log() -> Iterator[Lines]:
    lines, root = Lines(), logging.getLogger()
    root.addHandler(lines)
    yield lines
    root.removeHandler(lines)
