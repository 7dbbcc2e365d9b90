"""``python -m sandbox``: make the tables, take up what was under way, serve."""

import os
import sys

from sandbox.options import parse_options, use_options


def main() -> int:
    """Run in the foreground until told to stop. Returns the exit status."""
    options = parse_options()
    use_options(options)
    os.environ["DJANGO_SETTINGS_MODULE"] = "sandbox.settings"  # whatever the caller's environment says

    import django
    from django.core.management import call_command

    django.setup()
    from sandbox.server import PortInUseError, open_server, serve_until_told

    try:
        server = open_server(options)
    except PortInUseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)
    _take_up_state()
    serve_until_told(server, options.host)
    return 0


def _take_up_state() -> None:
    from sandbox import account, clock
    from sandbox.openid import people
    from sandbox.stripe_api.routing import load_resources
    from sandbox.webhooks import endpoints, outbox
    from sandbox.webhooks.courier import courier

    clock.load_offset()
    account.load_account()
    people.start()
    outbox.load_mode()
    endpoints.ensure_command_line_endpoint()
    load_resources()
    courier.start()
    outbox.resume()


if __name__ == "__main__":
    sys.exit(main())
