"""Markdown laid out for a terminal: given a length in bytes, it prints the seconds a byte.

Texts of all lengths are made of the same paragraphs, and come in pieces as a model writes them.
"""

from __future__ import annotations

import sys
import time

from cli.terminal.markdown import Markdown

PARAGRAPHS = """\
## Why the sky is blue

Sunlight is **scattered** by the gas of the air, and *short* waves far more than long ones: with the fourth power of
`1 / wavelength`. This is called [Rayleigh scattering](https://example.org/rayleigh), and it happens all over the sky.

- At noon the way through the air is short,
- in the evening it is long: what is left of the light is **red**.

1. Take a lamp, and a glass of water.
2. Add a drop of milk.

> What is seen from the side is blue, and what comes through is orange.

```python
def scattered(wavelength: float) -> float:
    return wavelength**-4
```

"""
PIECE = 5
ALL = 1_000_000
"""Bytes rendered in one run, whatever the length of each text: so that all runs take about as long."""


def text_of(length: int) -> str:
    """A text of so many bytes."""
    return (PARAGRAPHS * (length // len(PARAGRAPHS) + 1))[:length]


def paint(text: str, look: str) -> str:
    """A text in its colours."""
    return f"\x1b[{look}m{text}\x1b[0m" if look else text


def render(text: str) -> None:
    """Render a text that comes in pieces."""
    markdown = Markdown(lambda: 80, paint)
    for start in range(0, len(text), PIECE):
        markdown.feed(text[start : start + PIECE])
    markdown.end()


def main() -> None:
    """Render the text until that was enough."""
    length = int(sys.argv[1])
    text = text_of(length)
    render(text[:1_000])
    began = time.process_time()
    for _ in range(ALL // length):
        render(text)
    sys.stdout.write(f"{(time.process_time() - began) / ALL}\n")


if __name__ == "__main__":
    main()
