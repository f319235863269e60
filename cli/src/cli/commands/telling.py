"""What is told while an answer is on its way: who answers, what is waited for, and the answer itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING

from cli.commands.invocation import Invocation
from cli.commands.pulling import pull
from cli.ending import interruption, report_of
from cli.failure import ReaderGone
from cli.logger import attempts_heard
from cli.services import watching
from cli.services.answering import Answering, Asking, Pulling, StandingIn, Step
from cli.services.memory import BUILT_IN_INTRODUCED
from cli.services.servers import Server
from cli.terminal.answers import AnswerView, JsonAnswer, JsonLines, TextAnswer
from cli.terminal.escape_filter import shown_in_line
from cli.terminal.numbers import counted, size
from cli.terminal.screen import BOLD, DIM
from vuhitra.reply import Done, Event, Reply, Text, Thinking, ToolCall

if TYPE_CHECKING:
    from typing import Self


class Telling:
    """A context manager around the steps of one answer.

    stream: whether pieces are printed as they come; None: as is usual for the kind of output.
    """

    def __init__(self, call: Invocation, stream: bool | None) -> None:
        self._call = call
        self._held_back = call.flags.json if stream is None else not stream
        self._view = _view(call, held_back=self._held_back)
        self._waiting = call.waiting(watching.CONNECTING)
        self._stack = ExitStack()
        self._asked: Asking | None = None
        self._introduced = False

    def __enter__(self) -> Self:
        self._stack.enter_context(attempts_heard(self._hear_of_attempt))
        self._waiting.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._waiting.stop()
        self._stack.close()
        if isinstance(error, KeyboardInterrupt):
            words = self._view.stopped(interruption(error))
            if words and not hasattr(error, "__notes__"):
                error.add_note(f"Stopped after {counted(words, 'word')}.")
        elif isinstance(error, Exception) and not isinstance(error, ReaderGone):
            from cli.terminal.errors import as_object

            self._view.failed(as_object(report_of(error)))

    def tell(self, step: Step) -> None:
        """Tell what has come of a step, and of the answer all there is."""
        match step:
            case StandingIn(model, first):
                self._introduce(model, at_length=first and self._call.tells)
                self._wait_for(f"loading {model}")
            case Asking(server, model):
                self._asked = step
                self._head(server, model)
                self._waiting.look = self._look
            case Pulling(model, records):
                self._waiting.stop()
                where = f" at {self._asked.server.name}" if self._asked else ""
                self._call.note(shown_in_line(f"no model {model}{where}; fetching it"))
                pull(self._call, model, records)
                self._wait_for(f"loading {model}")
            case Answering(stream):
                for event in stream.events():
                    self._hand_on(event)

    def _hand_on(self, event: Event) -> None:
        match event:
            case Text(text):
                if self._held_back:
                    self._waiting.now("answering")
                else:
                    self._waiting.stop()
                self._view.text(text)
            case Thinking(text):
                self._waiting.now("thinking")
                self._view.thinking(text)
            case ToolCall(name, arguments, id):
                self._view.tool_call({"name": name, "arguments": dict(arguments), "id": id})
            case Done(reply):
                self._waiting.stop()
                self._view.done(self._facts(reply))
                for note in notes_on(reply, self._asked.model if self._asked else "the model"):
                    self._call.note(note)

    def _introduce(self, model: str, *, at_length: bool) -> None:
        """Who answers where no server is; at length once, to a person, and in a line from then on."""
        if not self._call.narrates:
            return
        self._waiting.stop()
        err = self._call.err
        before, after = "No Ollama server here, so the built-in model answers: ", "."
        err.line(err.paint(before, DIM) + err.paint(model, BOLD) + err.paint(after, DIM))
        if at_length:
            better = "Better: ollama.com/download, or set OLLAMA_IP."
            err.line(f"It is small and often wrong. {better}", DIM)
            err.line()
            self._call.memory.remember(BUILT_IN_INTRODUCED)
        self._introduced = True

    def _head(self, server: Server, model: str) -> None:
        if self._introduced:
            return
        where = f" at {server.host.name}" if server.is_remote else ""
        if server.engine == "embedded":
            where = ", built in"
        self._call.aside(f"Model: {shown_in_line(model)}{where}")

    def _facts(self, reply: Reply) -> dict[str, object]:
        server = self._asked.server if self._asked else None
        return {
            "model": reply.model,
            "host": server.host.url if server else None,
            "engine": server.engine if server else None,
            "done_reason": reply.done_reason,
            "stopped_by": reply.stopped_by,
            "stats": reply.stats._asdict(),
        }

    def _look(self) -> str | None:
        if self._asked is None:
            return None
        phase = watching.phase(*self._asked)
        if phase is None:
            return None
        return f"{phase.words} ({size(phase.size)})" if phase.size else phase.words

    def _hear_of_attempt(self, attempt: str) -> None:
        self._waiting.now(f"trying again ({attempt})")

    def _wait_for(self, phase: str) -> None:
        self._waiting = self._call.waiting(phase)
        self._waiting.look = self._look
        self._waiting.start()


def notes_on(reply: Reply, asked: str) -> Iterator[str]:
    """What the text of an answer doesn't show about it. asked: the model, where the reply names none."""
    model = shown_in_line(reply.model or asked)
    match reply.stopped_by:
        case "limit":
            yield f"{model} was stopped after {reply.stats.eval_count} tokens"
        case "window":
            yield f"{model} stopped after {reply.stats.eval_count} tokens: its window is full"
        case "length":  # the server doesn't say which
            yield f"{model} stopped after {reply.stats.eval_count} tokens: its window is full, or its limit reached"
        case _:
            pass
    if not (reply or reply.tool_calls):
        yield f"{model} answered nothing"


def _view(call: Invocation, *, held_back: bool) -> AnswerView:
    if not call.flags.json:
        return TextAnswer(call.out, held_back=held_back)
    return JsonAnswer(call.out) if held_back else JsonLines(call.out)
