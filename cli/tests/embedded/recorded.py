"""What a real Ollama answered, and the same requests for the model that is here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.embedded.asking import MODEL

_SUBJECTS = ("server", "generate", "chat", "embed", "overlong")
_FOX = "The quick brown fox jumps over the lazy dog. "
_WINDOW = {"seed": 1, "temperature": 0, "num_ctx": 256, "num_predict": 5}


@dataclass(frozen=True)
class Recording:
    name: str
    method: str
    path: str
    body: Any
    headers: dict[str, str]
    status: int
    content_type: str | None
    text: str

    @property
    def is_stream(self) -> bool:
        return self.content_type == "application/x-ndjson"

    @property
    def records(self) -> list[Any]:
        """The answer's objects; those of a long stream are the first and the last only."""
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def is_repeatable(self) -> bool:
        """Whether the text is the same every time."""
        options = self.body.get("options", {}) if isinstance(self.body, dict) else {}
        return self.status == 200 and options.get("temperature") == 0


def recordings() -> dict[str, Recording]:
    """All of them by name, with this machine's model in the place of theirs."""
    folder = Path(__file__).with_name("recordings")
    return {
        name: _recording(name, entry)
        for subject in _SUBJECTS
        for name, entry in json.loads((folder / f"{subject}.json").read_text()).items()
    }


def _recording(name: str, entry: dict[str, Any]) -> Recording:
    request, response = entry["request"], entry["response"]
    lines = response.get("lines")
    headers = response.get("headers", {})
    return Recording(
        name=name,
        method=request["method"],
        path=request["path"],
        body=_body(name, request),
        headers=request.get("headers", {}),
        status=response["status"],
        content_type=headers.get("Content-Type"),
        text=_renamed("\n".join(lines) if lines is not None else response["body"]),
    )


def _body(name: str, request: dict[str, Any]) -> Any:
    if "raw_body" in request:
        return request["raw_body"].encode()
    body = request.get("body")
    if isinstance(body, str):
        body = _rebuilt(name)
    if isinstance(body, dict) and body.get("model") in ("smollm2", "all-minilm"):
        body = {**body, "model": MODEL}
    return body


def _rebuilt(name: str) -> dict[str, Any]:
    """A request that was too long to keep: its name says what it was like."""
    if name.startswith("embed"):
        return {"model": MODEL, "input": _FOX * 1000} | ({"truncate": False} if "strict" in name else {})
    body: dict[str, Any] = {"model": MODEL, "options": _WINDOW, "stream": name.endswith("-stream")}
    for switch in ("truncate", "shift"):
        for value in (True, False):
            if f"-{switch}-{value}".lower() in name:
                body[switch] = value
    if "-history-" in name:
        numbered = [{"role": "user", "content": f"{number}: {_FOX * 3}"} for number in range(20)]
        return body | {"messages": [{"role": "system", "content": "Be brief."}, *numbered]}
    if "-chat-" in name:
        return body | {"messages": [{"role": "user", "content": _FOX * 400}]}
    return body | {"prompt": _FOX * 400}


def _renamed(text: str) -> str:
    """The text of a response about this machine's model."""
    for theirs in ("smollm2:latest", "smollm2", "all-minilm"):
        text = text.replace(f'"{theirs}"', f'"{MODEL}"').replace(f'\\"{theirs}\\"', f'\\"{MODEL}\\"')
    return text.replace("/smollm2:latest ", f"/{MODEL} ")
