"""Where every start begins: `vuhitra`, and `python -m cli`.

Ctrl-C may come while Python is still importing the rest, so the rest is imported within `run`.
"""

from __future__ import annotations

import gc
import os

TYPE_CHECKING = False  # typing takes a while to import
if TYPE_CHECKING:
    from typing import NoReturn


_OBJECTS_BEFORE_A_COLLECTION = 50_000
"""Looking for garbage while modules are imported, which leave none, would take a twelfth of a short run."""


def run() -> NoReturn:
    """Run the program, and end the process.

    All that was begun is closed by then, and all was written: Python's own tidying up, which takes as long as
    importing click, is left out.
    """
    gc.set_threshold(_OBJECTS_BEFORE_A_COLLECTION)
    try:
        from cli.signals import end_at_once

        end_at_once()
        from cli.main import run as run_program

        run_program()
    except KeyboardInterrupt as stop:  # pressed again, while the first was being told
        verdict = getattr(stop, "verdict", None)
        os._exit(verdict.status if verdict else 130)
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 0)
    os._exit(0)


if __name__ == "__main__":
    run()
