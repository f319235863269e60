"""The embedded engine at work: it prints the tokens a second of one answer, as a user of the library gets it.

`binding.py` answers the same prompt by the binding alone.
"""

from __future__ import annotations

import sys
import time

from cli.services.embedded.model_store import BUNDLED_NAME, ModelStore, find_bundled_model
from cli.services.embedded.serving import serve_in_background
from vuhitra import OllamaClient


def tokens_a_second(client: OllamaClient, prompt: str, tokens: int, window: int) -> float:
    """Ask for so many tokens, and reckon with all that passes until the last is there."""
    options = {"temperature": 0, "num_predict": tokens, "num_ctx": window}
    began = time.perf_counter()
    with client.generate(prompt, BUNDLED_NAME, stream=True, options=options, raw=True) as stream:
        for _ in stream:
            pass
        counted = stream.reply.stats.eval_count
    if counted != tokens:
        raise RuntimeError(f"{counted} tokens instead of {tokens}")
    return tokens / (time.perf_counter() - began)


def main() -> None:
    """Have the model loaded, by one token of another answer, and measure."""
    prompt, tokens, window = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with serve_in_background(ModelStore(find_bundled_model())) as host, OllamaClient(host) as client:
        tokens_a_second(client, "Hello.", 1, window)
        sys.stdout.write(f"{tokens_a_second(client, prompt, tokens, window)}\n")


if __name__ == "__main__":
    main()
