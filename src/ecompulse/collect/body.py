"""From the bytes of a request's body to JSON text: content type, content encoding, and the limits on both."""

from __future__ import annotations

import zlib
from typing import Final
from urllib.parse import parse_qs

import brotli  # type: ignore[import-untyped]  # ships no types
import zstandard

from ecompulse.collect.answer import Refused, Request, problem
from ecompulse.collect.elements import EVENTS_LIMIT, too_many, too_many_lines

BODY_LIMIT: Final = 10_000_000
"""Bytes of a body, as sent and once decompressed: some 18,000 usual events; a longer request only delays its neighbours' commit."""
RATIO_LIMIT: Final = 200
"""Decompressed to compressed, once above `RATIO_FROM`: batches of like events reach 50, bombs 1,000 and more."""
RATIO_FROM: Final = 1024 * 1024
ZSTD_WINDOW_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of history that a zstd frame may ask us to keep (RFC 8878, 3.1.1.1.2 recommends to support 8 MB)."""
ZSTD_STEP: Final = 512
"""Bytes given to zstd at a time: four bytes can become a block of 128 KiB, so one step makes at most 16 MiB."""
CHUNK: Final = 256 * 1024

JSON_TYPES: Final = frozenset({"application/json", "text/plain", "text/json", "application/csp-report", ""})
LINE_TYPES: Final = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
FORM_TYPE: Final = "application/x-www-form-urlencoded"
FORM_FIELDS: Final = ("data", "json", "payload", "event")
"""Names under which forms carry a JSON text."""
CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


def media_type(request: Request) -> str:
    """The content type without parameters, lower-case; 415 for a charset that is not UTF-8."""
    value = request.headers.get(b"content-type", b"")
    if value == b"application/json":
        return "application/json"
    name, _, parameters = value.decode("latin-1").lower().partition(";")
    for parameter in parameters.split(";"):
        key, _, setting = parameter.strip().partition("=")
        if key == "charset" and setting.strip('" ') not in CHARSETS:
            raise Refused(problem(415, f"The body's charset is {setting}; send it as UTF-8."))
    return name.strip()


def plain_body(request: Request, limit: int = BODY_LIMIT) -> bytes:
    """The body without its content encoding. 413 above a limit, 400 for broken data, 415 for an encoding that we do not know."""
    encoding = request.headers.get(b"content-encoding")
    if encoding is None:
        return request.body
    name = encoding.strip().lower()
    if name in (b"", b"identity"):
        return request.body
    decode = _DECODERS.get(name)
    if decode is None:
        shown = name.decode("latin-1")[:40]
        detail = f"Content-Encoding {shown!r} is not known here; use gzip, br, zstd or none."
        raise Refused(problem(415, detail, (("Accept-Encoding", "gzip, br, zstd"),)))
    body = decode(request.body, limit)
    request.decompressed = len(body)
    return body


def json_body(request: Request, limit: int = BODY_LIMIT, accepted: frozenset[str] = JSON_TYPES) -> tuple[bytes, str]:
    """The body's JSON text and its media type. JSON is taken as text/plain and inside forms, too, as beacons can send nothing else."""
    kind = media_type(request)
    if kind in accepted:
        body = plain_body(request, limit)
    elif kind == FORM_TYPE:
        kind, body = "application/json", _out_of_form(plain_body(request, limit))
    else:
        raise Refused(problem(415, f"Content-Type {kind[:80]!r} is not taken here; send application/json."))
    if too_many_lines(body) if kind in LINE_TYPES else too_many(body):
        raise Refused(problem(413, f"At most {EVENTS_LIMIT:,} events are taken in one request. Send smaller batches."))
    return body, kind


def _out_of_form(body: bytes) -> bytes:
    if body.lstrip()[:1] in (b"{", b"["):  # what `curl -d` and many beacons send under this type
        return body
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=100)
    except ValueError as wrong:
        raise Refused(problem(400, f"The form cannot be read: {wrong}.")) from None
    for name in FORM_FIELDS:
        if name in fields:
            return fields[name][0].encode("utf-8", "surrogatepass")
    raise Refused(problem(400, f"The form holds no JSON; put it into a field named {FORM_FIELDS[0]!r}, or send it as application/json."))


class _Bounded:
    """Collects decompressed pieces and stops at the limits."""

    __slots__ = ("limit", "pieces", "size")

    def __init__(self, compressed: int, limit: int) -> None:
        self.limit = min(limit, max(RATIO_FROM, compressed * RATIO_LIMIT))
        self.pieces: list[bytes] = []
        self.size = 0

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > self.limit:
            raise Refused(problem(413, f"The body decompresses to more than {self.limit} bytes; send smaller batches."))
        self.pieces.append(piece)

    def joined(self) -> bytes:
        return self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)


def _broken(name: str, why: object) -> Refused:
    return Refused(problem(400, f"The body is not valid {name}: {why}."))


def _gunzip(body: bytes, limit: int) -> bytes:
    out, rest = _Bounded(len(body), limit), body
    try:
        while rest:  # a gzip body may have several members (RFC 1952, 2.2)
            member = zlib.decompressobj(wbits=31)
            piece = member.decompress(rest, CHUNK)
            out.add(piece)
            while member.unconsumed_tail:
                out.add(member.decompress(member.unconsumed_tail, CHUNK))
            if not member.eof:
                raise _broken("gzip", "it ends too early")
            rest = member.unused_data
    except zlib.error as wrong:
        raise _broken("gzip", wrong) from None
    return out.joined()


def _unbrotli(body: bytes, limit: int) -> bytes:
    out, decoder = _Bounded(len(body), limit), brotli.Decompressor()
    try:
        out.add(decoder.process(body, output_buffer_limit=CHUNK))
        while not decoder.can_accept_more_data():
            out.add(decoder.process(b"", output_buffer_limit=CHUNK))
    except brotli.error as wrong:
        raise _broken("brotli", wrong) from None
    if not decoder.is_finished():
        raise _broken("brotli", "it ends too early")
    return out.joined()


def _unzstd(body: bytes, limit: int) -> bytes:
    out, frame = _Bounded(len(body), limit), None
    decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_LIMIT)
    try:
        for start in range(0, len(body), ZSTD_STEP):
            rest = body[start : start + ZSTD_STEP]
            while rest:  # a body may have several frames (RFC 8878, 3.1)
                frame = decompressor.decompressobj() if frame is None or frame.eof else frame
                out.add(frame.decompress(rest))
                rest = frame.unused_data if frame.eof else b""
    except zstandard.ZstdError as wrong:
        raise _broken("zstd", wrong) from None
    if frame is not None and not frame.eof:
        raise _broken("zstd", "it ends too early")
    return out.joined()


_DECODERS: Final = {b"gzip": _gunzip, b"x-gzip": _gunzip, b"br": _unbrotli, b"zstd": _unzstd}
