"""The `options` of a request."""

from __future__ import annotations

from typing import Any

import pytest

from cli.services.embedded.options import Options


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({}, "temperature", 0.8),
        ({}, "repeat_penalty", 1.0),
        ({"num_predict": 3.7}, "num_predict", 3),
        ({"num_predict": -1.2}, "num_predict", -1),
        ({"seed": 1e300}, "seed", 2**31 - 1),
        ({"temperature": 0}, "temperature", 0.0),
        ({"temperature": None}, "temperature", 0.8),
        ({"temprature": "hot"}, "temperature", 0.8),
        ({"stop": ["a", "b"]}, "stop", ("a", "b")),
        ({"num_gpu": 1, "use_mmap": True}, "num_ctx", None),
    ],
)
def test_options_are_read(given: dict[str, Any], field: str, value: object) -> None:
    assert getattr(Options().updated(given), field) == value


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"num_ctx": "4k"}, 'option "num_ctx" must be of type integer'),
        ({"seed": True}, 'option "seed" must be of type integer'),
        ({"num_gpu": []}, 'option "num_gpu" must be of type integer'),
        ({"temperature": "hot"}, 'option "temperature" must be of type float32'),
        ({"top_p": {}}, 'option "top_p" must be of type float32'),
        ({"stop": "x"}, 'option "stop" must be of type array'),
        ({"stop": [1]}, 'option "stop" must be of an array of strings'),
        ({"use_mmap": 1}, 'option "use_mmap" must be of type boolean'),
    ],
)
def test_a_wrong_type_is_refused_in_ollamas_words(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        Options().updated(given)
    assert str(caught.value) == why


@pytest.mark.parametrize(("num_ctx", "window"), [(None, 4096), (0, 4096), (256, 256), (1, 4), (-5, 4), (10**9, 8192)])
def test_the_window_is_no_larger_than_the_model_allows(num_ctx: int | None, window: int) -> None:
    assert Options(num_ctx=num_ctx).window(default=4096, limit=8192) == window


@pytest.mark.parametrize(("num_predict", "limit"), [(-1, 2560), (0, 2560), (7, 7), (10**6, 2560)])
def test_an_answer_ends_after_ten_windows_at_the_latest(num_predict: int, limit: int) -> None:
    assert Options(num_predict=num_predict).answer_limit(256) == limit


def test_what_the_engine_chokes_on_is_not_sent_to_it() -> None:
    options = Options(seed=-7, repeat_last_n=-1, repeat_penalty=0, stop=("", "x"), temperature=-1, num_keep=-1)
    sampling = options.sampling(window=256)
    assert sampling["repeat_last_n"] == 256
    assert sampling["repeat_penalty"] == 1.0
    assert sampling["stop"] == ["x"]
    assert sampling["temperature"] == 0
    assert sampling["n_keep"] == 0
    assert sampling["seed"] == -1
