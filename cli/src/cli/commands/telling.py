"""What is told while an answer is on its way: who answers, what is waited for, and the answer itself."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING

from cli.commands.facts import cut_of, facts_of, is_cut_as_asked, silence_of, taken_by
from cli.commands.heading import head, introduce, tell_material
from cli.commands.invocation import Invocation
from cli.commands.showing import awaited, holds_back, shows_thinking, view_of
from cli.ending import interruption
from cli.failure import ReaderGone
from cli.logger import get_logger
from cli.services import watching
from cli.services.answering import Answering, Asking, Looking, Pulling, Shortened, Shortening, StandingIn, Step
from cli.terminal.escape_filter import harmless_line
from cli.terminal.numbers import counted, size
from cli.terminal.presentation import Presentation
from cli.terminal.screen import DIM, Screen
from cli.terminal.waiting import Awaited
from vuhitra.errors import OllamaOutputError
from vuhitra.reply import Done, Event, Reply, Text, Thinking, ToolCall

if TYPE_CHECKING:
    from typing import Self

    from cli.terminal.answers import AnswerView
    from cli.terminal.output_file import OutputFile
    from cli.terminal.thinking import ThinkingShown
    from vuhitra import ProgressStream


class Telling:
    """A context manager around the steps of one answer."""

    def __init__(self, call: Invocation, presentation: Presentation) -> None:
        self._call = call
        self._presentation = presentation
        self._held_back = holds_back(call, presentation)
        self._view: AnswerView
        self._file: OutputFile | None = None
        self._thinking: ThinkingShown | None = None
        self._waiting = call.waiting(watching.CONNECTING)
        self._asked: Asking | None = None
        self._asked_at = 0.0
        self._first_word: float | None = None
        self._answers = False
        self._watch: watching.Watch | None = None
        self._introduced = False

    def __enter__(self) -> Self:
        out = self._call.out
        with ExitStack() as undo:
            if path := self._presentation.output:
                from cli.terminal.output_file import OutputFile

                self._file = OutputFile(path)
                undo.callback(self._file.discard)
                out = Screen(self._file.stream, carries_the_answer=True)
            self._view = view_of(self._call, self._presentation, out)
            if shows_thinking(self._call, self._presentation):
                from cli.terminal.thinking import ThinkingShown

                self._thinking = ThinkingShown(self._call.err, self._call.environment.monotonic)
            self._waiting.start()
            undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._waiting.stop()
        if isinstance(error, KeyboardInterrupt) and not self._call.flags.json:
            self._call.err.start_afresh(error)
        if self._thinking:
            self._thinking.end(answered=False)
        try:
            self._tell_of_end(error)
        finally:
            if self._file:
                self._file.discard()

    def _tell_of_end(self, error: BaseException | None) -> None:
        """Keep what was said, and say so. Raises what explains an error better."""
        facts = self._facts(error.reply if isinstance(error, OllamaOutputError) else None)
        if isinstance(error, KeyboardInterrupt):
            words = self._view.stopped(facts, interruption(error))
            kept = f", kept in {self._keep()}" if self._keeps_some else ""
            if words:
                error.add_note(f"Stopped after {counted(words, 'word')}{kept}.")
        elif isinstance(error, Exception) and not isinstance(error, ReaderGone):
            from cli.commands.breaking_off import explained
            from cli.reporting import report_of
            from cli.terminal.errors import as_object

            better = explained(error, self._model, self._presentation, said=self._shows_parts)
            self._view.failed(facts, as_object(report_of(better, self._call.environment.variables)))
            if self._keeps_some:
                self._keep()
            if better is not error:
                raise better from error
        elif error is None and self._file:
            written = self._file.size
            self._call.aside(f"Written to {self._keep()}, {size(written)}")

    @property
    def _shows_parts(self) -> bool:
        """Whether what was said before a break is there to be read."""
        return self._first_word is not None and (self._call.flags.json or not self._held_back)

    @property
    def _keeps_some(self) -> bool:
        return bool(self._file and self._file.size and not self._file.is_cut and self._first_word is not None)

    def _keep(self) -> str:
        """The file that has the answer has it for good; its name."""
        if self._file:
            self._file.keep()
        return harmless_line(self._presentation.output or "")

    def tell(self, step: Step) -> None:
        """Tell what has come of a step, and of the answer all there is."""
        match step:
            case StandingIn(model, first):
                self._stand_in(model, first=first)
            case Looking(models):
                self._waiting.now(f"looking at {counted(models, 'model')}")
            case Asking():
                self._ask(step)
            case Pulling(model, records):
                self._fetch(model, records)
                self._watch_anew()
                self._wait_for(f"loading {model}")
            case Shortening(tokens):
                self._watch_anew(tokens)
            case Shortened(said):
                get_logger("cli").warning(harmless_line(said))
            case Answering(stream):
                for event in stream.events():
                    self._hand_on(event)

    def _stand_in(self, model: str, *, first: bool) -> None:
        self._waiting.stop()
        if self._call.narrates:
            introduce(self._call, model, at_length=first and self._call.tells)
            self._introduced = True
        self._wait_for(f"loading {model}")

    def _ask(self, asking: Asking) -> None:
        self._asked, self._asked_at = asking, self._call.environment.monotonic()
        self._watch_anew()
        if not self._introduced:
            self._waiting.now(watching.CONNECTING)
            head(self._call, asking)
        tell_material(self._call, asking)
        self._waiting.look = self._look

    def _watch_anew(self, tokens: int | None = None) -> None:
        """The question is sent from now on, with so many tokens; None: all of it."""
        if asking := self._asked:
            clock, known = self._call.environment.monotonic, tokens or asking.question.tokens
            self._watch = watching.Watch(asking.server, asking.model, self._call.memory, clock, known)

    def _fetch(self, model: str, records: ProgressStream) -> None:
        """A model that isn't there is fetched; how large it is, is said before that."""
        from cli.commands.transferring import measured, transfer

        self._waiting.look = None
        self._waiting.now(f"looking for {model}")
        with records:
            total, steps = measured(records)
            self._waiting.stop()
            where = f" at {self._asked.server.name}" if self._asked else ""
            much = f" ({size(total)})" if total else ""
            self._call.note(harmless_line(f"no model {model}{where}; fetching it{much}"))
            transfer(self._call, model, records, steps=steps)

    def _hand_on(self, event: Event) -> None:
        match event:
            case Text(text):
                self._hear_text()
                self._view.text(text)
            case Thinking(text):
                self._hear_thinking(text)
                self._view.thinking(text)
            case ToolCall(name, arguments, id):
                self._view.tool_call({"name": name, "arguments": dict(arguments), "id": id})
            case Done(reply):
                self._finish(reply)

    def _hear_text(self) -> None:
        if self._answers:
            return
        self._answers = True
        if self._first_word is None:
            self._first_word = self._call.environment.monotonic() - self._asked_at
        was_thinking = self._thinking.end(answered=True) if self._thinking else False
        if not self._held_back:
            self._waiting.stop()
        elif was_thinking:
            self._wait_for("answering")
        else:
            self._waiting.now("answering")
        self._waiting.look = None

    def _hear_thinking(self, text: str) -> None:
        self._answers = False
        self._waiting.look = None
        if self._thinking:
            self._waiting.stop()
            self._thinking.feed(text)
        elif self._held_back or self._first_word is None:
            self._waiting.now("thinking")

    def _finish(self, reply: Reply) -> None:
        self._waiting.stop()
        if self._thinking:
            self._thinking.end(answered=bool(reply))
        self._view.done(self._facts(reply))
        asked = self._asked
        if asked and asked.server.engine == "ollama":
            self._call.memory.note_load(asked.server.host.url, asked.model, reply.stats.load_duration)
        self._tell_of_lack(reply, asked)
        if self._presentation.stats and not self._call.flags.json:
            self._tell_statistics(reply)

    def _tell_of_lack(self, reply: Reply, asked: Asking | None) -> None:
        """What the text doesn't show: that it was cut, which is a loss unless it was asked for; that there is none."""
        if said := cut_of(reply, self._model):
            is_wanted = asked is not None and is_cut_as_asked(reply, asked.question)
            (self._call.note if is_wanted else get_logger("cli").warning)(said)
        if said := silence_of(reply, self._model):
            self._call.note(said)

    def _tell_statistics(self, reply: Reply) -> None:
        from cli.terminal.statistics import statistics

        err, model = self._call.err, harmless_line(reply.model or self._model)
        for line in statistics(taken_by(reply, self._first_word), model, reply.stopped_by, err.width):
            err.line(line, DIM)

    def _facts(self, reply: Reply | None) -> dict[str, object]:
        return facts_of(self._asked, reply, self._first_word)

    @property
    def _model(self) -> str:
        return self._asked.model if self._asked else "the model"

    def _look(self) -> Awaited | None:
        return awaited(self._watch) if self._watch else None

    def _wait_for(self, phase: str) -> None:
        self._waiting = self._call.waiting(phase)
        self._waiting.look = self._look
        self._waiting.start()
