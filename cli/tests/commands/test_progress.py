"""The bar of a pull: what it makes of records, and how it is drawn; the clock is the test's."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from cli.environment import Stream
from cli.terminal.columns import columns
from cli.terminal.progress import ALONE, Place, Transfer, TransferBar, places
from cli.terminal.screen import Screen

GB = 1_000_000_000
SUCCESS = {"status": "success"}


class Clock:
    """A clock that stands until it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def layer(completed: int, total: int, digest: str = "sha256:a") -> dict[str, Any]:
    return {"status": "pulling a", "digest": digest, "total": total, "completed": completed}


def bar(
    clock: Clock, *, is_terminal: bool = False, width: int = 80, name: str = "llama3.2", place: Place = ALONE
) -> tuple[TransferBar, io.BytesIO]:
    written = io.BytesIO()
    screen = Screen(Stream(written, is_terminal), width=lambda: width)
    return TransferBar(screen, clock, name, place=place), written


def drawn(pull: TransferBar) -> str:
    return "".join(text for text, _ in pull.segments())


def test_it_hands_on_every_record_unchanged() -> None:
    records = [{"status": "pulling manifest"}, layer(1, 2), SUCCESS]
    pull, _ = bar(Clock())
    assert list(pull.over(records)) == records


def test_the_bar_as_it_is_drawn() -> None:
    clock = Clock()
    pull, _ = bar(clock)
    pull.transfer.feed(layer(0, 2 * GB), clock())
    clock.now += 23
    pull.transfer.feed(layer(1_104_000_000, 2 * GB), clock())
    assert drawn(pull) == ("llama3.2  ━━━━━━━━━━━━──────────  1.1 of 2.0 GB  55%  48 MB/s  19 s left")
    clock.now += 12
    pull.again("2 of 3: closed", 1.0)
    assert drawn(pull) == ("llama3.2  ━━━━━━━━━━━━──────────  1.1 of 2.0 GB  55%  stalled 12 s, try 2/3")


def test_an_attempt_that_went_well_is_forgotten() -> None:
    clock = Clock()
    pull, _ = bar(clock)
    pull.feed(layer(GB, 2 * GB))
    pull.again("2 of 3: closed", 1.0)
    for completed, told in ((GB, "stalled 12 s, try 2/3"), (GB + 1, "stalled 12 s")):
        pull.feed({"status": "pulling manifest"})
        pull.feed(layer(completed, 2 * GB))
        clock.now += 12
        assert drawn(pull).endswith(told)


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (64, "llama3.2  ━━━────  1.1 of 2.0 GB  55%  48 MB/s  19 s left"),
        (60, "llama3.2  ━━━━━━──────  1.1 of 2.0 GB  55%  48 MB/s"),
        (50, "llama3.2  ━━━━━━━━────────  1.1 of 2.0 GB  55%"),
        (40, "llama3.2  ━━━───  1.1 of 2.0 GB  55%"),
        (24, "llama3.2  ━━───  55%"),
        (12, "ll    55%"),
    ],
)
def test_a_narrow_terminal_keeps_the_percentage(width: int, line: str) -> None:
    clock = Clock()
    pull, _ = bar(clock, width=width)
    pull.transfer.feed(layer(0, 2 * GB), clock())
    clock.now += 23
    pull.transfer.feed(layer(1_104_000_000, 2 * GB), clock())
    assert drawn(pull) == line


def test_of_several_the_bar_goes_on_where_the_one_before_ended() -> None:
    fractions = []
    for number in (1, 2, 3):
        pull, _ = bar(Clock(), place=Place(number, 3))
        for record in (layer(0, 100), layer(100, 100), SUCCESS):
            pull.transfer.feed(record, 1.0)
            fractions.append(pull.fraction)
    assert fractions == sorted(fractions)
    assert fractions[3] == fractions[2] == pytest.approx(1 / 3)
    assert fractions[-1] == 1.0


def test_of_several_it_says_which_it_is() -> None:
    clock = Clock()
    pull, _ = bar(clock, place=Place(2, 3))
    pull.transfer.feed(layer(0, 2 * GB), clock())
    clock.now += 23
    pull.transfer.feed(layer(1_104_000_000, 2 * GB), clock())
    assert drawn(pull) == "llama3.2 (2 of 3)  ━━━────  1.1 of 2.0 GB  51% of all  48 MB/s  19 s left"


@pytest.mark.parametrize("width", [30, 50, 60, 70, 80, 120])
@pytest.mark.parametrize("name", ["m", "llama3.2", "llama3.2-vision"])
def test_whatever_stands_behind_it_no_cell_is_taken_back(width: int, name: str) -> None:
    clock = Clock()
    filled = []
    for each, place in places([name, "a-longer-name"]):
        pull, _ = bar(clock, width=width, name=each, place=place)
        layers = [layer(megabytes * 10**6, 9_990_000_000) for megabytes in range(0, 9_991, 99)]
        more = [layer(megabytes * 10**6, 99_000_000_000, "sha256:b") for megabytes in range(0, 99_001, 999)]
        for number, record in enumerate([*layers, *more]):
            pull.feed(record)
            for seconds, attempt in ((0.3, ""), (12.0, ""), (1.0, "2 of 3: closed")):
                clock.now += seconds if number % 3 else seconds / 9
                pull.again(attempt, 1.0)
                assert columns(drawn(pull)) <= width - 3
                filled.append(drawn(pull).count("━"))
    assert filled == sorted(filled)
    assert any(filled) or width == 30


@pytest.mark.parametrize("name", ["模型/語言:8b", "hf.co/" + "x" * 90])
def test_wide_and_long_names_leave_it_within_the_terminal(name: str) -> None:
    clock = Clock()
    for width in (20, 40, 79):
        pull, _ = bar(clock, width=width, name=name)
        pull.transfer.feed(layer(GB, 2 * GB), clock())
        assert columns(drawn(pull)) < width


def test_before_anything_is_known_it_says_what_the_server_does() -> None:
    clock = Clock()
    pull, _ = bar(clock)
    pull.transfer.feed({"status": "pulling manifest\x1b[2J"}, clock())
    clock.now += 3
    assert drawn(pull) == "llama3.2  pulling manifest … 3 s"


def test_it_never_runs_backwards() -> None:
    steps = [
        layer(50, 100),
        layer(10, 100),  # the server went back
        layer(0, 900, "sha256:b"),  # the whole became larger
        layer(300, 900, "sha256:b"),
        {"status": "verifying sha256 digest"},
        layer(900, 900, "sha256:b"),
        layer(100, 100),
        SUCCESS,
    ]
    transfer = Transfer(0.0)
    fractions, done = [], []
    for now, step in enumerate(steps):
        transfer.feed(step, float(now))
        fractions.append(transfer.fraction)
        done.append(transfer.done)
    assert fractions == sorted(fractions)
    assert done == sorted(done)
    assert fractions[-1] == 1.0


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"status": None},
        layer(5, 0),
        layer(-1, -1),
        {"status": "x", "digest": 7, "total": "many"},
        {"status": "x", "digest": "a", "total": 10, "completed": None},
        layer(20, 10),
    ],
)
def test_whatever_a_server_says_the_bar_stands_it(record: dict[str, Any]) -> None:
    pull, _ = bar(Clock())
    assert list(pull.over([record])) == [record]
    assert 0 <= pull.transfer.fraction <= 1
    assert drawn(pull)


def test_it_is_all_there_with_success_and_not_before() -> None:
    clock = Clock()
    pull, _ = bar(clock)
    pull.feed(layer(4 * GB, 4 * GB))
    assert drawn(pull) == "llama3.2  ━━━━━━━━━━━━━━━━━━━━━─  4.0 of 4.0 GB  99%  pulling a"
    pull.feed(layer(0, GB, "sha256:b"))
    assert "4.0 of 5.0 GB  99%" in drawn(pull)
    pull.feed(layer(GB, GB, "sha256:b"))
    assert "5.0 of 5.0 GB  99%" in drawn(pull)
    pull.feed(SUCCESS)
    assert drawn(pull) == "llama3.2  ━━━━━━━━━━━━━━━━━━━━━━  5.0 of 5.0 GB  100%  success"


def test_in_a_log_it_is_all_there_with_success_and_not_before() -> None:
    pull, written = bar(Clock())
    records = [layer(4 * GB, 4 * GB), layer(0, GB, "sha256:b"), layer(GB, GB, "sha256:b"), SUCCESS]
    told = [written.getvalue().decode() for _ in pull.over(records)]
    assert told == ["", *["llama3.2: 90% of 5.0 GB\n"] * 2, "llama3.2: 90% of 5.0 GB\nllama3.2: 100% of 5.0 GB\n"]


def test_what_was_there_before_does_not_count_as_speed() -> None:
    transfer = Transfer(0.0)
    transfer.feed(layer(900, 1000), 1.0)
    transfer.feed(layer(950, 1000), 2.0)
    assert transfer.rate(2.0) == 50


def test_in_a_log_it_is_a_line_each_tenth() -> None:
    clock = Clock()
    pull, written = bar(clock)

    def records() -> Iterator[dict[str, Any]]:
        for completed in range(2001):
            clock.now += 0.02
            yield layer(completed * 1_000_000, 2 * GB)
        yield SUCCESS

    assert sum(1 for _ in pull.over(records())) == 2002
    lines = written.getvalue().decode().splitlines()
    assert [line.split("%")[0] for line in lines] == [f"llama3.2: {n}0" for n in range(1, 11)]
    assert lines[4] == "llama3.2: 50% of 2.0 GB, 50 MB/s"
    assert "\r" not in written.getvalue().decode()


def test_in_a_log_a_long_silence_is_broken_after_ten_seconds_and_then_once_a_minute() -> None:
    clock = Clock()
    pull, written = bar(clock)
    pull.transfer.feed({"status": "pulling manifest"}, clock())
    for _ in range(80):
        clock.now += 1
        pull.remind()
    pull.transfer.feed(layer(1_104_000_000, 2 * GB), clock())
    for _ in range(60):
        clock.now += 1
        pull.again("2 of 3: closed", 1.0)
        pull.remind()
    assert written.getvalue().decode().splitlines() == [
        "llama3.2: pulling manifest",
        "llama3.2: pulling manifest",
        "llama3.2: stalled 10 s, try 2/3",
    ]


def test_in_a_log_a_stall_is_told_after_ten_seconds_and_then_once_a_minute() -> None:
    clock = Clock()
    pull, written = bar(clock)
    for completed in (1, 2):
        pull.feed(layer(completed * GB // 2, 2 * GB))
        for _ in range(100):
            clock.now += 1
            pull.remind()
    assert written.getvalue().decode().splitlines() == [
        "llama3.2: stalled 10 s",
        "llama3.2: stalled 1 min 10 s",
        "llama3.2: stalled 10 s",
        "llama3.2: stalled 1 min 10 s",
    ]


def test_nothing_is_wider_than_the_terminal() -> None:
    clock = Clock()
    for width, completed in itertools.product((20, 40, 79), (0, GB)):
        pull, written = bar(clock, is_terminal=True, width=width)
        pull.transfer.feed(layer(completed, 2 * GB), clock())
        pull.draw()
        assert len(written.getvalue().decode().removeprefix("\r\x1b[K")) < width


def test_what_it_says_at_the_end_and_when_stopped() -> None:
    clock = Clock()
    pull, _ = bar(clock)
    assert pull.stopped() == "Stopped before anything was transferred."
    pull.transfer.feed(layer(1_100_000_000, 2 * GB), clock())
    assert pull.stopped() == "Stopped at 1.1 of 2.0 GB. The same command goes on from there."
    clock.now += 42
    assert pull.finished() == "2.0 GB in 42 s"
