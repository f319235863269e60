"""The bar of a transfer, as a wrapper of the records it sends: what goes in comes out, and is drawn on the way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from cli.terminal.columns import columns, cut
from cli.terminal.escape_filter import harmless_line
from cli.terminal.numbers import duration, part_of, rate, size, time_left
from cli.terminal.screen import BOLD, DIM, GREEN, PLAIN, YELLOW, Screen
from cli.terminal.segments import Segment
from cli.terminal.ticker import Ticker

Record = TypeVar("Record", bound=Mapping[str, Any])
Clock = Callable[[], float]

BAR_WIDTH = 22
_LEAST_BAR = 5
_AMOUNT = "  999 of 999 MB"
_SPEEDS = ("  999 MB/s  89 min left", "  stalled 59 s", "")
"""The longest of what stands behind the bar. There is room for it, or there never is: the bar keeps its width."""
_BEFORE_SUCCESS = 0.99
"""As far as it goes before the server says that it is over: more layers may come."""
_STALLED_AFTER = 5.0
_RATE_OVER = 5.0
_PLAIN_STEP = 10
_PLAIN_AFTER = 10.0
_PLAIN_EVERY = 60.0


class Place(NamedTuple):
    """Which transfer it is, of how many that one command asked for. widest: the columns of their longest name."""

    number: int = 1
    of: int = 1
    widest: int = 0


ALONE = Place()


def places(names: Sequence[str]) -> Iterator[tuple[str, Place]]:
    """Each name with its place among the others."""
    widest = max(map(columns, names))
    for number, name in enumerate(names, 1):
        yield name, Place(number, len(names), widest)


class Transfer:
    """How far a pull has come, over all its layers; what it says never goes backwards."""

    def __init__(self, now: float) -> None:
        self.began = now
        self.moved_at = now
        self.status = "starting"
        self._layers: dict[str, tuple[int, int]] = {}
        self._fraction = 0.0
        self._history: deque[tuple[float, int]] = deque([(now, 0)])

    @property
    def total(self) -> int:
        """Bytes of all layers known by now."""
        return sum(total for _, total in self._layers.values())

    @property
    def done(self) -> int:
        """Bytes that are there."""
        return sum(completed for completed, _ in self._layers.values())

    @property
    def fraction(self) -> float:
        """From 0 to 1, which is success alone; it waits where a new layer makes the whole larger."""
        return self._fraction

    def feed(self, record: Mapping[str, Any], now: float) -> None:
        """Take in a record of `/api/pull`."""
        self.status = harmless_line(str(record.get("status") or self.status))
        if self.status == "success" and self._layers:
            self._fraction = 1.0
        digest, total = record.get("digest"), record.get("total")
        if not isinstance(digest, str) or not isinstance(total, int) or total <= 0:
            return
        completed = record.get("completed")
        before, _ = self._layers.get(digest, (0, 0))
        reached = min(max(before, completed if isinstance(completed, int) else 0), total)
        if not self._layers:
            self._history = deque([(now, reached)])  # what was there already was not fetched now
        self._layers[digest] = (reached, total)
        if reached > before:
            self.moved_at = now
            self._history.append((now, self.done))
        self._fraction = max(self._fraction, min(self.done / self.total, _BEFORE_SUCCESS))

    def rate(self, now: float) -> float:
        """Bytes a second over the last few seconds; 0 where nothing is known."""
        while len(self._history) > 2 and now - self._history[1][0] > _RATE_OVER:
            self._history.popleft()
        at, done = self._history[0]
        return (self.done - done) / (now - at) if now > at else 0.0

    def stalled(self, now: float) -> float:
        """Seconds for which nothing has come, where that is long; else 0."""
        seconds = now - self.moved_at
        is_over = self.total and self.done >= self.total
        return seconds if seconds >= _STALLED_AFTER and self.total and not is_over else 0.0


class TransferBar:
    """What a person sees of one transfer: a pull, a push, a making.

    Of several the bar and the percentage are those of all, so that they go on from where the one before ended.
    """

    def __init__(self, screen: Screen, clock: Clock, name: str, *, quiet: bool = False, place: Place = ALONE) -> None:
        self._screen = screen
        self._clock = clock
        self._name = harmless_line(name)
        self._quiet = quiet
        self._place = place
        self._told = 0
        self._told_at = clock()
        self._quiet_for = _PLAIN_AFTER
        self.transfer = Transfer(clock())
        self._attempt = ""

    def again(self, attempt: str, _seconds: float) -> None:
        """It broke off, and goes on with another attempt: `2 of 3: closed`. That is told until it has moved on."""
        self._attempt = attempt.partition(":")[0].replace(" of ", "/")

    def feed(self, record: Mapping[str, Any]) -> None:
        """Take in a record."""
        moved_at = self.transfer.moved_at
        self.transfer.feed(record, self._clock())
        if self.transfer.moved_at != moved_at:
            self._attempt = ""

    def over(self, records: Iterable[Record]) -> Generator[Record, None, None]:
        """The records themselves, while the bar follows them."""
        ticker = Ticker(self.draw if self._screen.may_rewrite else self.remind)
        if not self._quiet:
            ticker.start()
        try:
            for record in records:
                self.feed(record)
                if not self._quiet and not self._screen.may_rewrite:
                    self._tell_each_tenth()
                yield record
        finally:
            ticker.stop()
            self._screen.erase()

    def finished(self) -> str:
        """How large it was and how long it took: `2.0 GB in 42 s`."""
        seconds = duration(self._clock() - self.transfer.began)
        return f"{size(self.transfer.total)} in {seconds}" if self.transfer.total else seconds

    def stopped(self) -> str:
        """How far it came, for whoever stopped it."""
        if not self.transfer.total:
            return "Stopped before anything was transferred."
        reached = part_of(self.transfer.done, self.transfer.total)
        return f"Stopped at {reached}. The same command goes on from there."

    @property
    def fraction(self) -> float:
        """From 0 to 1, over all that the command fetches; each of them counts the same."""
        return (self._place.number - 1 + self.transfer.fraction) / self._place.of

    def draw(self) -> None:
        """Show the bar as it stands."""
        self._screen.rewrite(self.segments())

    def remind(self) -> None:
        """In a log: say how it stands, where nothing was said for long."""
        transfer, now = self.transfer, self._clock()
        stalled = transfer.stalled(now) >= _PLAIN_AFTER
        is_news = stalled and self._told_at - transfer.moved_at < _PLAIN_AFTER
        if not is_news and now - self._told_at < self._quiet_for:
            return
        speeds, _ = self._speeds(now)
        if stalled:
            said = speeds[:1]
        elif transfer.total:
            said = [f"{int(transfer.fraction * 100)}% of {size(transfer.total)}", *speeds[:1]]
        else:
            said = [transfer.status]
        self._tell(", ".join(said).replace("  ", ", "))

    def segments(self) -> list[Segment]:
        """The bar: as much of the line as there is something to say."""
        transfer, now = self.transfer, self._clock()
        number, of, widest = self._place
        which, longest, of_all = (f" ({number} of {of})", f" ({of} of {of})", " of all") if of > 1 else ("", "", "")
        name = self._name + which
        if not transfer.total:
            return [(name, BOLD), (f"  {transfer.status} … {duration(max(1, now - transfer.began))}", DIM)]
        taken = max(columns(self._name), widest) + len(longest + "  ")
        bar, has_amount = _laid_out(self._screen.rewritable - taken, of_all)
        full = int(self.fraction * bar)
        amount = f"  {part_of(transfer.done, transfer.total)}" if has_amount else ""
        amount += f"  {int(self.fraction * 100):>2}%{of_all}"
        speeds, look = self._speeds(now)
        room = self._screen.rewritable - bar - len("  " + amount)
        speed = next((f"  {each}" for each in speeds if columns(f"{name}  {each}") <= room), "")
        return [
            (cut(name, room), BOLD),
            ("  ", PLAIN),
            ("━" * full, GREEN),
            ("─" * (bar - full), DIM),
            (amount, DIM),
            (speed, look),
        ]

    def _speeds(self, now: float) -> tuple[list[str], str]:
        """How fast it goes, at length and then shorter, for where there is less room; and the look of that."""
        transfer = self.transfer
        if stalled := transfer.stalled(now):
            short = f"stalled {duration(stalled)}"
            return [f"{short}, try {self._attempt}", short] if self._attempt else [short], YELLOW
        if transfer.done >= transfer.total:
            return [transfer.status.partition(" sha256")[0]], DIM
        if not (speed := transfer.rate(now)):
            return [], DIM
        left = time_left(max(1.0, (transfer.total - transfer.done) / speed))
        return [f"{rate(speed)}  {left} left", rate(speed)], DIM

    def _tell_each_tenth(self) -> None:
        transfer = self.transfer
        percent = int(transfer.fraction * 100)
        awaits_success = transfer.done >= transfer.total and percent < 100
        if percent // _PLAIN_STEP <= self._told or awaits_success:
            return
        self._told = percent // _PLAIN_STEP
        speed = transfer.rate(self._clock())
        self._tell(f"{self._told * _PLAIN_STEP}% of {size(transfer.total)}" + (f", {rate(speed)}" if speed else ""))

    def _tell(self, said: str) -> None:
        self._told_at, self._quiet_for = self._clock(), _PLAIN_EVERY
        self._screen.sentence(f"{self._name}: {said}")


def _laid_out(room: int, of_all: str) -> tuple[int, bool]:
    """How many columns of what is behind the name the bar takes, and whether there is room for the amount, too."""
    percent = len(f"  100%{of_all}")
    for speed in _SPEEDS:
        bar = room - len(_AMOUNT) - percent - len(speed)
        if bar >= _LEAST_BAR:
            return min(bar, BAR_WIDTH), True
    return min(max(room - percent, 0), BAR_WIDTH), False
