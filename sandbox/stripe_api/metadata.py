"""Metadata: up to 50 keys of 40 characters with values of 500, merged key by key."""

from typing import Any

from sandbox.stripe_api.errors import InvalidParameterError


def merge_metadata(former: dict[str, str], given: Any, param: str = "metadata") -> dict[str, str]:
    """The metadata after an update. "" for a key removes it; "" for the whole removes everything; None leaves it.

    Raises InvalidParameterError when it grows over Stripe's limits.
    """
    if given is None:
        return dict(former)
    if given == "":
        return {}
    merged = {key: value for key, value in {**former, **given}.items() if value != ""}
    _check_size(merged, param)
    return merged


def _check_size(metadata: dict[str, str], param: str) -> None:
    if len(metadata) > 50:
        raise InvalidParameterError(
            f"You can only have up to 50 metadata keys, but you have {len(metadata)}.", param=param
        )
    for key, value in metadata.items():
        if len(key) > 40:
            message = f"Metadata keys can have up to 40 characters, but you passed one of {len(key)}: {key}"
            raise InvalidParameterError(message, param=param)
        if len(value) > 500:
            raise InvalidParameterError(
                "Metadata values can have up to 500 characters, but you passed in a value that is"
                f" {len(value)} characters. Invalid value: {value}",
                param=f"{param}[{key}]",
            )
