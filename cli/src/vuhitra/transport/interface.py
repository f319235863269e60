"""What the clients ask of a transport; `vuhitra.testing` has another one than the sockets of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from vuhitra.errors import OllamaError
    from vuhitra.http import Head, Headers, Request
    from vuhitra.limits import Deadline, Timeouts


class Incoming(Protocol):
    """An answer that is coming in.

    sent: the headers that were sent for it, a proxy's among them. head: its status and headers. begun: whether bytes of
    its body have come. lost: what it was asked for before in vain, over a connection that was kept and had ended.
    """

    sent: Headers
    head: Head
    begun: bool
    lost: tuple[OllamaError, ...]

    def deadline(self) -> Deadline:
        """By when the next piece must be there."""
        ...

    def read(self, deadline: Deadline) -> bytes:
        """The body's next bytes; `b""` at its end. Raises OllamaConnectionError, OllamaProtocolError."""
        ...

    def finish(self) -> None:
        """The answer is whole."""
        ...

    def close(self) -> None:
        """Ends the exchange at once. May be called twice, and by any thread."""
        ...


class Closing(Protocol):
    """What can be closed from any thread, which ends what another one waits for."""

    def close(self) -> None:
        """Ends it. May be called twice."""
        ...


class Holder(Protocol):
    """What may end an exchange whose head has not come yet."""

    def hold(self, held: Closing) -> None:
        """Takes what is to be closed then, in place of what it held before, or closes it at once."""
        ...


class Ending(Protocol):
    """What is waited for, as an event of threads."""

    def wait(self, timeout: float) -> object:
        """Waits until it comes, or so many seconds."""
        ...


class Transport(Protocol):
    """What a blocking client sends its requests over, and its clock."""

    def open(
        self, request: Request, timeouts: Timeouts, give_up_at: float | None = None, holder: Holder | None = None
    ) -> Incoming:
        """Sends a request and reads the head of its answer. Raises OllamaConnectionError, OllamaProtocolError.

        holder: is given the connection before anything is sent, and what waits for a free one before that.
        """
        ...

    def now(self) -> float:
        """The clock that deadlines are on, in seconds."""
        ...

    def sleep(self, seconds: float, until: Ending | None = None) -> None:
        """Waits, no longer than until the event is set."""
        ...

    def close(self) -> None:
        """Closes all connections, those that carry an answer too."""
        ...


class AsyncIncoming(Protocol):
    """As `Incoming`, in an event loop."""

    sent: Headers
    head: Head
    begun: bool
    lost: tuple[OllamaError, ...]

    def deadline(self) -> Deadline:
        """By when the next piece must be there."""
        ...

    async def read(self, deadline: Deadline) -> bytes:
        """The body's next bytes; `b""` at its end. Raises OllamaConnectionError, OllamaProtocolError."""
        ...

    async def finish(self) -> None:
        """The answer is whole."""
        ...

    async def aclose(self) -> None:
        """Ends the exchange at once. May be called twice."""
        ...


class AsyncTransport(Protocol):
    """What an asynchronous client sends its requests over, and its clock."""

    async def open(self, request: Request, timeouts: Timeouts, give_up_at: float | None = None) -> AsyncIncoming:
        """Sends a request and reads the head of its answer. Raises OllamaConnectionError, OllamaProtocolError."""
        ...

    def now(self) -> float:
        """The clock that deadlines are on, in seconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        ...

    async def aclose(self) -> None:
        """Closes all connections, those that carry an answer too."""
        ...
