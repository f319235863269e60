"""Go's text/template, as far as models use it."""

from __future__ import annotations

from typing import Any

import pytest

from cli.services.embedded.template import Template
from cli.services.embedded.template_parser import TemplateError

VALUES: dict[str, Any] = {
    "System": "Be kind.",
    "Prompt": "Hi",
    "Response": "",
    "Messages": [{"Role": "user", "Content": "a"}, {"Role": "assistant", "Content": "b"}],
    "Tools": [{"Function": {"Name": "add", "Arguments": {"b": 2, "a": "<"}}}],
    "None": None,
    "Yes": True,
    "Three": 3,
    "Half": 0.5,
    "Words": ["x", "y", "z"],
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain } text", "plain } text"),
        ("{{ .Prompt }}", "Hi"),
        ("a {{- .Prompt -}} b", "aHib"),
        ("a\n\n{{- /* gone */ -}}\n b", "ab"),
        ("a {{/* gone */}} b", "a  b"),
        ("{{ .Missing }}", "<no value>"),
        ("{{ .Three }} {{ .Half }} {{ .Yes }} {{ .Words }}", "3 0.5 true [x y z]"),
        ("{{ (index .Tools 0).Function.Arguments }}", "map[a:< b:2]"),
        ('{{ "a\\n\\"}}" }}{{ `}}\\` }}', 'a\n"}}}}\\'),
        ("{{ if .System }}S{{ end }}", "S"),
        ("{{ if .None }}1{{ else if .Missing }}2{{ else }}3{{ end }}", "3"),
        ("{{ if .None }}1{{ else if .Yes }}2{{ else }}3{{ end }}", "2"),
        ("{{ if and .System (not .None) }}y{{ end }}", "y"),
        ("{{ if or .None .Missing }}y{{ else }}n{{ end }}", "n"),
        ("{{ and .Three .None (index .Words 99) }}", "<no value>"),
        ('{{ or .None "" "last" }}', "last"),
        ('{{ eq .Prompt "Hi" }} {{ eq .Three 1 2 3 }} {{ ne .Three 3 }}', "true true false"),
        ("{{ lt 1 2 }}{{ le 2 2 }}{{ gt 1 2 }}{{ ge 1 2 }}", "truetruefalsefalse"),
        ("{{ len .Messages }}{{ len .Prompt }}", "22"),
        ("{{ index .Words 1 }}", "y"),
        ('{{ index .Tools 0 "Function" "Name" }}', "add"),
        ("{{ slice .Words 1 }}{{ slice .Words 0 1 }}{{ slice .Prompt 1 }}", "[y z][x]i"),
        ("{{ range .Words }}{{ . }},{{ end }}", "x,y,z,"),
        ("{{ range $i, $w := .Words }}{{ if $i }}, {{ end }}{{ $w }}{{ end }}", "x, y, z"),
        ("{{ range $w := .Words }}{{ $w }}{{ end }}", "xyz"),
        ("{{ range .None }}x{{ else }}none{{ end }}", "none"),
        ("{{ range .Three }}{{ . }}{{ end }}", "012"),
        ("{{ range $k, $v := (index .Tools 0).Function.Arguments }}{{ $k }}={{ $v }};{{ end }}", "a=<;b=2;"),
        ('{{ range .Words }}{{ if eq . "y" }}{{ continue }}{{ end }}{{ . }}{{ end }}', "xz"),
        ('{{ range .Words }}{{ if eq . "y" }}{{ break }}{{ end }}{{ . }}{{ end }}', "x"),
        ("{{ range .Messages }}{{ .Role }}:{{ $.Prompt }} {{ end }}", "user:Hi assistant:Hi "),
        ("{{ $x := 1 }}{{ if .Yes }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"),
        ("{{ $x := 1 }}{{ if .Yes }}{{ $x := 2 }}{{ end }}{{ $x }}", "1"),
        ("{{ $last := eq (len (slice .Words 2)) 1 }}{{ $last }}", "true"),
        ("{{ with .System }}{{ . }}{{ else }}none{{ end }}", "Be kind."),
        ("{{ with $s := .System }}{{ $s }}{{ end }}", "Be kind."),
        ("{{ with .None }}x{{ else with .Prompt }}{{ . }}{{ end }}", "Hi"),
        ("{{ .Words | len }} {{ 1 | printf `%v%%` }}", "3 1%"),
        ('{{ printf "%s-%d-%q" .Prompt .Three "x" }}', 'Hi-3-"x"'),
        ("{{ print 1 2 }} {{ println .Prompt }}", "1 2 Hi\n"),
        ("{{ json .Tools }}", '[{"Function":{"Name":"add","Arguments":{"b":2,"a":"\\u003c"}}}]'),
        ("{{ nil | not }}{{ true }}{{ 0x10 }}{{ -2 }}{{ 1.5 }}{{ 'a' }}", "truetrue16-21.597"),
        ("{{\n.Prompt\n}}", "Hi"),
        ("{{ .Response }}", ""),
    ],
)
def test_a_template_is_rendered_as_go_renders_it(template: str, text: str) -> None:
    assert Template(template).render(VALUES) == text


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ .Nope ", "template: :1: unclosed action"),
        ('one\n{{ "two }}', "template: :2: unclosed action"),
        ("{{ nope }}", 'template: :1: function "nope" not defined'),
        ("{{ len nope }}", 'template: :1: function "nope" not defined'),
        ("{{ if }}{{ end }}", "template: :1: missing value for if"),
        ("{{ }}", "template: :1: missing value for command"),
        ("{{ .A | }}", "template: :1: missing value for command"),
        ("{{ if .A }}", "template: :1: unexpected EOF"),
        ("{{ range .A }}{{ else }}", "template: :1: unexpected EOF"),
        ("{{ end }}", "template: :1: unexpected {{end}}"),
        ("\n\n{{ else }}", "template: :3: unexpected {{else}}"),
        ("{{ if .A }}{{ else }}{{ else }}{{ end }}", "template: :1: expected end; found {{else}}"),
        ("{{ (.A }}", "template: :1: unclosed left paren"),
        ("{{ .A ) }}", 'template: :1: unexpected ")" in command'),
        ("{{ .A ! }}", "template: :1: unexpected '!' in command"),
        ("{{ break }}", "template: :1: {{break}} outside {{range}}"),
        ("{{ if .A }}" * 5000, "template: exceeded maximum template depth"),
    ],
)
def test_a_template_that_is_none_is_refused_in_gos_words(template: str, why: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Template(template)
    assert str(caught.value) == why


@pytest.mark.parametrize(
    "template",
    [
        "{{ .Prompt.Deeper }}",
        "{{ .None.Deeper }}",
        "{{ $x }}",
        "{{ index .Words 9 }}",
        "{{ index .Words -1 }}",
        "{{ len .Three }}",
        "{{ lt .Three .Prompt }}",
        "{{ eq .Three }}",
        "{{ range .Prompt }}{{ end }}",
        "{{ .Prompt .Three }}",
        '{{ printf "%d" "x" }}',
        "{{ len }}",
    ],
)
def test_a_template_that_asks_the_impossible_fails_without_an_accident(template: str) -> None:
    with pytest.raises(TemplateError, match=r"^template: "):
        Template(template).render(VALUES)


def test_a_template_without_a_place_for_the_answer_gets_one() -> None:
    assert Template("{{ .Prompt }} ").render({"Prompt": "x", "Response": "y"}) == "x y"


def test_up_to_the_answer_leaves_out_what_stands_behind_it() -> None:
    template = Template(
        "{{ if .System }}S {{ end }}{{ .Prompt }} {{ if .Response }}A: {{ .Response }} END{{ end }} END"
    )
    values = {"System": "s", "Prompt": "p", "Response": "r"}
    assert template.render_to_response(values) == "S p A: r"
    assert template.render(values) == "S p A: r END END"


def test_functions_of_the_server_can_be_called() -> None:
    assert Template("{{ currentDate }}{{ .Response }}", {"currentDate": lambda: "today"}).render(VALUES) == "today"


def test_which_fields_are_mentioned_anywhere() -> None:
    template = Template("{{ if .A }}{{ range $.B }}{{ (index .C 0).D }}{{ end }}{{ end }}")
    assert all(template.mentions(name) for name in "ABCD")
    assert not template.mentions("E")
