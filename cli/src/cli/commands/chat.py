"""`vuhitra chat`: one prompt, one answer."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING

import click

from cli.commands.asking import question_in
from cli.commands.chat_flags import AskingCommand, Given, chat_flags, level_behind_a_blank
from cli.commands.command import typed_words
from cli.commands.invocation import Invocation, invocation
from cli.commands.telling import Telling
from cli.failure import Failure
from cli.services.answering import answer
from cli.services.choosing import WhichModel
from cli.services.prompts import OnlyNames
from cli.services.question import Question
from cli.terminal.presentation import Presentation
from vuhitra.errors import OllamaError

if TYPE_CHECKING:
    from typing import Unpack

    from cli.config import Settings


@click.command(cls=AskingCommand)
@click.argument("prompt", nargs=-1)
@chat_flags
@click.pass_context
def chat(context: click.Context, prompt: tuple[str, ...], **given: Unpack[Given]) -> None:
    """Ask a model: one prompt, one answer.

    Material goes first and the question last: files in their order, then stdin, then PROMPT.

    \b
    Examples:
      vuhitra chat "What is Python?"
      vuhitra chat --stream "Explain machine learning"
      vuhitra chat --model smollm2:135m "Write a Python function"
      echo "2 + 2" | vuhitra chat "What does this make?"
      vuhitra chat -s "Answer in one word." --temperature 0 "Are whales fish?"
      echo "It rained." | vuhitra chat -f - "How was the weather?"
      vuhitra chat --show-prompt --schema "name, age int" "Ann is 41."
      while read -r q; do vuhitra chat --no-stdin "$q"; done < questions.txt
    """
    call = invocation(context, given["model"], given["timeout"], sends=not given["show_prompt"])
    try:
        question = question_in(call, prompt, given)
    except OnlyNames as error:
        from cli.misuse import with_files

        error.hint = with_files(context.command, typed_words(context), prompt, error.paths)
        raise
    if given["think"] is True and (level := level_behind_a_blank(context.command, typed_words(context))) in prompt:
        call.note(f"{level} is part of the prompt; --think={level} sets a level")
    if given["show_prompt"]:
        if given["output"]:
            raise Failure("--show-prompt and --output exclude each other: there is no answer to write")
        from cli.commands.prompt_preview import show_prompt

        show_prompt(call, question)
        return
    try:
        _tell(call, question, given, context)
    except WhichModel as unclear:
        if not call.can_ask:
            raise
        model = call.choose("Which model?", list(unclear.names))
        _tell(call._replace(settings=call.settings.with_flags(model=model)), question, given, context)


def _tell(call: Invocation, question: Question, given: Given, context: click.Context) -> None:
    words, pipes = typed_words(context), any(each.name == "stdin" for each in question.materials)

    def instead(model: str | None) -> str:
        from cli.misuse import for_built_in

        line = None if pipes else for_built_in(context.command, words, model)
        named = f", and {model} as the model" if model else ""
        return line or f"the same with --embedded{named}"

    steps = answer(
        question,
        call.settings,
        call.memory,
        instead,
        pull=given["pull"] and _may_be_fetched(call.settings),
        retries=given["retries"],
        wait=given["wait"],
        looks=call.tells,
    )
    with closing(steps), Telling(call, _presentation(call, given)) as telling:
        try:
            for step in steps:
                telling.tell(step)
        except OllamaError as error:
            from cli.commands.breaking_off import tell_to_try_again

            tell_to_try_again(error, words, pipes=pipes)
            raise


def _may_be_fetched(settings: Settings) -> bool:
    if not settings.model_is_of_dotenv:
        return True
    from cli.services.trust import may_be_fetched

    return may_be_fetched(settings)


def _presentation(call: Invocation, given: Given) -> Presentation:
    return Presentation(
        stream=call.flags.stream,
        is_checked=given["schema"] is not None,
        show_thinking=given["show_thinking"],
        extract=given["extract"],
        stats=given["stats"],
        output=_file_named(given["output"], call.environment.variables),
        plain=given["plain"],
    )


def _file_named(output: str | None, variables: Mapping[str, str]) -> str | None:
    """The file that gets the answer; None where that is stdout, whatever it is called."""
    if output is None or output == "-":
        return None
    from cli.services.reading import expanded
    from cli.terminal.output_file import STDOUT, descriptor_of

    path = expanded(output, variables)
    return None if descriptor_of(path) == STDOUT else path
