"""What the program remembers of this machine between two runs: empty files in the state folder.

Forgetting is harmless, so a folder that can't be written to is no error.
"""

from __future__ import annotations

import os

SERVER_ANSWERED = "server-answered"
"""A server has answered at the default address: if it doesn't now, that is worth an error."""

BUILT_IN_INTRODUCED = "built-in-introduced"
"""The built-in model has been introduced, with its weaknesses, to whoever sits here."""


class Memory:
    """Facts about this machine, each of which becomes true once and stays so."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def knows(self, fact: str) -> bool:
        """Whether it was remembered."""
        return os.path.exists(os.path.join(self._folder, fact))

    def remember(self, fact: str) -> None:
        """From now on it is known."""
        if self.knows(fact):
            return
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            with open(os.path.join(self._folder, fact), "x"):
                pass
        except OSError:  # a read-only home, a full disk, or another process that was faster
            return
