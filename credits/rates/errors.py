"""Errors of the rate card. ``field`` in the params names the part of a request that is wrong."""

from __future__ import annotations

from core.errors import DomainError


class RatesError(DomainError):
    """The base of all errors of the rate card."""


class UnknownModel(RatesError):
    """No such model or action has a price at that moment. ``near`` names those with similar names."""

    code = "unknown_model"
    status = 404


class AmbiguousModel(RatesError):
    """Several providers have a model of this name: request it as provider/model."""

    code = "ambiguous_model"


class UnknownUnit(RatesError):
    """The model has no price for this unit. ``units`` names those that it has."""

    code = "unknown_unit"


class InvalidUsage(RatesError):
    """Quantities that can't have been used: none at all, negative, a float, too large, half an image."""

    code = "invalid_usage"


class InvalidRate(RatesError):
    """Values that no rate or markup can have, or a date that has passed."""

    code = "invalid_rate"


class RateInForce(RatesError):
    """A rate or markup that is or was in force never changes: add a new one, effective from a date."""

    code = "rate_in_force"
    status = 409


class RateCardError(RatesError):
    """A rate card file with mistakes; the message has one line for each."""

    code = "rate_card_invalid"
