"""The pool by itself: what it keeps, and that nothing gets past its end."""

from __future__ import annotations

import pytest

from vuhitra.transport.pool import Pool


class Line:
    """A connection that notes what becomes of it."""

    closed = 0

    def close(self) -> None:
        self.closed += 1

    def forget(self) -> None:
        self.closed += 1


def test_a_connection_that_was_made_while_the_client_was_closed_carries_nothing() -> None:
    pool: Pool[Line] = Pool(lambda: 0.0)
    assert pool.take() is None
    pool.close()
    with pytest.raises(RuntimeError, match="this client is closed"):
        pool.use(Line())


def test_the_last_used_is_taken_first_and_what_is_old_is_closed() -> None:
    now = 0.0
    pool: Pool[Line] = Pool(lambda: now)
    old, young = Line(), Line()
    pool.give_back(old)
    now = 30.0
    pool.give_back(young)
    now = 70.0
    assert pool.take() is young
    assert pool.take() is None
    assert (old.closed, young.closed) == (1, 0)


def test_closing_closes_what_is_idle_and_what_is_used_and_what_comes_back_later() -> None:
    pool: Pool[Line] = Pool(lambda: 0.0)
    idle, used, late = Line(), Line(), Line()
    pool.give_back(idle)
    pool.use(used)
    assert pool.close() == [idle, used]
    pool.give_back(late)
    assert (idle.closed, used.closed, late.closed) == (1, 1, 1)
