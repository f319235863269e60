"""llama.cpp's binding called directly, with the model and the threads that the embedded engine has.

It prints the tokens a second of one answer. `engine.py` answers the same prompt.
"""

from __future__ import annotations

import os
import sys
import time
from importlib import import_module
from typing import Any

from cli.services.embedded.model_store import find_bundled_model
from cli.services.embedded.serving import default_threads

xllamacpp: Any = import_module("xllamacpp")  # it has no types


def loaded(window: int) -> Any:
    """The model, loaded."""
    model = find_bundled_model()
    if model is None:
        raise FileNotFoundError("no built-in model")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model.path)
    parameters.n_parallel = 1
    parameters.n_ctx = window
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = default_threads()
    parameters.warmup = False
    parameters.verbosity = 1  # errors
    return xllamacpp.Server(parameters)


def tokens_a_second(server: Any, prompt: str, tokens: int) -> float:
    """Ask for so many tokens, and reckon with all that passes until the last is there."""
    events: list[Any] = []
    asked = {"prompt": prompt, "n_predict": tokens, "temperature": 0, "stream": True}
    began = time.perf_counter()
    server.handle_completions(asked, events.append)
    seconds = time.perf_counter() - began
    if events[-1]["usage"]["completion_tokens"] != tokens:
        raise RuntimeError(f"{events[-1]['usage']} instead of {tokens} tokens")
    return tokens / seconds


def main() -> None:
    """Have the model loaded, by one token of another answer, and measure."""
    prompt, tokens, window = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    server = loaded(window)
    tokens_a_second(server, "Hello.", 1)
    sys.stdout.write(f"{tokens_a_second(server, prompt, tokens)}\n")
    sys.stdout.flush()
    os._exit(0)  # llama.cpp's own way out can wait for ever


if __name__ == "__main__":
    main()
