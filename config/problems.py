"""Errors of the API as ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

from drf_standardized_errors.handler import exception_handler as standardized

exception_handler = standardized
