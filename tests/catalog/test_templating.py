"""Templates: what may stand where, what a value becomes there, and that it never becomes anything else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from bot.catalog import secret_names
from bot.catalog.encoding import CUT_MARK, MRKDWN_VALUE_CHARACTERS, mrkdwn
from bot.catalog.templating import (
    Place,
    Unrenderable,
    check_template,
    references,
    render,
    render_text,
    render_tree,
    sites,
)
from bot.errors import BadInput
from tests.fakes.patience import PATIENCE_S

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SHELL_TEXT = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("'\"\\$`!*?[]{}()<>|&;~#\n\t -=")),
    max_size=30,
).filter(lambda text: "\0" not in text)


FRAGMENTS = (
    *(
        "'",
        '"',
        "\\",
        "$",
        "$(",
        ")",
        "`",
        "#",
        "\n",
        " ",
        " ",
        ";",
        "echo ",
        "a",
        "=",
        "${a}",
        "${a:-",
        "}",
        "$'",
    ),
    *(
        "&",
        "|",
        "(",
        ":",
        "case ",
        "esac",
        " in ",
        "a)",
        "''",
        '""',
        "\\\n",
        "<<",
        "<(",
        "{{ x }}",
        "[",
        "]",
        "!",
    ),
)
HOSTILE = "'\"$(>MARK1)`>MARK2`;>MARK3;\n>MARK4\n'\\''>MARK5 #)\"$(>MARK6)\" ${a:=$(>MARK7)} \\$(>MARK8)\n"


class Shell(BaseModel):
    command: Annotated[str, Place.SHELL]
    hosts: list[str] | None = None
    count: int = 1


class Http(BaseModel):
    url: Annotated[str, Place.URL]
    headers: dict[str, Annotated[str, Place.HEADER]] = {}
    body: Annotated[dict[str, Any] | str | None, Place.BODY] = None


VALUES = {
    "incident": {"title": "disk full", "score": 0.91, "urgent": True, "nothing": None},
    "params": {"replicas": 5, "name": "web", "flag": "-x"},
    "steps": {"look": {"output": "a b"}, "cut": {"output": Unrenderable("its output was cut")}},
    "service": "payment-api",
}


class TestLookup:
    def test_a_dotted_path_is_replaced_wherever_it_stands(self) -> None:
        assert render_text("{{incident.title}}/{{ params.name }}", Place.PLAIN, VALUES) == "disk full/web"

    def test_numbers_and_switches_read_as_a_person_writes_them(self) -> None:
        text = render_text(
            "{{ incident.score }} {{ incident.urgent }} {{ params.replicas }}", Place.PLAIN, VALUES
        )
        assert text == "0.91 true 5"

    def test_an_unknown_path_is_refused_and_says_what_is_known_there(self) -> None:
        with pytest.raises(BadInput) as refusal:
            render_text("{{ params.replica }}", Place.PLAIN, VALUES)
        assert refusal.value.message == "nothing is known as {{ params.replica }}"
        assert refusal.value.hint == "known here: params.flag, params.name, params.replicas"

    def test_attributes_of_a_value_are_not_reachable(self) -> None:
        with pytest.raises(BadInput, match="nothing is known"):
            render_text("{{ incident.title.__class__ }}", Place.PLAIN, VALUES)

    def test_a_redacted_or_cut_value_is_refused_with_its_reason(self) -> None:
        for tree in ("{{ steps.cut.output }}", "{{ steps }}", {"all": "{{ steps.cut }}"}):
            with pytest.raises(BadInput, match="its output was cut"):
                render_tree(tree, VALUES)

    def test_a_whole_sibling_of_a_cut_value_is_still_usable(self) -> None:
        assert render_tree("{{ steps.look.output }}", VALUES) == "a b"

    def test_a_value_that_is_missing_now_is_refused(self) -> None:
        with pytest.raises(BadInput, match="no value here"):
            render_text("{{ incident.nothing }}", Place.PLAIN, VALUES)

    def test_a_mapping_cannot_stand_inside_a_text(self) -> None:
        with pytest.raises(BadInput, match="is a mapping"):
            render_text("x {{ incident }}", Place.PLAIN, VALUES)

    @given(TEXT)
    def test_a_value_is_never_read_as_a_template_again(self, text: str) -> None:
        tricky = "{{ params.secret }}" + text + "{{ incident.title }}"
        assert render_tree("{{ params.name }}!", {"params": {"name": tricky}}) == tricky + "!"

    def test_an_escaped_brace_stays_a_brace(self) -> None:
        assert render_text(r"docker inspect -f '\{{.State}}' {{ params.name }}", Place.SHELL, VALUES) == (
            "docker inspect -f '{{.State}}' 'web'"
        )

    @pytest.mark.parametrize(
        "text", ["{{ }}", "{{ a b }}", "{{ a | upper }}", "{{ f(x) }}", "{{ a.b", "{{{ a }}}"]
    )
    def test_anything_but_a_dotted_path_is_a_problem(self, text: str) -> None:
        assert check_template(text, Place.PLAIN)
        with pytest.raises(BadInput):
            render_text(text, Place.PLAIN, VALUES)

    @given(TEXT)
    def test_any_text_can_be_checked_without_breaking(self, text: str) -> None:
        for place in Place:
            check_template(text + "{{ a.b }}" + text, place)
        assert isinstance(references(text), list)

    def test_references_are_listed_once_each_in_order(self) -> None:
        assert references("{{ b.c }} {{a}} {{ b.c }}") == ["b.c", "a"]


class TestTypes:
    def test_a_lone_placeholder_in_a_number_field_keeps_its_type(self) -> None:
        rendered = render({"command": "true", "count": "{{ params.replicas }}"}, Shell, VALUES)
        assert rendered["count"] == 5
        assert isinstance(rendered["count"], int)

    def test_a_lone_placeholder_in_a_text_field_becomes_text(self) -> None:
        assert render({"command": "x", "hosts": ["{{ params.replicas }}"]}, Shell, VALUES)["hosts"] == ["5"]

    def test_a_tree_of_arguments_keeps_types_and_joins_text(self) -> None:
        tree = {
            "n": "{{ params.replicas }}",
            "text": "n={{ params.replicas }}",
            "deep": [{"x": "{{ incident.urgent }}"}],
        }
        assert render_tree(tree, VALUES) == {"n": 5, "text": "n=5", "deep": [{"x": True}]}

    def test_a_placeholder_in_a_key_is_refused(self) -> None:
        with pytest.raises(BadInput, match="cannot stand in a name"):
            render_tree({"{{ params.name }}": 1}, VALUES)

    def test_every_text_of_an_input_is_seen_with_its_place(self) -> None:
        tree = {"url": "https://a/", "headers": {"X": "1"}, "body": {"a": ["b"]}}
        assert [(site.location, site.place, site.is_nested) for site in sites(tree, Http)] == [
            (("url",), Place.URL, False),
            (("headers", "X"), Place.HEADER, True),
            (("body", "a", 0), Place.BODY, True),
        ]


class TestShell:
    @pytest.mark.parametrize(
        "command",
        [
            'echo "{{ x }}"',
            "echo '{{ x }}'",
            "echo $({{ x }})",
            'echo "$(grep {{ x }} file)"',
            "echo `grep {{ x }} f`",
            "echo `date` {{ x }}",
            "cat <<EOF\n{{ x }}\nEOF",
            "echo ${y:-{{ x }}}",
            "echo ${{ x }}",
            "echo $'a' {{ x }}",
            "echo hi # {{ x }}",
            "echo $((1 + {{ x }}))",
            "(( {{ x }} ))",
            "[[ {{ x }} -eq 1 ]]",
            "eval {{ x }}",
            "sudo sh -c {{ x }}",
            "bash -lc {{ x }}",
            'echo "unclosed {{ x }}',
            'echo "$(case a in a) echo {{ x }};; esac)"',
            "read {{ x }}",
            "unset a[{{ x }}]",
            "echo '\\' \"'{{ x }}'\"",
        ],
    )
    def test_a_placeholder_that_is_not_a_plain_word_is_a_problem(self, command: str) -> None:
        assert check_template(command, Place.SHELL)

    @pytest.mark.parametrize(
        "command",
        [
            "systemctl restart {{ x }}",
            "redis-cli -n {{ x }} FLUSHDB",
            "scale --replicas={{ x }} a/{{ y }}.log",
            "echo 'it is' \"so $HOME\" {{ x }} # why not",
            "kill -HUP $(cat /run/x.pid) {{ x }}",
            'echo "$(date) ${USER}" {{ x }} > /tmp/{{ y }}',
            "echo a\\'b {{ x }}",
            "echo a#b {{ x }}",
            "test $((1 + 2)) -eq {{ x }} && echo {{ y }} | sort",
            "sh -c 'echo \"$1\"' -- {{ x }}",
            "echo hi # a comment's quote\necho {{ x }}",
        ],
    )
    def test_a_placeholder_that_is_a_word_or_part_of_one_is_fine(self, command: str) -> None:
        assert check_template(command, Place.SHELL) == []

    def test_quotes_are_no_concern_without_a_placeholder(self) -> None:
        assert check_template("cat <<EOF\n`date`\nEOF", Place.SHELL) == []

    def test_a_value_that_starts_with_a_dash_is_refused_unless_allowed(self) -> None:
        with pytest.raises(BadInput, match="starts with a dash"):
            render_text("ls {{ params.flag }}", Place.SHELL, VALUES)
        for empty in ("''{{ params.flag }}", "\\\n{{ params.flag }}"):
            with pytest.raises(BadInput, match="starts with a dash"):
                render_text(f"ls {empty}", Place.SHELL, VALUES)
        assert (
            render_text("ls {{ params.flag }}", Place.SHELL, VALUES, dash_allowed={"params.flag"})
            == "ls '-x'"
        )
        assert render_text("ls --o={{ params.flag }}", Place.SHELL, VALUES) == "ls --o='-x'"

    def test_a_nul_is_refused(self) -> None:
        with pytest.raises(BadInput, match="NUL"):
            render_text("ls {{ x }}", Place.SHELL, {"x": "a\0b"})

    @settings(max_examples=5, deadline=None)
    @given(st.lists(SHELL_TEXT, min_size=50, max_size=80))
    def test_a_real_shell_receives_exactly_the_bytes_of_each_value(self, texts: list[str]) -> None:
        """Three ways for each value to stand: a word, behind text, between two quoted pieces."""
        script = "".join(
            render_text(
                "printf '%s\\0' p{{ x }} a={{ x }}b \"q\"{{ x }}'r' \n",
                Place.SHELL,
                {"x": text},
            )
            for text in texts
        )
        done = subprocess.run(
            ["/bin/sh"], input=script.encode(), capture_output=True, timeout=PATIENCE_S, check=True
        )
        expected = "".join(f"p{text}\0a={text}b\0q{text}r\0" for text in texts)
        assert done.stderr == b""
        assert done.stdout == expected.encode()

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        before=st.lists(st.sampled_from(FRAGMENTS), max_size=7),
        after=st.lists(st.sampled_from(FRAGMENTS), max_size=5),
    )
    def test_where_a_placeholder_is_accepted_no_value_can_run(
        self, tmp_path: Path, before: list[str], after: list[str]
    ) -> None:
        command = "".join([*before, "{{ x }}", *after])
        if check_template(command, Place.SHELL):
            return
        rendered = render_text(command, Place.SHELL, {"x": HOSTILE}, dash_allowed={"x"})
        # The value tries to make files by the shell alone; nothing else can be started without a PATH.
        subprocess.run(
            ["/bin/sh", "-c", rendered],
            cwd=tmp_path,
            env={"PATH": "/nonexistent"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert not list(tmp_path.glob("MARK*"))


class TestHttp:
    @pytest.mark.parametrize(
        "url",
        [
            "{{ x }}",
            "{{ x }}://a/",
            "https://{{ x }}/",
            "https://a.{{ x }}/",
            "https://a:{{ x }}/",
            "https://{{ x }}@a/",
            "https://a{{ x }}",
            "https://a@{{ x }}/",
            "ftp://a/{{ x }}",
        ],
    )
    def test_a_placeholder_cannot_touch_scheme_user_host_or_port(self, url: str) -> None:
        assert check_template(url, Place.URL)

    @given(TEXT.filter(lambda text: text not in ("", ".", "..")))
    def test_a_value_stays_one_part_of_the_address(self, text: str) -> None:
        url = render_text("https://a:8443/v1/{{ x }}/y?q={{ x }}&z=1#f", Place.URL, {"x": text})
        parts = urlsplit(url)
        assert parts.netloc == "a:8443"
        assert [unquote(part) for part in parts.path.split("/")] == ["", "v1", text, "y"]
        assert unquote(parts.query.split("&")[0]) == f"q={text}"
        assert parts.query.count("&") == 1

    @pytest.mark.parametrize("value", ["..", ".", ""])
    def test_a_value_that_would_move_the_path_is_refused(self, value: str) -> None:
        with pytest.raises(BadInput):
            render_text("https://a/v1/{{ x }}/y", Place.URL, {"x": value})

    @pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0", "a\u2028b"])
    def test_a_line_break_in_a_header_is_refused(self, value: str) -> None:
        with pytest.raises(BadInput, match="line break"):
            render({"url": "https://a/", "headers": {"X": "{{ x }}"}}, Http, {"x": value})

    @given(TEXT)
    def test_a_body_text_that_is_json_keeps_its_shape_whatever_the_value(self, text: str) -> None:
        rendered = render(
            {"url": "https://a/", "body": '{"t": "<{{ x }}>", "n": "{{ n }}"}'}, Http, {"x": text, "n": 3}
        )
        sent = secret_names.fill_tree(json.loads(rendered["body"]), lambda _name: "SECRET")
        assert sent == {"t": f"<{text}>", "n": 3}

    def test_a_body_text_with_a_placeholder_that_is_not_json_is_a_problem(self) -> None:
        assert check_template("user={{ x }}", Place.BODY)

    @given(TEXT)
    def test_a_value_that_names_a_secret_is_sent_as_those_letters(self, text: str) -> None:
        value = "$TOKEN${TOKEN}" + text.translate(
            {code: None for code in (*range(32), 127, 0x85, 0x2028, 0x2029)}
        )
        rendered = render(
            {
                "url": "https://a/?t=$TOKEN&v={{ x }}",
                "headers": {"Authorization": "Bearer $TOKEN", "X": "{{ x }}"},
                "body": {"k": "${TOKEN}", "v": "{{ x }}"},
            },
            Http,
            {"x": value},
        )
        sent = secret_names.fill_tree(rendered, lambda name: f"<{name}>")
        assert sent["headers"] == {"Authorization": "Bearer <TOKEN>", "X": value}
        assert sent["body"] == {"k": "<TOKEN>", "v": value}
        assert sent["url"].startswith("https://a/?t=<TOKEN>&v=")
        assert unquote(sent["url"].split("&v=")[1]) == value


class TestMessages:
    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            ("<!channel> & <@U1>", "&lt;!channel&gt; &amp; &lt;@U1&gt;"),
            ("<https://evil|click>", "&lt;https:\u2060//evil|click&gt;"),
            ("see www.evil.example", "see www\u2060.evil.example"),
            ("@here now", "@\u2060here now"),
        ],
    )
    def test_a_value_makes_no_mention_and_no_link(self, value: str, shown: str) -> None:
        assert mrkdwn(value) == shown

    def test_a_long_value_is_cut_by_character_with_a_mark(self) -> None:
        cut = mrkdwn("é" * (MRKDWN_VALUE_CHARACTERS + 1))
        assert len(cut) == MRKDWN_VALUE_CHARACTERS
        assert cut.endswith(CUT_MARK)

    @given(TEXT)
    def test_no_value_leaves_a_bare_angle_bracket(self, text: str) -> None:
        assert not set(mrkdwn(text)) & {"<", ">"}


class TestPromql:
    def test_a_label_value_brings_its_own_quotes(self) -> None:
        rendered = render_text(
            "rate(errors{service={{ service }}}[5m])", Place.PROMQL, {"service": 'a"b\\c\nd'}
        )
        assert rendered == 'rate(errors{service="a\\"b\\\\c\\nd"}[5m])'

    @pytest.mark.parametrize(
        "query", ['x{s="{{ service }}"}', "x{s=~{{ service }}}", "{{ service }}", 'x{s="a={{ service }}"}']
    )
    def test_a_placeholder_elsewhere_is_a_problem(self, query: str) -> None:
        assert check_template(query, Place.PROMQL)
