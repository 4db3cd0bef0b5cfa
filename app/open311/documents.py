"""One answer in two notations: JSON, and XML as GeoReport v2 nests it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from xml.etree import ElementTree

import msgspec
from starlette.responses import Response

Format = Literal["json", "xml"]
Row = Mapping[str, Any]
ITEM_NAMES = {
    "services": "service", "service_requests": "request", "attributes": "attribute", "errors": "error",
    "endpoints": "endpoint", "formats": "format",
}  # fmt: skip
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, production Char


def document(notation: Format, name: str, content: Row | Sequence[Row], status: int = 200) -> Response:
    """The answer called `name`: one object, or a list of them."""
    if notation == "json":
        return Response(msgspec.json.encode(content), status, media_type="application/json; charset=utf-8")
    root = _element(name, content)
    body: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return Response(body, status, media_type="text/xml; charset=utf-8")


def error(notation: Format, status: int, description: str) -> Response:
    """A refusal; `code` is the status, as in the examples of the specification."""
    return document(notation, "errors", [{"code": status, "description": description}], status)


def _element(name: str, value: Any) -> ElementTree.Element:
    element = ElementTree.Element(name)
    if isinstance(value, Mapping):
        element.extend(_element(key, item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        element.extend(_element(ITEM_NAMES[name], item) for item in value)
    elif value is not None:
        element.text = NOT_XML.sub("\ufffd", str(value).lower() if isinstance(value, bool) else str(value))
    return element
