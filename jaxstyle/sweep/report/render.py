"""Renders the report's data as an HTML page that can show it but never run any of it."""

import base64
import hashlib
import json
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

SCRIPTS = ("dom", "sweep", "lazy", "tiles", "sheet", "table", "curves", "slider", "detail", "controls", "main")
POLICY = (
    "default-src 'none'; img-src data:; style-src 'sha256-{style}'; script-src 'sha256-{script}'; base-uri 'none'; "
    "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""The page's content security policy: no network, only this package's script and style, and no text becomes markup."""


def render(payload: dict[str, Any]) -> bytes:
    """Render the page as UTF-8. No text in `payload` can become markup."""
    style = _source("report.css")
    script = '"use strict";\n' + "\n".join(_source(f"{name}.js") for name in SCRIPTS)
    environment = Environment(
        loader=PackageLoader("jaxstyle.sweep.report", "page"), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template("report.html.j2").render(
        payload,
        data=inert_json(payload),
        policy=POLICY.format(style=_digest(style), script=_digest(script)),
        script=Markup(script),
        style=Markup(style),
    )
    return page.encode("utf-8", "replace")  # a name may contain half a surrogate pair


def inert_json(value: Any) -> Markup:
    """JSON that an HTML parser can only read as text: ASCII, with the characters of markup escaped."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&'":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _source(name: str) -> str:
    return (files("jaxstyle.sweep.report") / "page" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
