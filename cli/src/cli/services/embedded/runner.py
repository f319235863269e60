"""The child process: llama.cpp's own HTTP server with one model in it.

Its settings are a line of JSON on stdin; where it listens, once the model is loaded, is a line of
JSON on stdout. It ends when stdin does: when its parent has gone, however that went.
"""

import json
import os
import shutil
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

xllamacpp: Any = import_module("xllamacpp")  # it has no types


def main() -> None:
    """Loads the model, serves it, and waits for the parent to be gone."""
    os.environ["GGML_NO_BACKTRACE"] = "1"  # an abort would call a debugger, which takes its time
    settings = json.loads(sys.stdin.buffer.readline())
    parameters = _parameters(settings)
    with suppress(RuntimeError, OSError):  # llama.cpp has said on stderr what is wrong; nobody hears
        server = xllamacpp.Server(parameters)
        _say(server.listening_address)
        sys.stdin.buffer.read()
    shutil.rmtree(settings["folder"], ignore_errors=True)  # unless the parent was faster
    os._exit(0)  # llama.cpp's own way out can wait for ever


def _parameters(settings: dict[str, Any]) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = settings["model"]
    parameters.n_parallel = settings["slots"]
    parameters.n_ctx = settings["window"] * settings["slots"]
    parameters.n_batch = parameters.n_ubatch = settings["batch"]
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = settings["threads"]
    parameters.ctx_shift = True
    parameters.kv_unified = False
    parameters.warmup = False
    parameters.verbosity = 1  # errors
    parameters.embedding = True
    if settings["mean_pooling"]:
        parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    parameters.hostnames = [settings["listen_on"]]
    parameters.api_keys = [settings["key"]]
    return parameters


def _say(address: str) -> None:
    """Tells the parent; from then on stdout is stderr, whatever a library prints there."""
    sys.stdout.write(json.dumps(address) + "\n")
    sys.stdout.flush()
    os.dup2(2, 1)


if __name__ == "__main__":
    main()
