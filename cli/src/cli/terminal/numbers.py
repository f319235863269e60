"""How sizes, rates, times and ages are written. This file knows no clock."""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_AGES = (("year", 31_536_000), ("month", 2_592_000), ("week", 604_800), ("day", 86_400), ("hour", 3_600))


def size(count: float) -> str:
    """Bytes in units of a thousand, as Ollama prints them: `4.9 GB`, `98 MB`."""
    number, unit = _scaled(count)
    return f"{number:.0f} B" if unit == "B" else f"{_number(number)} {unit}"


def part_of(done: float, total: float) -> str:
    """How much of a whole is there, both in its unit: `1.1 of 2.0 GB`."""
    _, unit = _scaled(total)
    divisor = 1000 ** _UNITS.index(unit)
    return f"{_number(done / divisor)} of {_number(total / divisor)} {unit}"


def counted(count: int, noun: str) -> str:
    """A number of things: `1 model`, `3 models`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def rate(bytes_a_second: float) -> str:
    """A speed: `48 MB/s`."""
    return f"{size(bytes_a_second)}/s"


def tokens(count: int) -> str:
    """A context window: `4k` for 4,096 and for 4,000, as people call both; `256`."""
    if count < 1000:
        return str(count)
    return f"{count // 1000 if count % 1000 == 0 else round(count / 1024)}k"


def duration(seconds: float) -> str:
    """A time: `0.4 s`, `42 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds < 1:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{whole} s"


def milliseconds(seconds: float) -> str:
    """A short time: `4 ms`, `1.5 s`."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 9.95 else duration(seconds)


def ago(seconds: float) -> str:
    """An age: `3 days ago`, `34 min ago`, `just now`."""
    for name, length in _AGES:
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return f"{int(seconds // 60)} min ago" if seconds >= 60 else "just now"


def time_left(seconds: float) -> str:
    """What is left of a time, roughly: `4 min`, `for ever` beyond a year."""
    if seconds > _AGES[0][1]:
        return "for ever"
    if seconds >= 5_400:
        return f"{round(seconds / 3_600)} h"
    return f"{round(seconds / 60)} min" if seconds >= 90 else f"{max(0, round(seconds))} s"


def _scaled(count: float) -> tuple[float, str]:
    """The number and its unit, the largest that leaves at least 1 before the point."""
    number = float(count)
    for unit in _UNITS[:-1]:
        if number < 999.5:
            return number, unit
        number /= 1000
    return number, _UNITS[-1]


def _number(number: float) -> str:
    """One digit after the point below 10, as there is room for it; none above, or for a whole 0."""
    return f"{number:.1f}" if 0 < number < 9.95 else f"{number:.0f}"
