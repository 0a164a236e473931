"""Values in HTML: nothing that a stranger writes becomes more than text."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.services.messages.filling import fill_html
from tidewire.services.messages.html_pieces import pieces_of
from tidewire.services.messages.plain_text import plain_text

LINK = "https://example.com/a?b=1&c=%22#d"
EVIL = """x" y='z' onload=alert(1) ><script>alert(1)</script><!-- javascript:"""


class Outline(HTMLParser):
    """What a page consists of, but for its text and the values of attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.parts: list[object] = []
        self.values: list[tuple[str, str | None]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append((tag, [name for name, _ in attrs]))
        self.values += attrs

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:  # noqa: ARG002
        self.parts.append("comment")


@given(st.text(alphabet="<>/!-='\"ab {}?\n&;", max_size=60))
def test_pieces_are_the_whole(html: str) -> None:
    assert "".join(piece.text for piece in pieces_of(html)) == html


_PARTS = (
    "<p>", "</p>", "text ", "{{user}}", "<b title={{user}}>", "<b title = '{{user}} x'>",
    '<i class="{{user}}">',
    '<a href="{{redirect}}">', "<a href={{redirect}}>", "<a href='{{user}}'>", '<img src="/x?u={{user}}" />',
    "<textarea>{{user}}</textarea>", "<title>{{user}}</title>", "<style>p {color: {{user}}}</style>",
    "<script>let x = '{{user}}'</script>", "<p onclick='f({{user}})'>", "<p style=\"{{user}}\">",
    "<!-- {{user}} -->", "<!--[if mso]><v:rect href='{{redirect}}'><![endif]-->", "&amp;", "<br/>",
)  # fmt: skip


@given(st.lists(st.sampled_from(_PARTS), max_size=6), st.text(max_size=20), st.sampled_from(("", EVIL)))
def test_no_value_changes_what_a_page_consists_of(parts: list[str], text: str, evil: str) -> None:
    html = "".join(parts)
    harmless = Outline(fill_html(html, {"user": "x", "redirect": LINK}))
    hostile = Outline(fill_html(html, {"user": evil + text, "redirect": LINK}))
    assert hostile.parts == harmless.parts
    for name, value in hostile.values:
        if name in {"href", "src"}:
            assert value == LINK or not (value or "").lower().startswith("javascript:")


@pytest.mark.parametrize(
    ("html", "filled"),
    [
        ("{{user}} {{other}}", "&lt;&quot;&#x27; a:1&gt; {{other}}"),
        ('<b title="{{user}}">', '<b title="&lt;&quot;&#x27; a:1&gt;">'),
        ("<b title={{user}}>", "<b title=&#60;&#34;&#39;&#32;a&#58;1&#62;>"),
        ("<a href='{{user}}'>", "<a href='%3C%22%27%20a%3A1%3E'>"),
        ("<a href=' {{redirect}}'>", f"<a href=' {LINK.replace('&', '&amp;')}'>"),
        ("<a href='/?to={{redirect}}'>", f"<a href='/?to={quote(LINK, safe='')}'>"),
        ("<a href=/?to={{word}}>", "<a href=/?to=script>"),
        ("{{redirect}}", LINK.replace("&", "&amp;")),
        ("<script>'{{user}}'</script>", "<script>'\N{NO-BREAK SPACE}a1'</script>"),
        ("<p onclick=\"f('{{user}}')\">", "<p onclick=\"f('\N{NO-BREAK SPACE}a1')\">"),
        ("<p {{user}}>", "<p _>"),
        ("<p{{user}}>", "<p_>"),
        ("<{{word}}>", "<&#115;&#99;&#114;&#105;&#112;&#116;>"),
        ("<!-- {{user}} -->", "<!-- &lt;&quot;&#x27; a:1&gt; -->"),
        ("<!{{user}}>{{word}}", "<!_>script"),
        # What browsers took for more than text before: an empty name, and scripts within pictures.
        ("<p {{user}}='{{user}}'>", "<p _='&lt;&quot;&#x27; a:1&gt;'>"),
        ("<svg><style><p {{user}}={{word}}></style>", "<svg><style><p _=script></style>"),
        ("<svg><script><p x={{none}} {{user}}></script>", "<svg><script><p x=_ _></script>"),
        ("<svg><title><b x={{user}}></title>", "<svg><title><b x=&#60;&#34;&#39;&#32;a&#58;1&#62;></title>"),
    ],
)
def test_values_are_escaped_for_where_they_stand(html: str, filled: str) -> None:
    values = {"user": "<\"' a:1>", "redirect": LINK, "word": "script", "none": ">"}
    assert fill_html(html, values) == filled


def test_a_value_after_a_bracket_begins_no_tag() -> None:
    for html in ("<{{user}}>", "a <{{user}} b>", "<p><{{user}}></p>"):
        outline = Outline(fill_html(html, {"user": "script src=//evil.example"}))
        assert not [part for part in outline.parts if part[0] == "script"]  # type: ignore[index]


def test_comments_in_comments_and_open_ends_are_read_once() -> None:
    for html in (
        "<!--" * 50_000,
        "<a " * 50_000,
        "<" * 100_000,
        '<a x="' * 50_000,
        "<script>" * 20_000,
        "</" * 50_000,
    ):
        assert fill_html(html + "{{user}}", {"user": "<b>"}).startswith(html)


def test_plain_text() -> None:
    html = (
        "<!doctype html><html><head><title>no</title><style>p {}</style></head><body>"
        "<h1>Hi&nbsp;you</h1><p>one<br>two  three\n<a href='https://x.example/?a&amp;b'>here</a></p>"
        "<table><tr><td>a</td><td>b</td></tr></table>"
        "<a href='https://y.example'>https://y.example</a><!--[if mso]><p>no</p><![endif]--></body></html>"
    )
    assert plain_text(html) == (
        "Hi you\n\none\ntwo three here:\nhttps://x.example/?a&b\n\na b\n\nhttps://y.example\n"
    )
