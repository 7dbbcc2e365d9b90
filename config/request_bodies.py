"""Limit how much of a request's body is read, whatever length the client announces.

Django reads as many bytes as ``Content-Length`` announces, so it would lose a chunked body, which announces none. The
server ends the stream with the body (``wsgi.input_terminated``) but also, unnoticeably, if the connection breaks. A
truncated JSON document doesn't parse, but a truncated form does: chunked forms, which browsers don't send, are refused.

Nothing is read before the body is used: refusing a request for another reason costs only its head.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from django.conf import settings

from core.errors import DomainError, LengthRequired, RequestTooLarge, UnreadableBody
from core.problems import PROBLEM_JSON, problem_of

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
WITHOUT_BODY = ("GET", "HEAD", "OPTIONS", "TRACE")
PIECE = 64 * 1024


class Body(io.RawIOBase):
    """``wsgi.input``, with a limit. ``announced`` is None if the body ends with the stream.

    Raises:
        RequestTooLarge: the body is longer than ``limit``.
        UnreadableBody: it ended early.
    """

    def __init__(self, stream: Any, limit: int, announced: int | None) -> None:
        super().__init__()
        self._stream, self._limit, self._announced = stream, limit, announced
        self._taken = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        if self._announced is not None and self._announced > self._limit:
            raise self._too_large()
        end = self._limit if self._announced is None else self._announced
        wanted = end - self._taken
        if size is not None and size >= 0:
            wanted = min(wanted, size)
        data = self._take(wanted)
        if self._announced is None:
            if self._taken == self._limit and self._stream.read(1):
                raise self._too_large()
        elif len(data) < wanted:
            raise UnreadableBody("The body ended before its Content-Length.")
        return data

    def _take(self, wanted: int) -> bytes:
        pieces: list[bytes] = []
        while wanted > 0 and (piece := self._stream.read(min(wanted, PIECE))):
            pieces.append(piece)
            wanted -= len(piece)
            self._taken += len(piece)
        return b"".join(pieces)

    def _too_large(self) -> RequestTooLarge:
        return RequestTooLarge(f"The body exceeds {self._limit} bytes.", limit=self._limit)


class BoundedBodies:
    """The WSGI application, with bounded bodies."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            _bound(environ)
        except DomainError as error:
            body = json.dumps(problem_of(error)).encode()
            status = f"{error.status} {HTTPStatus(error.status).phrase}"
            start_response(status, [("Content-Type", PROBLEM_JSON), ("Content-Length", str(len(body)))])
            return [body]
        return self.application(environ, start_response)


def _bound(environ: Environ) -> None:
    announced = environ.get("CONTENT_LENGTH")
    limit = settings.BODY_LIMITS.get(environ["PATH_INFO"].rstrip("/"), settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    if _has_unknown_length(environ):
        _require_terminated(environ)
        environ["wsgi.input"] = Body(environ["wsgi.input"], limit, None)
        # Django and DRF read nothing without it. An upper bound: the stream ends by itself.
        environ["CONTENT_LENGTH"] = str(limit)
    elif announced:
        if not (announced.isascii() and announced.isdigit()):
            raise UnreadableBody("Content-Length is not a number of bytes.")
        environ["wsgi.input"] = Body(environ["wsgi.input"], limit, int(announced))


def _has_unknown_length(environ: Environ) -> bool:
    """Return whether the body is chunked, or sent over HTTP/2, which needs no chunks."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        return True
    is_framed = environ.get("SERVER_PROTOCOL", "").startswith("HTTP/2")
    return is_framed and not environ.get("CONTENT_LENGTH") and environ["REQUEST_METHOD"] not in WITHOUT_BODY


def _require_terminated(environ: Environ) -> None:
    if environ.get("HTTP_TRANSFER_ENCODING", "chunked").strip().lower() != "chunked":
        raise UnreadableBody("Only the chunked transfer coding is supported.")
    is_form = environ.get("CONTENT_TYPE", "").lower().startswith(FORMS)
    if is_form or not environ.get("wsgi.input_terminated"):
        raise LengthRequired("Send a Content-Length with the body.")
