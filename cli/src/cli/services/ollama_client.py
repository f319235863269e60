"""The library under the path that the project's first users import it from. It adds nothing."""

from vuhitra import *  # noqa: F403  what the library makes public is public here, no more and no less
from vuhitra import __all__ as __all__  # noqa: PLC0414  the alias is how a name is passed on
