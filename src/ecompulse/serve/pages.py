"""The pages and what they load, read once at the start; addresses carry a hash, so that browsers keep what stays the same."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from ecompulse.serve.api import Api
from ecompulse.serve.endpoint import Handler
from ecompulse.serve.problem import Problem

ROUTES: Final = {
    "/": "overview",
    "/events": "events",
    "/ledger": "ledger",
    "/dead-letters": "dead-letters",
    "/query": "query",
    "/health": "health",
    "/docs": "docs",
}
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
FOREVER: Final = "public, max-age=31536000, immutable"
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html", ".json": "application/json"}
_REFERENCE: Final = re.compile(r"""(["'(])(/assets/[\w./-]+)(["')])""")
_INCLUDE: Final = re.compile(r"<!-- include (\w+) -->\n")
_IMPORT: Final = re.compile(r"""((?:\bfrom|\bimport)\s*\(?\s*)(["'])(\.\.?/[\w./-]+)\2""")


class Asset(Struct, frozen=True):
    """A file as it is sent."""

    content: bytes
    media: str
    etag: str


class Site(Struct, frozen=True):
    """Every page by its path, every asset by its name below /assets/, and the hash of all of them together."""

    pages: dict[str, Asset]
    assets: dict[str, Asset]
    version: str


def read_site() -> Site:
    """Read the pages of the package.

    One hash over all assets is enough, and it keeps a module that others import from being loaded twice under two addresses.
    """
    folder = files("ecompulse.serve") / "pages"
    raw = dict(_files(folder / "assets", ""))
    digest = hashlib.sha256()
    for name in sorted(raw):
        digest.update(name.encode() + b"\0" + hashlib.sha256(raw[name]).digest())
    version = digest.hexdigest()[:12]
    assets = {name: _asset(name, _versioned(name, content, version)) for name, content in raw.items()}
    pages = {}
    for path, page in ROUTES.items():
        file = folder / f"{page}.html"
        if file.is_file():
            pages[path] = _asset(file.name, _versioned(file.name, _composed(folder, file.read_text("utf-8"), path), version))
    return Site(pages, assets, version)


def _files(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
        elif not entry.name.startswith("."):
            yield prefix + entry.name, entry.read_bytes()


def _composed(folder: Traversable, text: str, path: str) -> bytes:
    """A page with the parts that all pages share, and the link to itself marked."""
    whole = _INCLUDE.sub(lambda part: (folder / "parts" / f"{part[1]}.html").read_text("utf-8"), text)
    return whole.replace(f'data-carry="{path}"', f'data-carry="{path}" aria-current="page"', 1).encode()


def _versioned(name: str, content: bytes, version: str) -> bytes:
    if name.endswith((".html", ".css")):
        return _REFERENCE.sub(rf"\g<1>\g<2>?v={version}\g<3>", content.decode()).encode()
    if name.endswith(".js"):
        return _IMPORT.sub(rf"\g<1>\g<2>\g<3>?v={version}\g<2>", content.decode()).encode()
    return content


def _asset(name: str, content: bytes) -> Asset:
    suffix = "." + name.rsplit(".", 1)[-1]
    media = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Asset(content, media, f'W/"{hashlib.sha256(content).hexdigest()[:20]}"')


def page_handler(site: Site, path: str) -> Handler:
    """Who answers with a page."""

    async def answer(_: Api, request: Request) -> Response:
        page = site.pages.get(path)
        if page is None:
            raise Problem(404, f"This installation has no page {path}.", title="No such page")
        return _send(request, page, "no-cache", {"content-security-policy": POLICY})

    return answer


def asset_handler(site: Site) -> Handler:
    """Who answers with what pages load."""

    async def answer(_: Api, request: Request) -> Response:
        asset = site.assets.get(request.path_params["name"])
        if asset is None:
            raise Problem(404, "There is no such file.", title="No such file")
        return _send(request, asset, FOREVER if request.query_params.get("v") == site.version else "no-cache", {})

    return answer


def _send(request: Request, asset: Asset, caching: str, more: dict[str, str]) -> Response:
    headers = {"etag": asset.etag, "cache-control": caching, **more}
    known = {tag.strip() for tag in request.headers.get("if-none-match", "").split(",")}
    if asset.etag in known:
        return Response(status_code=304, headers=headers)
    return Response(asset.content, headers=headers, media_type=asset.media)
