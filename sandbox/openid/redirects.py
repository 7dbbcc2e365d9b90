"""Where the provider may send a browser back to: the application, or this very machine."""

from urllib.parse import urlsplit

from sandbox.options import get_options

LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}
CALLBACK_PATH = "/oidc/callback/"


def is_callback(uri: str) -> bool:
    """A redirect URI of the web client. Any local port will do (RFC 8252, 7.3): tests have random ones."""
    return is_application(uri) and urlsplit(uri).path == CALLBACK_PATH


def is_application(uri: str) -> bool:
    """Whether the address belongs to the application. A user name in it or a fragment is never meant well."""
    parts = urlsplit(uri)
    if parts.scheme not in {"http", "https"} or "@" in parts.netloc or parts.fragment:
        return False
    return (
        parts.hostname in LOCAL_HOSTS or (parts.scheme, parts.netloc) == urlsplit(get_options().app_url)[:2]
    )
