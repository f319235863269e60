"""Waiting for a slot, and being refused where too many wait."""

from __future__ import annotations

from tests.embedded.asking import ask, asking, sent
from tests.embedded.recorded import recordings
from tests.embedded.servers import SHORT, STORY, first_line, server


def test_beyond_the_queue_is_busy() -> None:
    recorded = recordings()["busy"]
    with server(slots=1, queue=1) as host:
        with asking(host, "POST", "/api/generate", STORY) as response:
            first_line(response)
            others = [sent(host, "POST", "/api/generate", SHORT) for _ in range(3)]
            refused = ask(host, "POST", "/api/generate", SHORT)
        statuses = sorted(each.getresponse().status for each in others)
        for each in others:
            each.close()
    assert (refused.status, refused.body.decode()) == (recorded.status, recorded.text)
    assert refused.headers["content-type"] == "application/json; charset=utf-8"
    assert "retry-after" not in refused.headers
    assert statuses == [200, 503, 503]


def test_slots_answer_at_the_same_time_and_as_if_alone() -> None:
    body = {
        "model": SHORT["model"],
        "prompt": "Name three colours.",
        "stream": False,
        "options": {"temperature": 0, "num_predict": 24},
    }
    with server(slots=3) as host:
        alone = ask(host, "POST", "/api/generate", body).json["response"]
        with asking(host, "POST", "/api/generate", STORY) as response:
            first_line(response)
            together = [sent(host, "POST", "/api/generate", body) for _ in range(4)]
            answers = [each.getresponse().read() for each in together]
            for each in together:
                each.close()
            assert first_line(response)
    assert all(f'"response":"{alone}"'.replace("\n", "\\n").encode() in answer for answer in answers)
