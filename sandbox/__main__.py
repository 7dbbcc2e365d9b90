"""Run the sandbox: create its tables, resume unfinished work, serve."""

import os
import sys

from sandbox.options import parse_options, use_options


def main() -> int:
    """Run in the foreground until stopped. Return the exit status."""
    options = parse_options()
    use_options(options)
    os.environ["DJANGO_SETTINGS_MODULE"] = "sandbox.settings"  # overrides any setting of the caller's

    import django
    from django.core.management import call_command

    django.setup()
    from sandbox.server import PortInUseError, open_server, serve_until_stopped

    try:
        server = open_server(options)
    except PortInUseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)
    _load_state()
    serve_until_stopped(server, options.host)
    return 0


def _load_state() -> None:
    from sandbox import account, clock
    from sandbox.openid import signing, users
    from sandbox.stripe_api.routing import load_resources
    from sandbox.webhooks import endpoints, outbox
    from sandbox.webhooks.courier import courier

    clock.load_offset()
    account.load_account()
    signing.load_keys()
    users.create_missing()
    outbox.load_mode()
    endpoints.ensure_command_line_endpoint()
    load_resources()
    courier.start()
    outbox.resume()


if __name__ == "__main__":
    sys.exit(main())
