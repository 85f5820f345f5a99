"""What a written report holds, read back without a browser."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any


class Page(HTMLParser):
    """Its tags with attributes, and the texts of style, script, data and policy. Read as with JavaScript on."""

    def __init__(self, path: Path):
        super().__init__(convert_charrefs=True)
        self.text = path.read_bytes().decode("utf-8")
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inner: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(self.text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "img", "link", "base", "input"):
            self._open.append("data" if dict(attrs).get("type") == "application/json" else tag)
            self.inner.setdefault(self._open[-1], []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() in (tag, "data"), f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if self._open:
            self.inner[self._open[-1]][-1] += data

    @property
    def data(self) -> dict[str, Any]:
        (data,) = self.inner["data"]
        return json.loads(data)

    @property
    def policy(self) -> str:
        (policy,) = [attributes["content"] for tag, attributes in self.tags if "http-equiv" in attributes]
        return policy or ""
