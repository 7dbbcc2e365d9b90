"""Configure OpenTelemetry's traces: on if the environment says where to send them.

The SDK reads its variables itself. Those that it would ignore with a warning, or that ask for what isn't here, are
refused.
"""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

from config.environment import Environment

env = Environment()

SAMPLERS = (
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
)


def _endpoint() -> str:
    for name in ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        if url := env(name, default=""):
            if not url.startswith(("http://", "https://")):
                raise ImproperlyConfigured(f"{name} is not an address such as http://collector:4318.")
            return str(url)
    return ""


def _one_of(name: str, choices: tuple[str, ...]) -> str:
    given: str = env(name, default="") or choices[0]
    if given.lower() not in choices:
        raise ImproperlyConfigured(f"{name} must be one of: {', '.join(choices)}.")
    return given.lower()


def is_tracing() -> bool:
    """Return whether requests and jobs are traced, after a look at the variables."""
    is_disabled = _one_of("OTEL_SDK_DISABLED", ("false", "true")) == "true"
    exporter = _one_of("OTEL_TRACES_EXPORTER", ("otlp", "none"))
    if not _endpoint() or is_disabled or exporter == "none":
        return False
    for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        _one_of(name, ("http/protobuf",))
    if _one_of("OTEL_TRACES_SAMPLER", ("", *SAMPLERS)).endswith("traceidratio"):
        _check_share("OTEL_TRACES_SAMPLER_ARG")
    return True


def _check_share(name: str) -> None:
    given = env(name, default="") or "1"
    try:
        share = float(given)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise ImproperlyConfigured(f"{name} must be a share from 0 to 1, such as 0.1.")


TRACING = is_tracing()
