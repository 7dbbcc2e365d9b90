"""Parse the command line and hold its options for the settings and the server."""

import argparse
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Describe how this process was started. With ``state`` None, nothing outlives it."""

    port: int = 8001
    host: str = "127.0.0.1"
    state: Path | None = None
    webhook_url: str | None = None
    webhook_secret: str | None = None
    webhook_events: tuple[str, ...] = ("*",)
    app_url: str = "http://localhost:8000"


class _Current:
    options = Options()


def use_options(options: Options) -> None:
    """Set the options of this process. Call before Django reads its settings."""
    _Current.options = options


def get_options() -> Options:
    return _Current.options


def parse_options() -> Options:
    """Parse the command line; exit with argparse's message if it is invalid."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="A local Stripe and OpenID provider."
    )
    add = parser.add_argument
    add("--port", type=int, default=Options.port, help="0 picks a free one (default: 8001)")
    add("--host", default=Options.host, help="address to listen on (default: 127.0.0.1)")
    add("--state", type=Path, metavar="DIR", help="keep everything here across restarts")
    add("--webhook-url", metavar="URL", help="where to send events")
    add("--webhook-secret", metavar="whsec_…", help="secret that signs those events")
    add(
        "--webhook-events",
        metavar="TYPE,…",
        type=lambda text: tuple(text.split(",")),
        default=Options.webhook_events,
        help="which events to send there (default: all)",
    )
    add("--app-url", default=Options.app_url, metavar="URL", help="address of the application, for links")
    given = parser.parse_args()
    if (given.webhook_url is None) != (given.webhook_secret is None):
        parser.error("--webhook-url and --webhook-secret must be given together")
    return Options(**vars(given))
