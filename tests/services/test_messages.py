"""What people read in their mails."""

from __future__ import annotations

import inspect
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.core.redirects import with_query
from tidewire.services import messages
from tidewire.services.messages import MailText

LINK = with_query("https://app.example.com/#/verify", {"userId": "u1", "secret": 'x"y&z'})
MAILS = {name: function for name, function in vars(messages).items() if name.endswith("_mail")}
TEXTS = {name: function for name, function in vars(messages).items() if name.endswith("_text")}


class Page(HTMLParser):
    """Text, links and elements of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words = ""
        self.links: list[str | None] = []
        self.elements: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.links += [value for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.words += data


def compose(name: str, **given: str) -> MailText:
    """The mail with every value that it takes."""
    takes = inspect.signature(MAILS[name]).parameters
    values = {each: f"the {each}" for each in takes} | {"link": LINK, "code": "123456"} | given
    mail = MAILS[name](**{each: values[each] for each in takes})
    assert isinstance(mail, MailText)
    return mail


@pytest.mark.parametrize("name", MAILS)
def test_html_and_text_say_the_same(name: str) -> None:
    mail = compose(name)
    page = Page(mail.html)
    for each in inspect.signature(MAILS[name]).parameters:
        wanted = {"link": LINK, "code": "123456"}.get(each, f"the {each}")
        assert wanted in page.words
        assert wanted in mail.text
    if name not in {"smtp_test_mail", "webhook_disabled_mail"}:
        assert "the project" in mail.subject


@pytest.mark.parametrize("name", MAILS)
def test_names_cannot_become_markup_or_headers(name: str) -> None:
    takes = dict.fromkeys(inspect.signature(MAILS[name]).parameters, '<script>"\r\nBcc: all@example.com')
    mail = compose(name, **takes | {"link": LINK, "code": "123456"})
    page = Page(mail.html)
    assert "script" not in page.elements
    assert page.links in ([], [LINK])
    assert "\n" not in mail.subject
    assert "\r" not in mail.subject
    assert "\nBcc" not in mail.text


@given(st.sampled_from(sorted(MAILS)), st.text())
def test_any_text_is_a_name(name: str, text: str) -> None:
    page = Page(compose(name, project=text, user=text).html)
    assert page.elements <= {"html", "head", "meta", "title", "body", "div", "p", "a", "br"}


def test_what_looks_like_a_place_is_not_filled() -> None:
    mail = messages.otp_mail("{{code}}", "{{ip}}", "123456", "client", "192.0.2.1")
    assert mail.subject == "OTP for {{code}} Login"
    assert "Hello {{ip}}," in mail.text


def test_a_link_brings_its_secret() -> None:
    page = Page(messages.verification_mail("P", "", LINK).html)
    assert page.links == [LINK]
    assert parse_qs(urlsplit(LINK).query) == {"userId": ["u1"], "secret": ['x"y&z']}


def test_a_phrase_is_shown_if_there_is_one() -> None:
    assert "quiet harbour" in messages.magic_url_mail("P", "", LINK, "quiet harbour").text
    assert "phrase" not in messages.magic_url_mail("P", "", LINK).text.lower()


def test_what_is_unknown_is_said_so() -> None:
    mail = messages.session_alert_mail("P", "", "", "", "", "today")
    assert "Country: unknown" in mail.text
    assert mail.text.startswith("Hello,\n")


@pytest.mark.parametrize("name", TEXTS)
def test_text_messages_are_one_line(name: str) -> None:
    takes = inspect.signature(TEXTS[name]).parameters
    text = TEXTS[name](
        **{each: "a\nb" if each != "code" else "123456" for each in takes if each != "link"}
        | ({"link": LINK} if "link" in takes else {})
    )
    assert "\n" not in text
    assert "a b" in text
