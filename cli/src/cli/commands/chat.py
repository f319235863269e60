"""`vuhitra chat`: one prompt, one answer."""

from __future__ import annotations

from contextlib import closing

import click

from cli.commands.command import Command, check_model_names
from cli.commands.invocation import Invocation, invocation
from cli.commands.telling import Telling
from cli.failure import Failure
from cli.services.answering import answer
from cli.services.prompts import joined, question_of, read_text


@click.command(cls=Command)
@click.argument("prompt", nargs=-1)
@click.option(
    "-m",
    "--model",
    metavar="NAME",
    callback=check_model_names,
    help="The model to ask, instead of MODEL's.",
)
@click.option(
    "--stream/--no-stream",
    default=None,
    help="Print the answer as it is made (so it is, unless --json), or once it is whole.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    help="How long the answer may take to begin, and each piece of it to follow.",
)
@click.option("--pull/--no-pull", default=True, help="Fetch a model that isn't there (so it is), or fail.")
@click.option("--no-stdin", is_flag=True, help="Don't read stdin.")
@click.pass_context
def chat(
    context: click.Context,
    prompt: tuple[str, ...],
    *,
    model: str | None,
    stream: bool | None,
    timeout: float | None,
    pull: bool,
    no_stdin: bool,
) -> None:
    """Ask a model: one prompt, one answer.

    What comes in on stdin goes before PROMPT. Without PROMPT it is the whole prompt.

    \b
    Examples:
      vuhitra chat "What is Python?"
      vuhitra chat --stream "Explain machine learning"
      vuhitra chat --model smollm2:135m "Write a Python function"
      echo "2 + 2" | vuhitra chat "What does this make?"
    """
    call = invocation(context, model, timeout)
    text = _prompt(context, call, prompt, no_stdin=no_stdin)
    steps = answer(text, call.settings, call.memory, pull=pull)
    with closing(steps), Telling(call, stream) as telling:
        for step in steps:
            telling.tell(step)


def _prompt(context: click.Context, call: Invocation, words: tuple[str, ...], *, no_stdin: bool) -> str:
    """Material and question. Raises Failure where there is neither."""
    question = question_of(words)
    stdin = call.environment.stdin
    if no_stdin or stdin.is_terminal:
        if question.strip():
            return question
        if not call.flags.json:
            call.err.line(context.get_help() + "\n")
        raise _nothing_asked("PROMPT is missing")

    def note() -> None:
        call.note("waiting for stdin; --no-stdin if there is none")

    text = joined(read_text(stdin.bytes, note if question else None), question)
    if not text.strip():
        raise _nothing_asked("PROMPT is missing, and stdin is empty")
    return text


def _nothing_asked(what: str) -> Failure:
    return Failure(what, hint='vuhitra chat "Why is the sky blue?"')
