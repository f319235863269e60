"""Modelfiles are read as Ollama's own client reads them, and what can't be read says where."""

from __future__ import annotations

import logging
import pickle
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vuhitra.modelfile import ModelfileError, decode, parse

WHOLE = """
# A model that talks like a pirate.
FROM smollm2:latest

  # indented, as the next command is
  Parameter temperature 0.7
PARAMETER num_ctx 4096
PARAMETER stop <|im_start|>
parameter stop "<|im_end|> "
TEMPLATE \"\"\"{{ .System }}

{{ .Prompt }}\"\"\"
SYSTEM You are a pirate. # and no comment
ADAPTER ./pirate.gguf
LICENSE MIT
LICENSE \"\"\"
Do as you please.
\"\"\"
MESSAGE system Be brief.
MESSAGE user Who are "you"?
MESSAGE assistant \"\"\"A pirate.
Arr.\"\"\"
REQUIRES v0.14.0
RENDERER chatml
PARSER none
DRAFT ./small.gguf
"""


def test_all_commands_are_read() -> None:
    said = parse(WHOLE)
    assert said._asdict() == {
        "from_": ("smollm2:latest",),
        "adapters": ("./pirate.gguf",),
        "drafts": ("./small.gguf",),
        "template": "{{ .System }}\n\n{{ .Prompt }}",
        "system": "You are a pirate. # and no comment",
        "license": ("MIT", "\nDo as you please.\n"),
        "parameters": {"temperature": 0.7, "num_ctx": 4096, "stop": ["<|im_start|>", "<|im_end|> "]},
        "messages": (
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": 'Who are "you"?'},
            {"role": "assistant", "content": "A pirate.\nArr."},
        ),
        "requires": "0.14.0",
        "renderer": "chatml",
        "parser": "none",
    }


def test_what_is_not_said_is_none_or_empty() -> None:
    assert parse("FROM a")._asdict() == {
        "from_": ("a",),
        "adapters": (),
        "drafts": (),
        "template": None,
        "system": None,
        "license": (),
        "parameters": {},
        "messages": (),
        "requires": None,
        "renderer": None,
        "parser": None,
    }


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a  b  ", "a  b"),
        ('"  a  b  "', "  a  b  "),
        ('"""  a\nb  """   ', "  a\nb  "),
        ('""', ""),
        ('""""""', ""),
        (" ", ""),
        ('"a\nb"', "a\nb"),
        ('"""\n\na\n"""', "\n\na\n"),
        ('"""say "hi" ""twice"" now"""', 'say "hi" ""twice"" now'),
        ('say "hi"', 'say "hi"'),
        ('"a" b"', 'a" b'),
        ('"""a""" b\nc"""', 'a""" b\nc'),
        ("'a'", "'a'"),
        ("# a", "# a"),
        ("a\u2028b\u0085c", "a\u2028b\u0085c"),
        ("\N{WOMAN}\u200d\N{PERSONAL COMPUTER}", "\N{WOMAN}\u200d\N{PERSONAL COMPUTER}"),
        ("\ta\tb\t", "a\tb"),
    ],
)
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nPARAMETER top_k 1"])
def test_values(written: str, meant: str, end: str) -> None:
    assert parse(f"FROM m\nSYSTEM {written}{end}").system == meant
    assert parse(f"FROM m\nMESSAGE user {written}{end}").messages == ({"role": "user", "content": meant},)


def test_the_last_of_what_can_be_said_once_counts() -> None:
    said = parse("FROM m\nSYSTEM a\nSYSTEM b\nPARAMETER seed 1\nPARAMETER seed 2")
    assert (said.system, said.parameters) == ("b", {"seed": 2})


def test_several_files_to_begin_with() -> None:
    assert parse("FROM ./a.gguf\nFROM ./mmproj.gguf").from_ == ("./a.gguf", "./mmproj.gguf")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_a_byte_order_mark(mark: str, end: str) -> None:
    said = parse(f'{mark}FROM m{end}{end}SYSTEM """a{end}b"""{end}PARAMETER seed 1{end}')
    assert said.from_ == ("m",)
    assert said.system == f"a{end}b"
    assert said.parameters == {"seed": 1}


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("num_ctx 4096", 4096),
        ("num_predict -1", -1),
        ("seed +7", 7),
        ("draft_num_predict 4", 4),
        ("temperature 1", 1.0),
        ("top_p .9", 0.9),
        ("min_p 5e-2", 0.05),
        ("use_mmap true", True),
        ("use_mmap F", False),
        ('stop "### User:\n"', ["### User:\n"]),
        ("stop 5", ["5"]),
    ],
)
def test_parameters_are_of_the_types_that_the_server_expects(parameter: str, value: object) -> None:
    read = parse(f"FROM m\nPARAMETER  {parameter}").parameters[parameter.split(maxsplit=1)[0]]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "without a FROM"),
        ("# nothing\n\nSYSTEM a\n", 3, "without a FROM"),
        ("FROM m\n\nFORM a", 3, "'FORM' is no command"),
        ("FROM m\r\n\r\nFORM a", 3, "'FORM' is no command"),
        ('FROM m\nSYSTEM """a\nb"""\nb', 4, "'b' is no command"),
        ("{}", 1, "'{}' is no command"),
        ("FROM\n", 1, "FROM has no value"),
        ("FROM ", 1, "FROM has no value"),
        ('FROM ""', 1, "FROM has no value"),
        ('FROM m\nADAPTER ""', 2, "ADAPTER has no value"),
        ("FROM m\nSYSTEM", 2, "SYSTEM has no value"),
        ("FROM m\nPARAMETER", 2, "PARAMETER has no value"),
        ("FROM m\nPARAMETER ", 2, "PARAMETER has no value"),
        ("FROM m\nPARAMETER num_ctx", 2, "PARAMETER num_ctx has no value"),
        ("FROM m\nPARAMETER num_ctx\nSYSTEM a", 2, "PARAMETER num_ctx has no value"),
        ("FROM m\nMESSAGE user", 2, "MESSAGE user has no value"),
        ("FROM m\nMESSAGE badguy hi", 2, "'badguy'"),
        ('FROM m\nSYSTEM """a\nb""\n', 2, "doesn't end"),
        ('FROM m\nSYSTEM "', 2, "doesn't end"),
        ('FROM m\nSYSTEM "a" b\nPARAMETER seed 1', 2, "doesn't end"),
        ("FROM m\nPARAMETER nmu_ctx 1", 2, "no parameter 'nmu_ctx'; there are num_ctx"),
        ("FROM m\nPARAMETER num_ctx 1.5", 2, "num_ctx is a whole number, not '1.5'"),
        ("FROM m\nPARAMETER num_ctx 1_000", 2, "whole number"),
        ("FROM m\nPARAMETER num_ctx \u0663", 2, "whole number"),
        ("FROM m\nPARAMETER seed 9223372036854775808", 2, "whole number"),
        (f"FROM m\nPARAMETER seed {'9' * 5000}", 2, "whole number"),
        ("FROM m\nPARAMETER temperature warm", 2, "a number"),
        ("FROM m\nPARAMETER temperature nan", 2, "a number"),
        ("FROM m\nPARAMETER temperature 1e999", 2, "a number"),
        ("FROM m\nPARAMETER use_mmap yes", 2, "true or false"),
        ("FROM m\nREQUIRES soon", 2, "REQUIRES is a version"),
    ],
)
def test_what_is_wrong_names_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(ModelfileError) as raised:
        parse(text)
    assert raised.value.line == line
    assert str(raised.value).startswith(f"line {line} of the Modelfile: ")
    assert said in str(raised.value)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_parameters_of_old_are_passed_over_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="vuhitra"):
        assert parse("FROM m\nPARAMETER mirostat 2").parameters == {}
    assert "line 2 of the Modelfile: the parameter mirostat has no effect" in caplog.text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_may_be_utf8_or_marked_utf16(encoding: str) -> None:
    assert parse(decode("FROM m\nSYSTEM ä\N{GRINNING FACE}".encode(encoding))).system == "ä\N{GRINNING FACE}"


@pytest.mark.parametrize(("data", "line"), [(b"FROM m\nSYSTEM \xe4", 2), (b"\xff\xfeF", 1)])
def test_what_is_no_text_names_its_line(data: bytes, line: int) -> None:
    with pytest.raises(ModelfileError, match=f"line {line} of the Modelfile: it is not UTF-"):
        decode(data)


def test_a_long_value_takes_no_long_time() -> None:
    text = "a\n" * 200_000
    assert parse(f'FROM m\nLICENSE """{text}"""').license == (text,)


def is_writable(text: str) -> bool:
    """Whether quotes can hold a text: they end with the first line that ends as they do."""
    first, *others = re.split(r"[\r\n]", f'"""{text}"""')
    closed = [line.rstrip().endswith('"""') for line in others]
    ends_at_once = first.rstrip().endswith('"""') and len(first.rstrip()) >= 6
    return not any(closed[:-1]) and not (others and ends_at_once)


TEXTS = st.text(max_size=40).filter(is_writable)
WORDS = st.from_regex(r"[a-z0-9./:~-]+", fullmatch=True)
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "num_ctx": st.integers(-(2**63), 2**63 - 1),
        "temperature": st.floats(allow_nan=False, allow_infinity=False),
        "use_mmap": st.booleans(),
        "stop": st.lists(TEXTS, min_size=1, max_size=3),
    },
)
MESSAGES = st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), TEXTS), max_size=3)


def quoted(text: str) -> str:
    return f'"""{text}"""'


@given(WORDS, st.none() | TEXTS, st.lists(TEXTS, max_size=2), PARAMETERS, MESSAGES)
def test_what_is_written_is_read(
    begin: str, system: str | None, license_: list[str], parameters: dict[str, Any], messages: list[tuple[str, str]]
) -> None:
    lines = [f"FROM {begin}", *(f"LICENSE {quoted(text)}" for text in license_)]
    if system is not None:
        lines.append(f"SYSTEM {quoted(system)}")
    given_ = [(name, one) for name, value in parameters.items() for one in ([value] if name != "stop" else value)]
    lines += [f"PARAMETER {name} {quoted(str(value))}" for name, value in given_]
    lines += [f"MESSAGE {role} {quoted(text)}" for role, text in messages]
    said = parse("\n".join(lines))
    assert (said.from_, said.system, said.license) == ((begin,), system, tuple(license_))
    assert said.parameters == parameters
    assert said.messages == tuple({"role": role, "content": text} for role, text in messages)


WORDS_OF_IT = ["FROM", "PARAMETER", "stop", "num_ctx", "MESSAGE", "user", "#"]
PIECES = st.sampled_from(['"', '"""', "\n", "\r\n", "\r", " ", "\t", *WORDS_OF_IT])


def line_at_fault(text: str) -> int:
    """Which line can't be read; 1 for a text that can."""
    try:
        parse(text)
    except ModelfileError as error:
        return error.line
    return 1


@given(st.lists(PIECES | st.text(max_size=5)).map("".join))
def test_nothing_but_a_value_error_comes_of_any_text(text: str) -> None:
    assert 1 <= line_at_fault(text) <= len(text) + 1
    assert 1 <= line_at_fault(f"FROM m\n{text}") <= len(text) + 2


@given(st.binary())
def test_nothing_but_a_value_error_comes_of_any_bytes(data: bytes) -> None:
    try:
        text = decode(data)
    except ModelfileError:
        return
    assert line_at_fault(text)
