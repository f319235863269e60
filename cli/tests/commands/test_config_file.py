"""The user's config file: what may stand in it, which line is named where something doesn't, and how it is written."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cli.config_file import Profile, read, set_value
from cli.config_rules import checked
from cli.exit_status import Verdict
from cli.failure import Failure
from cli.private_files import alone_with
from tests.commands.conftest import Serve
from tests.commands.running import COMMAND, SOON, Ran, World
from tests.scripted_server import unused_url

WHOLE = """\
# mine
profile = "lan"
model = "m"

[profiles.lan]
url = "http://gpu.lan:11434"  # in the cellar
model = "big"
key_command = ["pass", "show", "gpu"]
ca = "/ca.pem"

[profiles."far away"]
url = "https://far.example"
key_variable = "FAR_KEY"
"""

BOTH_KEYS = '[profiles.a]\nurl = "h"\nkey_variable = "A"\nkey_command = "b"\n'
LONE_KEY = '[profiles.a]\nurl = "h"\nclient_key = "k"\n'


def config_of(world: World, text: str) -> Path:
    path = world.home / ".config" / "vuhitra" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_it_is_read_whole(world: World) -> None:
    file = read(str(config_of(world, WHOLE)), "c")
    assert (file.path, file.profile, file.model, file.embed_model) == ("c", "lan", "m", None)
    command = ("pass", "show", "gpu")
    assert file.profiles["lan"] == Profile(
        "lan", "http://gpu.lan:11434", model="big", key_command=command, ca="/ca.pem"
    )
    assert file.profiles["far away"].key_variable == "FAR_KEY"


def test_none_is_an_empty_one(tmp_path: Path) -> None:
    assert read(str(tmp_path / "none"), "c").profiles == {}


@pytest.mark.parametrize("variables", [{"HOME": "/dev/null"}, {"XDG_CONFIG_HOME": "/dev/null"}])
def test_none_can_be_where_its_folder_is_a_file(world: World, serve: Serve, variables: dict[str, str]) -> None:
    here = world.with_(variables={"XDG_STATE_HOME": "/dev/null", **variables})
    ran = here.run("chat", "x", "-m", "m", "--host", serve(says=["a"]).url)
    assert (ran.status, ran.out, ran.err) == (0, "a\n", "")
    assert here.run("config", "validate").status == 0
    ran = here.run("config", "set", "model", "m")
    assert (ran.status, ran.err.splitlines()[1]) == (2, "  Not a directory")


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("model = \n", 1, "not TOML: invalid value"),
        ('a = "b"\nmodel = "m"\nmodel = "n"\n', 3, "not TOML: "),
        ('\n\nmodle = "m"\n', 3, "no setting 'modle'"),
        ('[profiles.a]\nurl = "h"\n[profiles.b]\nurl = "h"\nurll = "h"\n', 5, "no setting 'urll'"),
        ('profiles.a.url = "h"\nprofiles.a.modle = "h"\n', 2, "no setting 'modle'"),
        ("# x\nmodel = 3\n", 2, "model is no text"),
        ('model = " "\n', 1, "model is empty"),
        ('[profiles.a]\nmodel = "m"\n', 1, "profile a has no url"),
        ('[profiles.a]\n\nurl = "ftp://h"\n', 3, "url: http, https or unix, not 'ftp'"),
        ('[profiles.a]\nurl = "http://me:secret@h"\n', 2, "a url with a password in it"),
        ('[profiles.a]\nurl = "h"\nkey = "secret"\n', 3, "key would be a secret in a file"),
        ('[profiles.a]\nurl = "h"\nkey_command = [1]\n', 3, "key_command is no command, nor a list of its words"),
        ("[profiles.a]\nurl = 'h'\nkey_command = 'pass \"gpu'\n", 3, "key_command is no command"),
        ('[profiles.a]\nurl = "h"\nkey_variable = "A"\nkey_command = "b"\n', 4, "both key_variable and key_command"),
        ('[profiles.a]\nurl = "h"\nclient_key = "k"\n', 3, "client_key and no client_certificate"),
        ('\nprofile = "b"\n[profiles.a]\nurl = "h"\n', 2, "no profile 'b'"),
        ('\n[profile.lan]\nurl = "h"\n', 2, "no table [profile.lan]"),
        ('profiles = "a"\n', 1, "profiles is no table"),
        ('[profiles]\na = "b"\n', 2, "profile a is no table"),
        ('[profiles.gpu]\nurl = "h"\n[profiles."gpu.lan"]\nurl = "h"\nmodle = "m"\n', 5, "no setting 'modle'"),
        ("[profiles.gpu]\nurl = 'h'\n[profiles . 'gpu.lan']\nurl = 'h'\nmodle = 'm'\n", 5, "no setting 'modle'"),
        ('model = "m"\n[profiles]\n"a=b".url = "h"\n\'a=b\' . modle = "m"\n', 4, "no setting 'modle'"),
        ('model = "m"\n[profiles."a]"] # b\nurl = "h"\nmodle = "m"\n', 4, "no setting 'modle'"),
        ('model = "m"\n[profiles."\\"\\u00e4"]\nurl = "h"\nmodle = "m"\n', 4, "no setting 'modle'"),
        (
            "[profiles.a]\nurl = 'h'\nkey_command = '''\n\"\\x\" = 1\n'''\nmodle = 'm'\n",
            6,
            "no setting 'modle'",
        ),
        ('\nmodel = "a b"\n', 2, "model is 'a b', which names no model"),
        ('[profiles.a]\nurl = "h"\nembed_model = "m:1:2"\n', 3, "embed_model is 'm:1:2', which names no model"),
        ('[profiles.a]\nurl = "http://h/x?y=1"\n', 2, "a server has no ? and no #; a key goes into key_variable"),
    ],
)
def test_a_problem_is_told_with_its_line(text: str, line: int, what: str) -> None:
    _, problems = checked(text)
    assert problems[0].line == line
    assert what in problems[0].what
    assert "secret@" not in problems[0].what


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ('[profile.lan]\nurl = "h"\n', "no table [profile.lan]", "[profiles.lan]"),
        ('[profile."gpu lan"]\n', 'no table [profile."gpu lan"]', '[profiles."gpu lan"]'),
        ('profile = "gpu lan"\n', "no profile 'gpu lan'", '[profiles."gpu lan"]'),
        ("profile = 'my \"lan'\n[profiles.'my \"lam']\nurl = 'h'\n", "no profile", 'profile = "my \\"lam"'),
        ('[profiles]\n"gpu lan" = 1\n', "gpu lan is no table", '[profiles."gpu lan"] in a line of its own'),
        ("[profiles.gpu_lan]\n", "profile gpu_lan has no url", 'url = "http://gpu_lan:11434"'),
        ('[profiles."gpu.lan"]\n', "profile gpu.lan has no url", 'url = "http://gpu.lan:11434"'),
        ('[profiles."gpu lan"]\n', "profile gpu lan has no url", 'url = "http://HOST:11434"'),
        ("[profiles.'\"']\n", "has no url", 'url = "http://HOST:11434"'),
    ],
)
def test_what_is_told_to_write_is_toml(text: str, what: str, hint: str) -> None:
    _, [problem] = checked(text)
    assert what in problem.what
    assert problem.hint == hint


def test_all_problems_are_found_in_their_order() -> None:
    _, problems = checked('modle = "x"\nprofil = "y"\n[profiles.a]\nurll = "h"\n')
    assert [problem.line for problem in problems] == [1, 2, 3, 4]
    assert [problem.hint for problem in problems[:2]] == ["model = …", "profile = …"]


def test_a_broken_one_ends_every_command_but_those_that_mend_it(world: World) -> None:
    config_of(world, 'modle = "m"\nmodel = 1\n')
    for args in (["models", "list"], ["chat", "x"], ["config", "show"]):
        ran = world.run(*args)
        assert ran.status == 2
        assert ran.err == (
            "Error: ~/.config/vuhitra/config.toml, line 1: no setting 'modle'\n"
            "  write: model = …; and 1 more\n"
            "  try: vuhitra config validate\n"
        )
    for args in (["config", "path"], ["chat", "--help"], ["--version"]):
        assert world.run(*args).status == 0
    ran = world.run("config", "validate")
    assert (ran.status, ran.err) == (2, "")
    assert ran.out.startswith("~/.config/vuhitra/config.toml, line 1: no setting 'modle'\n  write: model = …\n")


def test_one_that_is_no_text_is_told(world: World) -> None:
    config_of(world, "").write_bytes(b"\xff\xfe")
    assert (
        world.run("config", "show").err == "Error: cannot read ~/.config/vuhitra/config.toml\n  it is not UTF-8 text\n"
    )


class TestValidate:
    def test_a_good_one_is_said_to_be(self, world: World) -> None:
        config_of(world, WHOLE.replace("/ca.pem", "~/ca.pem"))
        (world.home / "ca.pem").touch()
        ran = world.run("config", "validate")
        assert (ran.status, ran.out, ran.err) == (0, "ok    ~/.config/vuhitra/config.toml\n", "")

    def test_there_need_not_be_one(self, world: World) -> None:
        ran = world.run("config", "validate")
        said = "ok    ~/.config/vuhitra/config.toml: there is no such file, and none is needed\n"
        assert (ran.status, ran.out, ran.err) == (0, said, "")

    def test_a_file_that_is_not_there_is_named(self, world: World) -> None:
        files = '[profiles.a]\nurl = "h"\nca = "~/ca"\nclient_certificate = "/none/me"\nclient_key = "me.key"\n'
        config_of(world, files)
        ran = world.run("config", "validate")
        shown = "~/.config/vuhitra/config.toml"
        assert (ran.status, ran.out.splitlines()) == (
            2,
            [
                f"{shown}, line 3: profile a: no file '~/ca' (ca)",
                f"{shown}, line 4: profile a: no file '/none/me' (client_certificate)",
                f"{shown}, line 5: profile a: no file 'me.key' (client_key)",
            ],
        )
        assert world.run("config", "show").status == 0

    def test_json(self, world: World) -> None:
        path = config_of(world, "model = 1\n")
        ran = world.run("config", "validate", "--json")
        assert ran.status == 2
        problem = {"line": 1, "key": "model", "what": "model is no text", "hint": 'model = "…"'}
        assert ran.json == {"version": 1, "file": str(path), "valid": False, "problems": [problem]}


class TestSet:
    def test_all_else_stays(self, world: World) -> None:
        path = config_of(world, WHOLE)
        assert world.run("config", "set", "profiles.lan.model", "bigger").status == 0
        assert path.read_text() == WHOLE.replace('"big"', '"bigger"')
        assert world.run("config", "set", "--unset", "profiles.lan.model").status == 0
        assert path.read_text() == WHOLE.replace('model = "big"\n', "")

    @pytest.mark.parametrize("profile", ['url = "h"\nmodel = "big"\n', 'ulr = "h"\n'], ids=["whole", "broken"])
    def test_a_whole_profile_goes(self, world: World, profile: str) -> None:
        rest = 'model = "m"\n\n[profiles."gpu.lan"]\nurl = "h"\n'
        path = config_of(world, f"{rest}[profiles.a]\n{profile}")
        assert world.run("config", "set", "--unset", "profiles.a").out == (
            "✓ profiles.a unset in ~/.config/vuhitra/config.toml\n"
        )
        assert path.read_text() == rest
        assert world.run("config", "set", "--unset", 'profiles."gpu.lan"').status == 0
        assert read(str(path), "c").profiles == {}

    @pytest.mark.parametrize(
        ("name", "what", "hint"),
        [
            ("lam", "no profile 'lam' in ~/.config/vuhitra/config.toml", "vuhitra config set --unset profiles.lan"),
            ("x", "no profile 'x' in ~/.config/vuhitra/config.toml", "vuhitra config show"),
            (
                "lan",
                "the profile 'lan' is the one that is used, and can't be taken away",
                "vuhitra config set --unset profile",
            ),
        ],
    )
    def test_a_profile_that_stays(self, world: World, name: str, what: str, hint: str) -> None:
        text = 'profile = "lan"\n[profiles.lan]\nurl = "h"\n'
        path = config_of(world, text)
        ran = world.run("config", "set", "--unset", f"profiles.{name}")
        first, *_, last = ran.err.splitlines()
        assert (ran.status, first, last) == (2, f"Error: {what}", f"  try: {hint}")
        assert path.read_text() == text

    @pytest.mark.parametrize("broken", ['color = "red"\n', ""], ids=["a key too many", "no url"])
    def test_a_broken_profile_that_is_used_goes_by_the_hints(self, world: World, broken: str) -> None:
        rest = "url" if broken else "model"
        path = config_of(world, f'profile = "gpu"\n[profiles.gpu]\n{rest} = "h"\n{broken}')
        hint = world.run("config", "set", "--unset", "profiles.gpu").err.splitlines()[-1].removeprefix("  try: ")
        assert world.run(*shlex.split(hint)[1:]).status == 0
        assert world.run("config", "set", "--unset", "profiles.gpu").status == 0
        assert read(str(path), "c").profiles == {}

    @pytest.mark.parametrize(
        ("key", "hint"),
        [
            ("modell", "vuhitra config set --unset model"),
            ("profiles.a.urll", "vuhitra config set --unset profiles.a.url"),
            ("profiles.a.b", "vuhitra config show"),
        ],
    )
    def test_what_is_to_be_taken_away_is_not_told_to_be_set(self, world: World, key: str, hint: str) -> None:
        ran = world.run("config", "set", "--unset", key)
        assert (ran.status, ran.err.splitlines()[-1]) == (2, f"  try: {hint}")

    def test_a_profile_without_a_value_is_told_its_keys(self, world: World) -> None:
        assert "try: vuhitra config set profiles.NAME.url URL" in world.run("config", "set", "profiles.lan").err

    def test_a_key_without_its_certificate_is_answered_with_that(self, world: World) -> None:
        config_of(world, '[profiles.a]\nurl = "h"\n')
        ran = world.run("config", "set", "profiles.a.client_key", "/dev/null")
        assert ran.err == (
            "Error: profiles.a.client_key can't be that: profile a has a client_key and no client_certificate\n"
            "  try: vuhitra config set profiles.a.client_certificate FILE\n"
        )
        config_of(world, '[profiles.a]\nurl = "h"\nclient_certificate = "/dev/null"\nclient_key = "/dev/null"\n')
        ran = world.run("config", "set", "--unset", "profiles.a.client_certificate")
        assert ran.err.endswith("  try: vuhitra config set --unset profiles.a.client_key\n")

    def test_a_profile_is_set_key_by_key(self, world: World) -> None:
        assert world.run("config", "set", "profiles.lan", "h").status == 2

    def test_nobody_else_may_read_it(self, world: World) -> None:
        path = world.home / ".config" / "vuhitra" / "config.toml"
        assert world.run("config", "set", "model", "m").status == 0
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(path.parent).st_mode) == 0o700
        assert [each.name for each in path.parent.iterdir()] == ["config.toml"]

    def test_what_a_link_leads_to_is_written(self, world: World) -> None:
        other = "/dev/shm"  # noqa: S108  another filesystem than the home's, where there is one
        with TemporaryDirectory(dir=other if os.path.isdir(other) else None) as elsewhere:
            path = config_of(world, "")
            path.unlink()
            path.symlink_to(Path(elsewhere, "mine.toml"))
            assert world.run("config", "set", "model", "m").status == 0
            assert Path(elsewhere, "mine.toml").read_text() == 'model = "m"\n'
            assert os.listdir(elsewhere) == ["mine.toml"]
            assert path.is_symlink()

    def test_a_file_that_is_not_there_is_in_the_way_of_nothing_else(self, world: World) -> None:
        path = config_of(world, WHOLE)
        (world.home / "me.pem").touch()
        assert world.run("config", "set", "model", "other").status == 0
        assert world.run("config", "set", "profiles.lan.client_certificate", "~/me.pem").status == 0
        assert read(str(path), "c").profiles["lan"].client_certificate == "~/me.pem"

    @pytest.mark.parametrize("key", ["ca", "client_certificate", "client_key"])
    def test_a_file_is_written_as_it_is_found_from_every_folder(self, world: World, key: str) -> None:
        certificate = "" if key == "client_certificate" else 'client_certificate = "/dev/null"\n'
        path = config_of(world, f'[profiles.a]\nurl = "h"\n{certificate}')
        certificates = world.home / "certificates"
        certificates.mkdir()
        (certificates / "a.pem").touch()
        for given, written in [
            ("a.pem", f"{certificates}/a.pem"),
            ("../certificates/a.pem", f"{certificates}/a.pem"),
            ("~/certificates/a.pem", "~/certificates/a.pem"),
        ]:
            ran = world.run("config", "set", f"profiles.a.{key}", given, "--json", cwd=str(certificates))
            assert (ran.status, ran.json["value"]) == (0, written)
            assert path.read_text().endswith(f'{key} = "{written}"\n')
        assert world.run("config", "validate").status == 0
        assert world.run("config", "set", f"profiles.a.{key}", "a.pem").status == 2

    def test_a_file_in_a_folder_whose_name_is_no_text_is_not_written(self, world: World) -> None:
        ran = world.run("config", "set", "profiles.a.ca", "a.pem", cwd=os.fsdecode(b"/\xff"))
        assert (ran.status, ran.err) == (2, "Error: the path of a.pem is not UTF-8 text\n")

    @pytest.mark.parametrize(("key", "other"), [("key_command", "key_variable"), ("key_variable", "key_command")])
    def test_a_second_key_needs_the_first_taken_away(self, world: World, key: str, other: str) -> None:
        path = config_of(world, f'[profiles."a b"]\nurl = "h"\n{other} = "A"\n')
        ran = world.run("config", "set", "profiles.'a b'." + key, "B")
        hint = ran.err.splitlines()[-1].removeprefix("  try: ")
        assert hint == f"vuhitra config set --unset 'profiles.\"a b\".{other}'"
        assert world.run(*shlex.split(hint)[1:]).status == 0
        assert world.run("config", "set", "profiles.'a b'." + key, "B").status == 0
        assert path.read_text() == f'[profiles."a b"]\nurl = "h"\n{key} = "B"\n'

    def test_a_table_in_one_line_is_left_as_it_is(self, world: World) -> None:
        path = config_of(world, 'profiles = {a = {url = "h"}}\n')
        ran = world.run("config", "set", "profiles.b.url", "h")
        assert (ran.status, path.read_text()) == (2, 'profiles = {a = {url = "h"}}\n')
        assert ran.err.startswith("Error: profiles.b.url can't be written: inline tables cannot contain a table\n")
        ran = world.run("config", "set", "profiles.'b c'.url", "h")
        assert ran.err.endswith('  try: [profiles."b c"] in ~/.config/vuhitra/config.toml\n')

    def test_a_command_runs_as_it_was_written(self, world: World) -> None:
        assert world.run("config", "set", "profiles.lan.url", unused_url()).status == 0
        assert world.run("config", "set", "profiles.lan.key_command", "sh -c 'exit 7'").status == 0
        assert "failed with exit code 7" in world.run("models", "list", "--host", "lan").err

    def test_a_new_profile_is_a_table(self, world: World) -> None:
        assert world.run("config", "set", "profiles.lan.url", "http://gpu.lan:11434").status == 0
        assert world.run("config", "set", "profiles.lan.key_command", "pass show 'my gpu'").status == 0
        path = world.home / ".config" / "vuhitra" / "config.toml"
        assert path.read_text() == (
            '[profiles.lan]\nurl = "http://gpu.lan:11434"\nkey_command = "pass show \'my gpu\'"\n'
        )

    @pytest.mark.parametrize("key", ['profiles."a.b".url', "profiles . 'a.b'.url"])
    def test_a_dot_within_quotes_parts_nothing(self, world: World, key: str) -> None:
        path = config_of(world, WHOLE)
        assert world.run("config", "set", key, "http://h").status == 0
        assert read(str(path), "c").profiles["a.b"] == Profile("a.b", "http://h")
        assert world.run("config", "set", "profiles.'far away'.url", "http://h").status == 0
        assert path.read_text().startswith(WHOLE.replace("https://far.example", "http://h"))

    @pytest.mark.parametrize(
        ("args", "what"),
        [
            (("modle", "m"), "Error: no setting 'modle'\n  near names: model\n  try: vuhitra config set model m\n"),
            (("modle=m",), "Error: no setting 'modle'\n  near names: model\n  try: vuhitra config set model m\n"),
            (
                ("model=it's",),
                """Error: KEY and VALUE are two words, not model=VALUE\n  try: vuhitra config set model 'it'"'"'s'\n""",
            ),
            (("profiles.a.key=hunter2",), "Error: profiles.a.key would be a secret in a file\n"),
            (
                ("profile", "aa"),
                "Error: profile can't be that: no profile 'aa'\n  near names: a\n  try: vuhitra config set profile a\n",
            ),
            (("profiles.a.urll", "h"), "Error: no setting 'profiles.a.urll'\n  near names: profiles.a.url\n"),
            (("profiles.a", "h"), "Error: no setting 'profiles.a'\n"),
            (("model", "a b"), "Error: model can't be that: model is 'a b', which names no model\n"),
            (("model", "--", "-x"), "Error: model can't be that: model is '-x', which names no model\n"),
            (
                ("profiles.a.key_variable", "a b"),
                "Error: profiles.a.key_variable can't be that: key_variable is no name of a variable\n",
            ),
            (("profiles.a.key_variable", "$KEY"), "Error: profiles.a.key_variable can't be that: key_variable is no"),
            (
                ("--unset", "profiles.a.url"),
                (
                    "Error: profiles.a.url can't be that: profile a has no url\n"
                    "  try: vuhitra config set --unset profiles.a\n"
                ),
            ),
            (("profiles.a.ca", "~/none"), "Error: profiles.a.ca can't be that: no file '~/none'\n"),
            (
                ("profile", "b c"),
                (
                    "Error: profile can't be that: no profile 'b c'\n"
                    "  try: vuhitra config set 'profiles.\"b c\".url' URL\n"
                ),
            ),
            (
                ("profile", " "),
                "Error: profile can't be that: no profile ' '\n  try: vuhitra config set profile VALUE\n",
            ),
            (("profiles.b.model", "m"), "Error: profiles.b.model can't be that: profile b has no url\n"),
            (("profiles.a.url", "ftp://h"), "Error: profiles.a.url can't be that: url: http, https or unix"),
            (("profiles.a.key_command", "pass 'gpu"), "Error: profiles.a.key_command can't be that: key_command is"),
            (("profiles.a b.url", "h"), "Error: no setting 'profiles.a b.url'\n  the name of a profile has letters"),
            (
                ("profiles.x.y.url", "z"),
                (
                    "Error: no setting 'profiles.x.y.url'\n"
                    "  the name of a profile has letters, digits, - and _, or stands in quotes\n"
                    "  try: vuhitra config set 'profiles.\"x.y\".url' z\n"
                ),
            ),
            (
                ("profiles.a.b.zzz", "z"),
                (
                    "Error: no setting 'profiles.a.b.zzz'\n  a profile is set key by key, as in profiles.NAME.url\n"
                    "  try: vuhitra config set profiles.NAME.url URL\n"
                ),
            ),
            (("profiles.a.url = 1\nmodel", "m"), "Error: no setting 'profiles.a.url = 1"),
            (('profiles."".url', "h"), "Error: no setting 'profiles.\"\".url'\n"),
            (
                ("profiles.'b.c'.urll", "h"),
                (
                    'Error: no setting "profiles.\'b.c\'.urll"\n  near names: profiles."b.c".url\n'
                    "  try: vuhitra config set 'profiles.\"b.c\".url' h\n"
                ),
            ),
            (
                ("profiles.'b c'.model", "m"),
                (
                    "Error: profiles.'b c'.model can't be that: profile b c has no url\n"
                    "  try: vuhitra config set 'profiles.\"b c\".url' VALUE\n"
                ),
            ),
            (("profiles.a.key", "x"), "Error: profiles.a.key would be a secret in a file\n"),
            (("log_level", "DEBUG"), "Error: no setting 'log_level'\n  try: export LOG_LEVEL=DEBUG, or the same in "),
            (("ollama_ip", "http://me:x@h"), "Error: no setting 'ollama_ip'\n  try: export OLLAMA_IP=VALUE, or"),
            (("api_key", "x"), "Error: no setting 'api_key'\n  try: export OLLAMA_API_KEY=VALUE, or the same in "),
            (("model",), "Error: VALUE is missing\n  try: vuhitra config set model VALUE\n"),
            (
                ("profiles.'b c'.url",),
                """Error: VALUE is missing\n  try: vuhitra config set 'profiles.'"'"'b c'"'"'.url' VALUE\n""",
            ),
            (
                ("--unset", 'profiles."b c".url', "h"),
                "Error: --unset takes no VALUE\n  try: vuhitra config set --unset 'profiles.\"b c\".url'\n",
            ),
        ],
    )
    def test_what_can_not_be_is_not_written(self, world: World, args: tuple[str, ...], what: str) -> None:
        text = '[profiles.a]\nurl = "h"\n'
        path = config_of(world, text)
        ran = world.run("config", "set", *args)
        assert (ran.status, path.read_text()) == (2, text)
        assert ran.err.startswith(what)

    def test_a_broken_file_is_not_written_over(self, world: World) -> None:
        path = config_of(world, "what\n")
        assert world.run("config", "set", "model", "m").status == 2
        assert path.read_text() == "what\n"

    @pytest.mark.parametrize(("args", "text"), [(("model", "m"), 'model = "m"\n'), (("--unset", "model"), "")])
    def test_a_setting_that_is_broken_may_be_set_anew(self, world: World, args: tuple[str, ...], text: str) -> None:
        path = config_of(world, 'model = "a b"\n')
        assert world.run("config", "set", *args).status == 0
        assert path.read_text() == text

    @pytest.mark.parametrize(
        ("text", "args", "left"),
        [
            (BOTH_KEYS, ("--unset", "profiles.a.key_variable"), BOTH_KEYS.replace('key_variable = "A"\n', "")),
            (BOTH_KEYS, ("--unset", "profiles.a.key_command"), BOTH_KEYS.replace('key_command = "b"\n', "")),
            (LONE_KEY, ("profiles.a.client_certificate", "/dev/null"), f'{LONE_KEY}client_certificate = "/dev/null"\n'),
            (LONE_KEY, ("--unset", "profiles.a.client_key"), LONE_KEY.replace('client_key = "k"\n', "")),
            ('profile = "a"\n', ("profiles.a.url", "h"), 'profile = "a"\n\n[profiles.a]\nurl = "h"\n'),
            ('model = "a b"\nmodle = "m"\n', ("model", "m"), 'model = "m"\nmodle = "m"\n'),
        ],
    )
    def test_what_mends_a_broken_file_is_written(
        self, world: World, text: str, args: tuple[str, ...], left: str
    ) -> None:
        path = config_of(world, text)
        assert world.run("config", "set", *args).status == 0
        assert path.read_text() == left

    @pytest.mark.parametrize(
        ("text", "args", "what"),
        [
            (LONE_KEY, ("model", "m"), "line 3: profile a has a client_key and no client_certificate"),
            (LONE_KEY, ("profiles.b.model", "m"), "profiles.b.model can't be that: profile b has no url"),
            ('profile = "a"\n', ("profiles.a.model", "m"), "profiles.a.model can't be that: profile a has no url"),
            ('profile = "a"\nmodle = "m"\n', ("profile", "a"), "profile can't be that: no profile 'a'"),
            ('profiles = "a"\n', ("profiles.a.url", "h"), "line 1: profiles is no table"),
            ('[profiles]\na = "h"\n', ("profiles.a.url", "h"), "line 2: profile a is no table"),
            ('[profile.a]\nurl = "h"\n[profiles.a]\nurl = "h"\n', ("profile", "a"), "line 1: no table [profile.a]"),
            ('[profile.a]\nurl = "h"\n', ("--unset", "profile"), "line 1: no table [profile.a]"),
        ],
    )
    def test_what_mends_nothing_or_breaks_more_is_not(
        self, world: World, text: str, args: tuple[str, ...], what: str
    ) -> None:
        path = config_of(world, text)
        ran = world.run("config", "set", *args)
        assert (ran.status, path.read_text()) == (2, text)
        assert what in ran.err.splitlines()[0]

    def test_the_file_is_called_what_it_is_called_elsewhere(self, world: World) -> None:
        config_of(world, "modle = 1\n")
        error = world.run("config", "show").err
        assert error.startswith("Error: ~/.config/vuhitra/config.toml, line 1: ")
        assert world.run("config", "set", "model", "m").err == error
        config_of(world, 'profiles = {a = {url = "h"}}\n')
        assert world.run("config", "set", "profiles.b.url", "h").err.endswith(" in ~/.config/vuhitra/config.toml\n")
        config_of(world, "").write_bytes(b"\xff")
        assert world.run("config", "set", "model", "m").err == world.run("config", "show").err
        path = config_of(world, "")
        path.unlink()
        path.symlink_to("/proc/none/config.toml")
        error = world.run("config", "set", "model", "m").err
        assert error.startswith("Error: cannot write ~/.config/vuhitra/config.toml\n")

    def test_where_nothing_can_be_it_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(Failure, match="cannot write c"):
            set_value(str(tmp_path / "file" / "config.toml"), "c", "model", "m")

    def test_a_place_where_no_file_can_be_is_wrong_usage(self, tmp_path: Path) -> None:
        too_long = str(tmp_path / ("n" * 255))  # for the file beside it that takes its name
        with pytest.raises(Failure, match="cannot write") as raised:
            set_value(too_long, "c", "model", "m")
        assert (raised.value.why, raised.value.verdict) == ("File name too long", Verdict.USAGE)

    def test_many_at_once_are_all_written(self, world: World) -> None:
        started = [world.start("config", "set", f"profiles.p{each}.url", f"http://h{each}:1") for each in range(20)]
        for each in started:
            with each as process:
                assert (process.wait(SOON), process.stderr and process.stderr.read()) == (0, b"")
        file = read(str(world.home / ".config" / "vuhitra" / "config.toml"), "c")
        assert set(file.profiles) == {f"p{each}" for each in range(20)}

    def test_one_that_another_keeps_is_given_up(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("cli.private_files._ATTEMPTS", 2)
        path = config_of(world, "")
        with alone_with(str(path)):
            ran = world.run("config", "set", "model", "m")
        assert (ran.status, path.read_text()) == (6, "")
        assert ran.err == (
            "Error: cannot write ~/.config/vuhitra/config.toml\n  another program has kept its folder for 0.1 s\n"
        )
        assert world.run("config", "set", "model", "m").status == 0

    def test_a_disk_that_takes_no_more_is_unexpected(self, world: World) -> None:
        shell = ("sh", "-c", 'ulimit -f 0; "$@"', "sh", *COMMAND)
        with world.start("config", "set", "model", "m", "--json", program=shell) as process:
            out, err = process.communicate(timeout=SOON)
        ran = Ran(process.returncode, out.decode(), err.decode())
        assert (ran.status, ran.error["exit"], ran.error["code"]) == (1, 1, "unexpected")
        assert ran.error["message"].endswith("config.toml: File too large")


def test_show_names_each_value_and_its_source(world: World) -> None:
    config_of(world, WHOLE)
    (world.home / ".env").write_text("EMBED_MODEL=e\n")
    ran = world.with_(variables={"MODEL": "mine"}).run("config", "show")
    rows = [line.split(maxsplit=2) for line in ran.out.splitlines()]
    assert rows[0] == ["SETTING", "VALUE", "FROM"]
    assert ["server", "http://gpu.lan:11434", "profile lan"] in rows
    assert ["model", "mine", "MODEL"] in rows
    assert ["embed_model", "e", "EMBED_MODEL in ./.env"] in rows
    assert ["key", "set", "(hidden)          key_command of profile lan"] in rows
    assert ["log_level", "WARNING", "the default"] in rows


def test_show_as_json_holds_no_secret(world: World) -> None:
    here = world.with_(variables={"OLLAMA_IP": "https://me:hunter2@h", "OLLAMA_API_KEY": "hunter2"})
    ran = here.run("config", "show", "--json")
    assert ran.json["settings"]["server"] == {"value": "https://h", "source": "OLLAMA_IP"}
    assert ran.json["settings"]["key"] == {"value": "set (hidden)", "source": "OLLAMA_IP"}
    assert "hunter2" not in ran.out + ran.err + here.run("config", "show").out
