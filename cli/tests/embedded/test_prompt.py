"""From messages to a prompt."""

from __future__ import annotations

import pytest

from cli.services.embedded import prompt
from cli.services.embedded.template import Template

CHATML = Template(
    "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
)
OLDER = Template("{{ if .System }}<<{{ .System }}>>{{ end }}{{ if .Prompt }}[{{ .Prompt }}]{{ end }}{{ .Response }};")


def messages(*pairs: str) -> list[prompt.Message]:
    roles = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    return [{"role": roles[pair[0]], "content": pair[2:]} for pair in pairs]


def test_a_template_with_messages_gets_them_all() -> None:
    assert prompt.render(CHATML, messages("s:S", "u:U")) == (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize(
    ("given", "roles"),
    [
        (("u:a", "u:b"), ["user:a\n\nb"]),
        (("u:a", "u:"), ["user:a"]),
        (("t:a", "t:b"), ["tool:a", "tool:b"]),
        (("u:a", "a:b", "u:c"), ["user:a", "assistant:b", "user:c"]),
    ],
)
def test_neighbours_of_one_role_are_one_message(given: tuple[str, ...], roles: list[str]) -> None:
    template = Template("{{ range .Messages }}{{ .Role }}:{{ .Content }}|{{ end }}")
    assert prompt.render(template, messages(*given)).split("|")[:-1] == roles


def test_system_messages_are_one_text_for_a_template_that_asks_for_it() -> None:
    template = Template("{{ .System }}{{ range .Messages }}{{ end }}")
    assert prompt.render(template, messages("s:one", "u:x", "s:two")) == "one\n\ntwo"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (("u:a",), "[a]"),
        (("s:S", "u:a"), "<<S>>[a]"),
        (("u:a", "a:b", "u:c"), "[a]b;[c]"),
        (("s:S", "u:a", "a:b", "u:c", "a:d", "u:e"), "<<S>>[a]b;[c]d;[e]"),
        (("u:a", "s:S", "u:b"), "[a];<<S>>[b]"),
        (("u:a", "a:b"), "[a]b"),
        (("t:x", "u:a"), "[a]"),
    ],
)
def test_an_older_template_is_rendered_once_for_each_exchange(given: tuple[str, ...], text: str) -> None:
    assert prompt.render(OLDER, messages(*given)) == text


def test_tool_calls_have_the_names_that_templates_use() -> None:
    template = Template(
        "{{ range .Messages }}{{ range .ToolCalls }}{{ .Function.Name }}{{ json .Function.Arguments }}"
        "{{ end }}{{ end }}"
    )
    call = {"function": {"name": "add", "arguments": {"a": 1}}}
    assert prompt.render(template, [{"role": "assistant", "content": "", "tool_calls": [call]}]) == 'add{"a":1}'


def test_the_oldest_messages_go_first_and_system_and_the_last_stay() -> None:
    shorter = list(prompt.shortenings(messages("s:S", "u:1", "a:2", "u:3")))
    assert [[each["content"] for each in some] for some in shorter] == [
        ["S", "1", "2", "3"],
        ["S", "2", "3"],
        ["S", "3"],
    ]


def test_a_single_message_can_not_be_shortened() -> None:
    assert list(prompt.shortenings(messages("u:1"))) == []


@pytest.mark.parametrize(
    ("length", "window", "keep", "kept"), [(4013, 256, 4, 130), (300, 256, 4, 130), (300, 256, 0, 128), (20, 8, 99, 6)]
)
def test_a_prompt_is_cut_in_the_middle_to_about_half_the_window(length: int, window: int, keep: int, kept: int) -> None:
    tokens = list(range(length))
    cut = prompt.cut(tokens, window, keep)
    assert len(cut) == kept
    assert cut[-1] == tokens[-1]
    assert cut[:4] == tokens[:4] or keep < 4
