"""How long texts may be. Stripe's specification has a `maxLength` for each; most are 5000."""

import re

from sandbox.stripe_api.errors import InvalidParameterError

_LONGEST = 5000
_LIMITS = {
    "client_reference_id": 200,
    "customer_email": 800,
    "description": 40_000,
    "email": 512,
    "lookup_key": 200,
    "message": 1200,  # of custom_text
    "phone": 20,
    "statement_descriptor": 22,
    "statement_descriptor_suffix": 22,
    "unit_label": 12,
}
_LAST_NAME = re.compile(r"(\w+)\]?(?:\[\d+\])?$")


def require_length(value: str, path: str) -> None:
    """Raises InvalidParameterError for a text that is longer than its parameter takes."""
    match = _LAST_NAME.search(path)
    if match is None or "metadata[" in path:  # metadata has limits of its own
        return
    name = match[1]
    longest = _LIMITS.get(name, _LONGEST)
    if len(value) <= longest:
        return
    if name.startswith("statement_descriptor"):
        limit = f"The statement descriptor must be at most {longest} characters."
        message = f"{limit} {value} is {len(value)} characters long."
    elif name.endswith("url"):
        message = f"Invalid URL: URL must be {longest} characters or less."
    else:
        message = f"Invalid string: {value[:10]}...{value[-10:]}; must be at most {longest} characters"
    raise InvalidParameterError(message, param=path)
