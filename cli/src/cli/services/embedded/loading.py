"""Which model a request means, how it is loaded for it, and what is loaded now."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from cli.services.embedded.description import header_of, is_embedding_model
from cli.services.embedded.engine import Engine, Load
from cli.services.embedded.gguf import GGUFError, Header
from cli.services.embedded.model_store import Model, ModelStore
from cli.services.embedded.options import Options
from cli.services.embedded.refusals import Refusal
from cli.services.embedded.scheduler import Scheduler

DEFAULT_WINDOW = 4096
_BATCH = 128
"""Tokens worked on between two looks at whether anybody still waits for the answer."""


@dataclass(frozen=True, slots=True)
class Loading:
    """Finds models in the store and has the scheduler load them.

    slots: requests at once. threads: of the processor, for each model.
    """

    store: ModelStore
    scheduler: Scheduler
    slots: int
    threads: int
    default_window: int = DEFAULT_WINDOW

    def options(self, model: Model, given: Mapping[str, Any]) -> Options:
        """The defaults, the model's own parameters over them, and the given options over these."""
        try:
            return Options().updated(model.parameters).updated(given)
        except ValueError as error:
            raise Refusal(500, str(error)) from error

    def window(self, model: Model, options: Options) -> int:
        """How many tokens the model has in sight when it is loaded with these options."""
        trained_for = self.header(model).of_architecture("context_length", self.default_window)
        return options.window(self.default_window, trained_for)

    def header(self, model: Model) -> Header:
        """What the model's file says about it. Raises Refusal where that can't be read."""
        try:
            return header_of(model.path)
        except (OSError, GGUFError) as error:
            raise Refusal(500, f"llama runner process has terminated: {error}") from error

    def lend(self, model: Model, options: Options, keep_alive: float | None) -> AbstractAsyncContextManager[Engine]:
        """The loaded model, when it is this request's turn."""
        return self.scheduler.lend(self.load(model, options), keep_alive)

    def load(self, model: Model, options: Options) -> Load:
        """How the model is loaded for these options."""
        window = self.window(model, options)
        embeds = is_embedding_model(model)  # it reads an input from both ends: in one go
        batch = window if embeds else _BATCH
        return Load(
            model=model.path,
            window=window,
            slots=self.slots,
            threads=self.threads,
            batch=-(-batch // self.slots) * self.slots,  # llama.cpp aborts on what it can't divide
            mean_pooling=not embeds,
        )

    async def unload(self, model: Model) -> None:
        """Unloads the model, now or after the answers that it is giving."""
        await self.scheduler.unload(model.path)
