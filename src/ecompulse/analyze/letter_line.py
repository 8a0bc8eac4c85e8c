"""Dead letters as lines of NDJSON to be edited, and read back: id, why it was not taken, and what came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

_TOLD: Final = ("id", "reason", "field", "dialect", "received_at")
"""What stands before the event, for people; of it, only the id is read back."""


class Edited(Struct, frozen=True):
    """A letter that was edited: `body` is sent in place of the bytes that came."""

    id: str
    body: bytes


class Line(Struct, frozen=True):
    """A line that is not empty: a letter, or the reason why it is none. Lines are numbered from 1."""

    number: int
    letter: Edited | None
    reason: str = ""


class Unusable(ValueError):
    """A line that holds no edited letter; the text says why."""


class _Line(Struct):
    id: str = ""
    event: msgspec.Raw = msgspec.Raw()
    body: str | None = None
    body_base64: bytes | None = None


_decoder: Final = msgspec.json.Decoder(_Line)
_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def written(letter: Mapping[str, Any]) -> bytes:
    """The line of a letter in the form of `ecompulse.analyze.listing.letters`, without its line end.

    A body that is a JSON object is the member `event`, digit by digit as it came; any other is the text `body`, or `body_base64`.
    """
    told = msgspec.json.encode({name: letter[name] for name in _TOLD})
    return told[:-1] + b"," + _content(letter) + b"}"


def _content(letter: Mapping[str, Any]) -> bytes:
    if letter.get("body_base64") is not None:
        return b'"body_base64":' + msgspec.json.encode(letter["body_base64"])
    body = letter["body"].encode()
    try:
        _object.decode(body)
        event: bytes = msgspec.json.format(body, indent=-1)
    except (msgspec.DecodeError, RecursionError):
        return b'"body":' + msgspec.json.encode(letter["body"])
    return b'"event":' + event


def read(line: bytes) -> Edited:
    """The letter of a line: of its `event`, else its `body`, else its `body_base64`; members that tell why it was rejected are passed over.

    Raises:
        Unusable: it is no such line.
    """
    try:
        found = _decoder.decode(line)
    except (msgspec.ValidationError, UnicodeDecodeError) as error:
        raise Unusable(f"is no letter: {error}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unusable(f"is no JSON: {error}") from None
    if not found.id:
        raise Unusable("names no letter: 'id' is missing")
    event = bytes(found.event)
    if event and not event.startswith(b"{"):
        raise Unusable("has an 'event' that is no JSON object")
    if event or found.body is not None:
        return Edited(found.id, event or (found.body or "").encode())
    if found.body_base64 is None:
        raise Unusable("holds neither 'event' nor 'body'")
    return Edited(found.id, found.body_base64)


def parsed(stream: Iterable[bytes]) -> Iterator[Line]:
    """Lines as they come; a letter that a line before names already is not sent again with other content."""
    first: dict[str, int] = {}
    for number, raw in enumerate(stream, 1):
        text = raw.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else raw.strip()
        if not text:
            continue
        try:
            letter = read(text)
        except Unusable as error:
            yield Line(number, None, str(error))
            continue
        if letter.id in first:
            yield Line(number, None, f"names the letter {letter.id}, which line {first[letter.id]} names already")
            continue
        first[letter.id] = number
        yield Line(number, letter)
