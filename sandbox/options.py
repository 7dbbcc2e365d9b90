"""What was said on the command line, kept where the settings and the server can read it."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """How this run of the sandbox was started. ``state`` is None when nothing is to outlive the process."""

    port: int = 8001
    host: str = "127.0.0.1"
    state: Path | None = None
    webhook_url: str | None = None
    webhook_secret: str | None = None
    webhook_events: tuple[str, ...] = ("*",)
    app_url: str = "http://localhost:8000"


class _Current:
    """Where this process keeps its options."""

    options = Options()


def use_options(options: Options) -> None:
    """Make `options` the ones of this process. Must happen before Django reads its settings."""
    _Current.options = options


def get_options() -> Options:
    return _Current.options


def parse_options(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line; exits with argparse's message when it makes no sense."""
    parser = _build_parser()
    given = parser.parse_args(arguments)
    if (given.webhook_url is None) != (given.webhook_secret is None):
        parser.error("--webhook-url and --webhook-secret belong together: give both or neither")
    return Options(**vars(given))


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="A local Stripe and OpenID provider."
    )
    parser.add_argument("--port", type=int, default=Options.port, help="0 picks a free one (default: 8001)")
    parser.add_argument("--host", default=Options.host, help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--state", type=Path, metavar="DIR", help="keep everything here across restarts")
    parser.add_argument("--webhook-url", metavar="URL", help="where to send events")
    parser.add_argument("--webhook-secret", metavar="whsec_…", help="what to sign those events with")
    parser.add_argument(
        "--webhook-events",
        metavar="TYPE,…",
        type=lambda text: tuple(text.split(",")),
        default=Options.webhook_events,
        help="which events to send there (default: all)",
    )
    parser.add_argument(
        "--app-url", default=Options.app_url, metavar="URL", help="the application, for links to it"
    )
    return parser
