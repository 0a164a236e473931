"""Mails as a browser reads them: no value makes an element, an attribute or a link of its own."""

from __future__ import annotations

import json
import random
from pathlib import Path

from tests.sdk.node import run_node
from tidewire.services.messages.filling import fill_html

LINK = "https://example.com/a?b=1&c=%22#d"
PARTS = (
    "<p>",
    "</p>",
    "text ",
    "{{user}}",
    "<b title={{user}}>",
    "<b title = '{{user}} x'>",
    '<i class="{{user}}">',
    '<a href="{{redirect}}">',
    "<a href={{redirect}}>",
    "<a href='{{user}}'>",
    '<img src="/x?u={{user}}" />',
    "<textarea>{{user}}</textarea>",
    "<title>{{user}}</title>",
    "<style>p {color: {{user}}}</style>",
    "<script>let x = '{{user}}'</script>",
    "<p onclick='f({{user}})'>",
    '<p style="{{user}}">',
    "<!-- {{user}} -->",
    "<!--[if mso]><v:rect href='{{redirect}}'><![endif]-->",
    "<{{user}}>",
    "</{{user}}>",
    "<!{{user}}>",
    "<x{{user}} y{{user}}={{user}}z>",
    "<p {{user}}>",
    "<p {{user}}='{{user}}'>",
    "<svg><a xlink:href='{{user}}'>",
    "<noscript>{{user}}</noscript>",
    "<iframe>{{user}}</iframe>",
    "<plaintext>{{user}}",
    "<a href='x",
    '">',
    "'>",
    "<table><tr><td>{{user}}",
    "<math>",
    "<select>{{user}}</select>",
    "<a/href={{user}}/title={{user}}>",
    "<textarea>",
    "</textarea>",
    "<!--",
    "-->",
    "<?{{user}}?>",
    "<![CDATA[{{user}}]]>",
    "<svg><title>{{user}}",
    "<a\thref\n=\n{{user}}>",
    "<a href==x{{user}}>",
    "<b `{{user}}`>",
    "<xmp>{{user}}</xmp>",
    "<svg><![CDATA[",
    "]]>",
    "<template>{{user}}</template>",
    "<SCRIPT>{{user}}</ScRiPt >",
    "<svg><style><p {{user}}={{user}}></style>",
    "<svg><script><p x={{user}} {{user}}></script>",
    "<style><!-- {{user}}",
    "<script><!--<script>{{user}}</script>",
    "<svg><xmp><a href='{{user}}'>",
    '<title><a x="',
    "</title>",
    "<noscript><a x='",
    "</noscript>",
    "<style>",
    "</style>",
    "<iframe srcdoc='{{user}}'>",
    "<foreignObject><p {{user}}>",
    "<mi>{{user}}",
)
VALUES = (
    "x\" y='z' onload=alert(1) ><script>alert(1)</script><!-- javascript:",
    "script",
    "img src=x onerror=alert(1)",
    "--><script>x</script>",
    "javascript:alert(1)",
    "' onmouseover='x",
    "`><svg/onload=1>",
    "</style><script>x</script>",
    "</textarea><script>x</script>",
    "</title><img>",
    "]]><img>",
    "/onx=1",
    "a b=c",
    "=x y",
    ">",
    "&#60;b&#62;",
    "{{redirect}}",
    "\tonx=1",
    "?><img>",
    "/>",
)


def test_values_become_nothing_but_text(tmp_path: Path) -> None:
    chosen = random.Random(7)
    pairs = []
    for _ in range(3_000):
        template = "".join(chosen.choices(PARTS, k=chosen.randint(1, 6)))
        harmless = fill_html(template, {"user": "x", "redirect": LINK})
        hostile = fill_html(template, {"user": chosen.choice(VALUES), "redirect": LINK})
        pairs.append((harmless, hostile))
    corpus = tmp_path / "pairs.json"
    # A page that is different shows that the browser would see it.
    corpus.write_text(json.dumps([*pairs, ("<p>", "<p x>"), ("<a href=x>", "<a href='javascript:x'>")]))
    assert run_node("mail_markup.mjs", str(corpus)) == [
        ["<p>", "<p x>"],
        ["<a href=x>", "<a href='javascript:x'>"],
    ]
