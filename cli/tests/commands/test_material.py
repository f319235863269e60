"""`-f`, `-a`, `-s @FILE` and stdin: what is read, in which order it is sent, and what is said of what can't be."""

from __future__ import annotations

import base64

import pytest

from cli.exit_status import Verdict
from cli.failure import Failure
from cli.services.composing import fence_for
from cli.services.fetching import fetch
from cli.services.file_kinds import kind_of
from cli.services.reading import LARGEST
from tests.commands.conftest import RoutedServer, Serve, generated
from tests.commands.running import SOON, World, in_terminal
from tests.scripted_server import Dribble, Flood, Hang, Step, stream, unused_url

PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
PDF = b"%PDF-1.7\n\xe2\xe3"


def prompt_of(world: World, server: RoutedServer, *args: str) -> str:
    """The prompt that a command line sends."""
    ran = world.run("chat", "-m", "m", "--host", server.url, *args)
    assert (ran.status, ran.out) == (0, "a\n"), ran.err
    return str(server.requests[-1].json["prompt"])


def refused(world: World, *args: str) -> str:
    """What is said of a command line that is wrong usage, without the word before it."""
    ran = world.run("chat", "-m", "m", "--host", unused_url(), *args)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("Error: ")
    return ran.err.removeprefix("Error: ")


def page(body: bytes, kind: str = "text/plain", status: int = 200, more: str = "") -> list[Step]:
    """What a web server answers."""
    type_line = f"Content-Type: {kind}\r\n" if kind else ""
    head = f"HTTP/1.1 {status} OK\r\n{type_line}{more}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return [head.encode() + body]


class TestOrder:
    def test_files_then_stdin_then_the_question(self, world: World, serve: Serve) -> None:
        (world.home / "b.txt").write_text("bee\n")
        (world.home / "a.txt").write_text("ay")
        piped = world.with_(stdin=b"from stdin\n")
        prompt = prompt_of(piped, serve(says=["a"]), "-f", "b.txt", "what", "-f", "a.txt", "now?")
        assert prompt == "```b.txt\nbee\n```\n\n```a.txt\nay\n```\n\nfrom stdin\n\nwhat now?"

    def test_a_dash_puts_stdin_in_its_place(self, world: World, serve: Serve) -> None:
        (world.home / "a.txt").write_text("ay")
        piped = world.with_(stdin=b"from stdin\n")
        prompt = prompt_of(piped, serve(says=["a"]), "-f", "-", "-f", "a.txt", "x")
        assert prompt == "from stdin\n\n```a.txt\nay\n```\n\nx"

    def test_stdin_can_be_read_once(self, world: World) -> None:
        for args in (["-f", "-", "-f", "-"], ["-f", "-", "-a", "-"]):
            assert refused(world, "x", *args).startswith("stdin is named twice, and can be read once\n")
        assert refused(world, "x", "-f", "-", "--no-stdin").startswith("--no-stdin, and yet a flag reads stdin")

    def test_a_flag_that_reads_a_silent_stdin_says_so(self, world: World, serve: Serve) -> None:
        args = ("chat", "-f", "-", "x", "-m", "m", "--host", serve(says=["a"]).url)
        with world.start(*args) as process:
            assert process.stderr
            assert process.stderr.readline() == b"note: waiting for stdin\n"
            assert process.communicate(b"text", timeout=SOON)[0] == b"a\n"
        with in_terminal(world, *args) as terminal:
            terminal.wait_for("note: waiting for stdin; Ctrl-D ends it")
            terminal.send("typed\n\x04")
            terminal.wait_for("a\r\n")
            assert terminal.end() == 0

    def test_that_it_is_empty_is_said_where_a_flag_names_it(self, world: World, serve: Serve) -> None:
        args = ("chat", "x", "-m", "m", "--host", serve(says=["a"]).url)
        assert world.run_process(*args, "-f", "-").err == "note: stdin is empty\n"
        assert world.run_process(*args, "-f", "-", "-q").err == ""
        assert world.run_process(*args).err == ""  # as where a program gives every child an empty pipe

    def test_material_alone_is_a_prompt(self, world: World, serve: Serve) -> None:
        (world.home / "a.txt").write_text("ay")
        assert prompt_of(world, serve(says=["a"]), "-f", "a.txt") == "```a.txt\nay\n```"

    def test_a_path_within_a_prompt_is_never_opened(self, world: World, serve: Serve) -> None:
        (world.home / "x.png").write_bytes(PNG)
        server = serve(says=["a"])
        assert prompt_of(world, server, "what is in ./x.png ?") == "what is in ./x.png ?"
        assert "images" not in server.requests[0].json


class TestFiles:
    @pytest.mark.parametrize(
        ("text", "fence"), [("a", "```"), ("a `b` c", "```"), ("```\n", "````"), ("`````x", "``````")]
    )
    def test_a_fence_is_longer_than_any_run_of_backticks(self, text: str, fence: str) -> None:
        assert fence_for(text) == fence

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_encodings(self, world: World, serve: Serve, encoding: str) -> None:
        (world.home / "a.txt").write_bytes("schön 你".encode(encoding))
        assert prompt_of(world, serve(says=["a"]), "-f", "a.txt") == "```a.txt\nschön 你\n```"
        piped = world.with_(stdin="schön 你".encode(encoding))
        assert prompt_of(piped, serve(says=["a"])) == "schön 你"

    def test_a_tilde_is_the_home_folder(self, world: World, serve: Serve) -> None:
        (world.home / "a.txt").write_text("ay")
        (world.home / "s.txt").write_text("be brief")
        server, elsewhere = serve(says=["a"]), str(world.home.parent)
        args = ("chat", "-m", "m", "--host", server.url, "-f", "~/a.txt", "-s", "@~/s.txt", "--schema", "@~/none")
        assert world.run(*args, cwd=elsewhere).err == "Error: no file ~/none\n"
        assert world.run(*args[:-2], cwd=elsewhere).status == 0
        sent = server.requests[0].json
        assert (sent["prompt"], sent["system"]) == ("```~/a.txt\nay\n```", "be brief")

    def test_another_encoding_is_an_error_with_the_place(self, world: World) -> None:
        (world.home / "my a.txt").write_bytes(b"one\ntwo\nsch\xf6n")
        assert refused(world, "-f", "my a.txt", "x") == (
            "my a.txt is not text in UTF-8\n  byte 0xf6 at position 11, in line 3\n"
            "  try: iconv -f ISO-8859-1 -t UTF-8 'my a.txt'\n"
        )

    def test_a_name_cannot_end_its_fence(self, world: World, serve: Serve) -> None:
        (world.home / "a\n```b").write_text("ay")
        assert prompt_of(world, serve(says=["a"]), "-f", "a\n```b") == "```a '''b\nay\n```"

    def test_an_empty_file_is_said_to_be(self, world: World, serve: Serve) -> None:
        (world.home / "a.txt").touch()
        server = serve(says=["a"])
        ran = world.run("chat", "-f", "a.txt", "x", "-m", "m", "--host", server.url)
        assert (ran.err, server.requests[0].json["prompt"]) == ("note: a.txt is empty\n", "x")
        assert refused(world, "-f", "a.txt").endswith('  try: vuhitra chat -m m "Why is the sky blue?"\n')

    def test_a_folder_is_told(self, world: World) -> None:
        (world.home / "my docs").mkdir()
        said = refused(world, "-f", "my docs/", "x")
        assert said.startswith("my docs/ is a folder\n")
        assert said.endswith("try: -f 'my docs/FILE', once for each\n")

    def test_where_a_shell_can_name_its_files_that_is_told(self, world: World) -> None:
        (world.home / "d").mkdir()
        one_each = "  try: -f d/FILE, once for each\n"
        assert refused(world, "-f", "d", "x").endswith(one_each)
        (world.home / "d" / "a.txt").touch()
        assert refused(world, "-f", "d", "x").endswith("""  try: vuhitra chat $(printf ' -f %s' d/*) "…"\n""")
        assert refused(world, "-a", "d/", "x").endswith("""  try: vuhitra chat $(printf ' -a %s' d/*) "…"\n""")
        (world.home / "d" / "b c").touch()
        assert refused(world, "-f", "d", "x").endswith(one_each)
        (world.home / "d" / "b c").unlink()
        (world.home / "d" / "e").mkdir()
        assert refused(world, "-f", "d", "x").endswith(one_each)

    def test_a_missing_file_has_near_names(self, world: World) -> None:
        (world.home / "docs").mkdir()
        (world.home / "docs" / "Report.txt").touch()
        said = refused(world, "-f", "docs/reprot.txt", "x")
        assert said == "no file docs/reprot.txt\n  near names: docs/Report.txt\n  try: -f docs/Report.txt\n"
        assert refused(world, "-f", "nothing-like-it", "x") == "no file nothing-like-it\n"
        assert refused(world, "-f", "no/folder.txt", "x") == "no file no/folder.txt\n"

    def test_a_link_to_what_is_not_there(self, world: World) -> None:
        (world.home / "broken.lnk").symlink_to("gone.txt")
        said = "broken.lnk is a link to what isn't there\n  gone.txt\n"
        assert refused(world, "-f", "broken.lnk", "x") == refused(world, "-s", "@broken.lnk", "x") == said
        assert refused(world, "-f", "broken.ln", "x") == "no file broken.ln\n"

    def test_a_pattern_in_quotes_is_told_its_files(self, world: World) -> None:
        (world.home / "d").mkdir()
        for name in ("w b.txt", "wa.txt", ".w.txt"):
            (world.home / "d" / name).touch()
        said = "no file d/w*.txt\n  -f takes a file, and may be repeated\n"
        assert refused(world, "-f", "d/w*.txt", "x") == f"{said}  try: -f 'd/w b.txt' -f d/wa.txt\n"
        assert refused(world, "-a", "?/?a.txt", "x").endswith("  try: -a d/wa.txt\n")
        assert refused(world, "-f", "~/d/wa*", "x").endswith(f"  try: -f {world.home}/d/wa.txt\n")
        assert refused(world, "-f", "d/z*.txt", "x") == "no file d/z*.txt\n"
        assert refused(world, "-f", "none/*", "x") == "no file none/*\n"
        assert refused(world, "-s", "@d/w*.txt", "x").endswith("  try: -s @d/wa.txt\n")
        for number in range(4):
            (world.home / "d" / f"w{number}.txt").touch()
        assert refused(world, "-f", "d/w*.txt", "x") == f"{said}  try: -f 'd/w b.txt', once for each\n"
        (world.home / "d" / "w b.txt").rename(world.home / "d" / "wb.txt")
        in_a_shell = """  try: vuhitra chat $(printf ' -f %s' {}) "…"\n"""
        assert refused(world, "-f", "d/w*.txt", "x") == said + in_a_shell.format("d/w*.txt")
        assert refused(world.with_(home=world.home / "d"), "-f", "*", "x").endswith(in_a_shell.format("*"))

    def test_a_file_of_a_pattern_is_no_flag(self, world: World) -> None:
        (world.home / "-w.txt").touch()
        assert refused(world, "-f", "?w.txt", "x").endswith("  try: -f ./-w.txt\n")

    @pytest.mark.parametrize(
        ("given", "meant"),
        [
            ("www.example.de", "https://www.example.de"),
            ("example.com/a b", "'https://example.com/a b'"),
            ("file:///none/my%20a.txt", "'/none/my a.txt'"),
            ("file://localhost/none/a", "/none/a"),
            ("FILE:a.txt", "a.txt"),
        ],
    )
    def test_an_address_is_put_right(self, world: World, given: str, meant: str) -> None:
        assert refused(world, "-f", given, "x") == f"no file {given}\n  try: -f {meant}\n"

    def test_only_what_takes_pages_is_told_of_them(self, world: World) -> None:
        assert refused(world, "-s", "@www.example.com", "x") == "no file www.example.com\n"
        assert refused(world, "-f", "report.txt", "x") == "no file report.txt\n"

    def test_one_that_cannot_be_read_says_why(self, world: World) -> None:
        (world.home / "a").write_text("")
        assert refused(world, "-f", "a/b", "x") == "cannot read a/b\n  Not a directory\n"
        assert refused(world, "-f", "a\0b", "x").startswith("cannot read a")

    def test_one_that_is_too_large(self, world: World) -> None:
        with open(world.home / "large", "wb") as file:
            file.truncate(LARGEST + 1)
        assert refused(world, "-f", "large", "x").startswith("large is larger than 10 MB, the most that is read")

    def test_an_endless_stdin(self, world: World) -> None:
        with (
            open("/dev/zero", "rb") as zero,
            world.start("chat", "x", "-m", "m", "--host", unused_url(), stdin=zero) as process,
        ):
            assert process.stderr
            assert process.wait(SOON) == 2
            assert process.stderr.read().startswith(b"Error: stdin is larger than 10 MB, the most that is read\n")

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (PNG, "x is a PNG image, not text\n  try: -a x, which is for images\n"),
            (PDF, "x is a PDF document, not text\n  try: its text, in a file of its own: -f FILE\n"),
            (b"PK\x03\x04\xff\xfe\x00", "x is a ZIP archive"),
            (b"GGUF\x03\x00\x00\x00\xff", "x is a GGUF model, not text"),
            (b"ab\0cd", "x is binary, not text"),
        ],
    )
    def test_a_binary_file_is_named_by_its_kind(self, world: World, data: bytes, said: str) -> None:
        (world.home / "x").write_bytes(data)
        assert refused(world, "-f", "x", "y").startswith(said)
        assert refused(world.with_(stdin=data), "y").startswith(said.replace("x", "stdin", 1).partition(",")[0])


class TestKinds:
    @pytest.mark.parametrize(
        ("data", "name"),
        [
            (b"\xff\xd8\xff\xe0", "a JPEG image"),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "a WebP image"),
            (b"GIF89a\x01\0", "a GIF image"),
            (b"\0\0\0\x18ftypheic", "a HEIC image"),
            (b"\0\0\0\x18ftypisom", "an MP4 video"),
            (bytes(257) + b"ustar", "a tar archive"),
        ],
    )
    def test_they_are_known_by_how_they_begin(self, data: bytes, name: str) -> None:
        kind = kind_of(data)
        assert kind is not None
        assert kind.name == name

    @pytest.mark.parametrize("text", [b"", b"BMW makes cars", b"GGUF is a format", b"ID3 tags", b"plain"])
    def test_a_text_that_begins_with_the_same_letters_is_a_text(self, text: bytes) -> None:
        assert kind_of(text) is None


class TestImages:
    def test_they_are_sent_in_their_order(self, world: World, serve: Serve) -> None:
        (world.home / "x.png").write_bytes(PNG)
        server = serve(says=["a"])
        jpeg = b"\xff\xd8\xff\xe0 and so on"
        prompt_of(world.with_(stdin=jpeg), server, "what?", "--image", "x.png", "-a", "-")
        assert [base64.b64decode(each) for each in server.requests[-1].json["images"]] == [PNG, jpeg]

    def test_what_is_none_is_refused(self, world: World) -> None:
        (world.home / "a.txt").write_text("text")
        (world.home / "x.pdf").write_bytes(PDF)
        (world.home / "noise").write_bytes(b"\xff\x00\xaa")
        assert refused(world, "-a", "a.txt", "x") == (
            "a.txt is text, not an image\n  try: -f a.txt, which is for texts\n"
        )
        assert refused(world, "-a", "x.pdf", "x").startswith("x.pdf is a PDF document, which no model sees\n")
        assert refused(world, "-a", "noise", "x").startswith("noise is no image that is known\n")

    def test_an_image_wants_a_question(self, world: World) -> None:
        (world.home / "x.png").write_bytes(PNG)
        assert refused(world, "-a", "x.png").startswith("PROMPT is missing: what about the image?\n")


def test_the_name_of_a_file_need_not_be_utf_8(world: World, serve: Serve) -> None:
    (world.home / "x\udcff").write_text("ay")
    assert prompt_of(world, serve(says=["a"]), "-f", "x\udcff", "p") == "```x\ufffd\nay\n```\n\np"
    (world.home / "\udcff.json").write_text('{"type": "object"}')
    flags = ("-s", "@x\udcff", "--schema", "\udcff.json", "--output", f"{world.home}/y\udcff")
    server = serve(says=["{}"])
    assert world.run("chat", "p", "-m", "m", "--host", server.url, *flags).status == 0
    assert (server.requests[0].json["system"], server.requests[0].json["format"]) == ("ay", {"type": "object"})
    assert (world.home / "y\udcff").read_text() == "{}\n"
    assert refused(world, "p", "-s", "@@\udcff").startswith("-s is not UTF-8 text\n")


def test_a_file_that_is_meant_for_its_text_is_told(world: World, serve: Serve) -> None:
    (world.home / "notes.md").write_text("ay")
    ran = world.run("chat", "notes.md", "-m", "m", "--host", serve(says=["a"]).url)
    assert (ran.status, ran.err) == (0, "note: notes.md is a file, and only its name is sent; -f sends what it holds\n")


class TestSystem:
    def test_a_text_or_a_file(self, world: World, serve: Serve) -> None:
        (world.home / "s.txt").write_text("from a file\n")
        server = serve(says=["a"])
        for given in ("a text", "@s.txt", "@@home"):
            prompt_of(world, server, "x", "-s", given)
        assert [each.json["system"] for each in server.requests] == ["a text", "from a file", "@home"]
        assert refused(world, "x", "-s", "@") == "-s @ names no file\n"
        assert refused(world, "x", "-s", "@t.txt") == ("no file t.txt\n  near names: s.txt\n  try: -s @s.txt\n")


class TestPages:
    def test_a_page_is_material(self, world: World, serve: Serve) -> None:
        server = serve({"/notes.txt": page("schön".encode("latin-1"), "text/plain; charset=latin-1")})
        server.routes["/api/generate"] = stream(generated("a"))
        url = f"{server.url}/notes.txt"
        assert prompt_of(world, server, "-f", url, "x") == f"```{url}\nschön\n```\n\nx"

    def test_an_image_on_a_page(self, serve: Serve) -> None:
        server = serve({"/x": page(PNG, "image/png")})
        assert fetch(f"{server.url}/x", images=True).data == PNG

    @pytest.mark.parametrize(
        ("script", "images", "said"),
        [
            (page(b"", status=404), False, "was not given: HTTP 404 OK"),
            (page(b"", status=503), False, "was not given: HTTP 503 OK"),
            (page(PNG, "image/png"), False, "is image/png, not text"),
            (page(b"a", "text/html"), True, "is text/html, not an image"),
            (page(PDF, "application/pdf"), False, "is application/pdf, not text"),
            (page(b"", status=302, more="Location: file:///etc/passwd\r\n"), False, "was not given: "),
            (page(b"", status=302, more="Location: ftp://127.0.0.1/x\r\n"), False, ": unknown url type: ftp"),
        ],
    )
    def test_what_is_wrong_with_a_page(self, serve: Serve, script: list[Step], images: bool, said: str) -> None:
        server = serve({"/x": script})
        with pytest.raises(Failure) as raised:
            fetch(f"{server.url}/x", images=images)
        told = f"{raised.value.what}: {raised.value.why}" if raised.value.why else raised.value.what
        assert told.removeprefix("cannot fetch ").startswith(f"{server.url}/x{said if said[0] == ':' else ' ' + said}")

    def test_one_that_is_too_large_is_not_read_to_its_end(self, serve: Serve) -> None:
        server = serve({"/x": [HEAD, Flood(b"a" * 65_536)]})
        with pytest.raises(Failure, match="larger than 10 MB"):
            fetch(f"{server.url}/x")

    @pytest.mark.parametrize("dribbled", [HEAD, b"a" * 1000])
    def test_one_that_takes_too_long(self, serve: Serve, dribbled: bytes) -> None:
        begun = [HEAD] if dribbled != HEAD else []
        server = serve({"/x": [*begun, Dribble(dribbled, 0.01)]})
        with pytest.raises(Failure, match=r"/x took longer than 0\.1 s") as raised:
            fetch(f"{server.url}/x", seconds=0.1)
        assert raised.value.verdict is Verdict.TIMED_OUT

    def test_a_server_that_says_nothing(self, serve: Serve) -> None:
        server = serve({"/x": [Hang()]})
        with pytest.raises(Failure, match=r"/x took longer than 0\.05 s"):
            fetch(f"{server.url}/x", seconds=0.05)

    @pytest.mark.parametrize("flag", ["-f", "-a"])
    def test_its_limit_is_that_of_the_answer_where_one_is_given(self, world: World, serve: Serve, flag: str) -> None:
        url = f"{serve({'/x': [Hang()]}).url}/x"
        ran = world.run("chat", "x", flag, url, "--timeout", "0.1", "-m", "m", "--host", unused_url())
        assert (ran.status, ran.err) == (
            6,
            f"Error: {url} took longer than 0.1 s\n  try: a longer --timeout\n",
        )

    def test_a_server_that_is_not_there(self) -> None:
        with pytest.raises(Failure, match="cannot fetch") as raised:
            fetch(f"{unused_url()}/x")
        assert (raised.value.verdict, raised.value.why) == (Verdict.PAGE_NOT_REACHED, "Connection refused")

    def test_an_address_is_taken_as_a_browser_shows_it(self, serve: Serve) -> None:
        server = serve({"/%C3%A4%20b?q=%C3%B6&r=%20": page(b"a")})
        url = f"{server.url}/ä b?q=ö&r=%20"
        assert fetch(url).name == url

    def test_a_name_in_other_letters_is_looked_up_as_it_is_registered(
        self, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = serve({"http://xn--mnchen-3ya.test:81/x": page(b"a")})
        monkeypatch.setenv("http_proxy", server.url)
        assert fetch("http://münchen.test:81/x").data == b"a"

    @pytest.mark.parametrize("place", ["http://[bad/", "http://h:port/"])
    def test_a_server_that_leads_nowhere_has_failed(self, serve: Serve, place: str) -> None:
        server = serve({"/x": page(b"", status=302, more=f"Location: {place}\r\n")})
        with pytest.raises(Failure) as raised:
            fetch(f"{server.url}/x")
        assert raised.value.what == f"{server.url}/x leads to what is not a URL"
        assert raised.value.verdict is Verdict.PAGE_FAILED

    @pytest.mark.parametrize("url", ["http://[::1/x", "http://h:port/x", "http://h /x", f"http://{'a' * 64}/x"])
    def test_what_is_no_url(self, url: str) -> None:
        with pytest.raises(Failure) as raised:
            fetch(url)
        assert (raised.value.what, raised.value.verdict.status) == (f"{url} is not a URL", 2)

    @pytest.mark.parametrize("password", ["secret", "sec/ret"])
    def test_a_password_is_neither_sent_nor_shown(self, world: World, password: str) -> None:
        told = refused(world, "x", "-f", f"http://me:{password}@127.0.0.1:1/x")
        assert told == "http://***@127.0.0.1:1/x would be asked with a password, which is not done\n"


def test_a_pipe_of_the_shell_is_a_file(world: World, serve: Serve) -> None:
    server = serve(says=["a"])
    command = f"python -m cli chat -m m --host {server.url} --no-stdin -f <(echo piped) x"
    done = world.start(program=["bash", "-c", command])
    out, err = done.communicate(timeout=SOON)
    assert (done.returncode, out) == (0, b"a\n"), err
    assert "\npiped\n```\n\nx" in server.requests[0].json["prompt"]
