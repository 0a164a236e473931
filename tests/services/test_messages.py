"""What people read in their mails."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import get_args
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.core.email_templates import TEMPLATE_IDS, MailTemplate, TemplateId
from tidewire.core.locales import LOCALE_CODES
from tidewire.core.redirects import with_query
from tidewire.services.messages import mails, text_messages
from tidewire.services.messages.languages import LANGUAGES, language_of
from tidewire.services.messages.mails import Device, MailText, Occasion, built_in_template, compose
from tidewire.services.messages.notices import smtp_test_mail, webhook_disabled_mail
from tidewire.services.messages.wording import PLACEHOLDER, Language, Wording

LINK = with_query("https://app.example.com/#/verify", {"userId": "u1", "secret": 'x"y&z'})
CODE = "123456"
EVIL = '<script>"\r\nBcc: all@example.com'
NOON = 1_780_315_200_000
"""2026-06-01 12:00 UTC."""

Told = Callable[[str], Occasion]
OCCASIONS: dict[TemplateId, Told] = {
    "verification": lambda _: mails.verification(LINK),
    "recovery": lambda _: mails.recovery(LINK),
    "magicSession": lambda each: mails.magic_session(LINK, Device(each, each, each), each, each),
    "otpSession": lambda each: mails.otp_session(CODE, Device(each, each, each), each, each),
    "mfaChallenge": lambda each: mails.mfa_challenge(CODE, Device(each, each, each), each),
    "invitation": lambda each: mails.invitation(each, each, LINK),
    "sessionAlert": lambda each: mails.session_alert(Device(each, each, each), each, each),
}
ENGLISH = language_of("en")


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


def composed(template: TemplateId, each: str = "the value", language: Language = ENGLISH) -> MailText:
    """The built-in mail with a value for whatever it tells."""
    return compose(OCCASIONS[template](each), language, each, each, NOON)


def test_every_kind_has_an_occasion() -> None:
    assert set(OCCASIONS) == set(TEMPLATE_IDS) == set(get_args(TemplateId))


@pytest.mark.parametrize("template", TEMPLATE_IDS)
def test_html_and_text_say_the_same(template: TemplateId) -> None:
    mail = composed(template)
    page = Page(mail.html)
    for name, value in OCCASIONS[template]("the value").values.items():
        if name not in {"agentClient", "agentOs", "agentDevice"}:
            assert value in page.words or template in {"mfaChallenge", "magicSession"}, name
    assert "the value" in mail.subject
    for line in mail.text.split("\n"):
        assert line.rstrip(":") in page.words


@pytest.mark.parametrize("template", TEMPLATE_IDS)
def test_names_cannot_become_markup_or_headers(template: TemplateId) -> None:
    mail = composed(template, EVIL)
    page = Page(mail.html)
    assert "script" not in page.elements
    assert page.links in ([], [LINK])
    assert "\n" not in mail.subject
    assert "\r" not in mail.subject
    assert "\nBcc" not in mail.text


def test_notices_tell_what_they_are_given() -> None:
    webhook = webhook_disabled_mail(EVIL, EVIL, EVIL, "https://example.com/?a=1&b=2", 10, EVIL)
    test = smtp_test_mail(EVIL, "me@example.com", "mail.example.com")
    for mail in (webhook, test):
        page = Page(mail.html)
        assert "script" not in page.elements
        assert '<script>" Bcc: all@example.com' in page.words
        assert "\nBcc" not in mail.text
    assert webhook.subject == "Webhook deliveries have been paused"
    assert "https://example.com/?a=1&b=2" in webhook.text
    assert "https://example.com/?a=1&b=2" in Page(webhook.html).words
    assert "Server: mail.example.com" in test.text
    assert "Server: unknown" in smtp_test_mail("P", "", "").text


@given(st.sampled_from(TEMPLATE_IDS), st.text())
def test_any_text_is_a_name(template: TemplateId, text: str) -> None:
    page = Page(composed(template, text).html)
    assert page.elements <= {"html", "head", "meta", "title", "body", "div", "p", "a", "br"}


def test_what_looks_like_a_place_is_not_filled() -> None:
    occasion = mails.otp_session(CODE, Device("client"), "192.0.2.1")
    mail = compose(occasion, ENGLISH, "{{otp}}", "{{ipAddress}}", NOON)
    assert mail.subject == "OTP for {{otp}} Login"
    assert "Hello {{ipAddress}}," in mail.text
    assert "Hello {{ipAddress}}," in Page(mail.html).words


def test_a_link_brings_its_secret() -> None:
    page = Page(composed("verification").html)
    assert page.links == [LINK]
    assert parse_qs(urlsplit(LINK).query) == {"userId": ["u1"], "secret": ['x"y&z']}


def test_a_phrase_is_shown_if_there_is_one() -> None:
    occasion = mails.magic_session(LINK, Device(), "", "quiet harbour")
    mail = compose(occasion, ENGLISH, "P", "", NOON)
    assert "quiet harbour" in mail.text
    assert "quiet harbour" in Page(mail.html).words
    without = compose(mails.magic_session(LINK, Device(), ""), ENGLISH, "P", "", NOON)
    assert "phrase" not in without.text.lower()
    assert "phrase" not in Page(without.html).words.lower()


def test_what_is_unknown_is_said_so() -> None:
    mail = compose(mails.session_alert(Device(), "", ""), ENGLISH, "P", "", NOON)
    assert "Country: unknown" in mail.text
    assert "Device: unknown" in mail.text
    assert "Time: 2026-06-01, 12:00 UTC" in mail.text
    assert mail.text.startswith("Hello,\n")
    assert "Somebody invites you" in compose(mails.invitation("", "T", LINK), ENGLISH, "P", "", NOON).text


@pytest.mark.parametrize("name", LANGUAGES)
def test_each_language_says_all_that_english_says(name: str) -> None:
    language = language_of(name)
    assert language.code.partition("-")[0] == name.partition("-")[0]
    for field in Language.__struct_fields__:
        said, wanted = getattr(language, field), getattr(ENGLISH, field)
        if isinstance(wanted, str) and field != "code":
            assert _places(said) == _places(wanted), field
            assert said.strip() == said, field
        elif isinstance(wanted, Wording):
            for part in ("subject", "button"):
                assert _places(getattr(said, part)) == _places(getattr(wanted, part)), (field, part)
                assert bool(getattr(said, part)) == bool(getattr(wanted, part)), (field, part)
            for part in ("before", "after"):
                ours, theirs = " ".join(getattr(said, part)), " ".join(getattr(wanted, part))
                assert _places(ours) == _places(theirs), (field, part)
            assert said.code == wanted.code, field


def _places(text: str) -> set[str]:
    return set(PLACEHOLDER.findall(text))


def test_locales_have_the_closest_language() -> None:
    assert "en" in LANGUAGES
    for locale in LOCALE_CODES:
        language_of(locale)
    assert language_of("de-at").code == "de"
    assert language_of("eo").code == "en"
    assert "Hallo ada," in composed("verification", "ada", language_of("de-ch")).text
    assert '<html lang="de" dir="ltr">' in composed("verification", "ada", language_of("de-ch")).html
    assert '<html lang="ar" dir="rtl">' in composed("verification", "ada", language_of("ar-eg")).html
    closest = {"pt-br": "pt", "nn": "nb", "zh-hk": "zh-TW", "zh-sg": "zh-CN", "ua": "uk", "fr-ca": "fr"}
    assert {locale: language_of(locale).code for locale in closest} == closest


@pytest.mark.parametrize("template", TEMPLATE_IDS)
def test_the_built_in_texts_can_be_put_in_their_own_place(template: TemplateId) -> None:
    texts = built_in_template(template, ENGLISH)
    occasion = OCCASIONS[template]("the value")
    ours = compose(occasion, ENGLISH, "P", "Ada", NOON)
    theirs = compose(occasion, ENGLISH, "P", "Ada", NOON, texts)
    assert (theirs.subject, theirs.html) == (ours.subject, ours.html)
    assert Page(theirs.html).words.split() == Page(ours.html).words.split()


def test_a_template_of_the_project() -> None:
    texts = MailTemplate(
        subject="{{project}}: {{nobody}}",
        message='<h1>Hi {{user}}</h1><p>Go <a href="{{redirect}}">there</a>,\n {{unknown}}</p>'
        '<script>let x = "{{user}}"</script><ul><li>one</li><li>two</li></ul>{{year}}',
    )
    mail = compose(mails.verification(LINK), ENGLISH, "Shop & Co", "Ada", NOON, texts)
    assert mail.subject == "Shop & Co: {{nobody}}"
    assert mail.text == f"Hi Ada\n\nGo there:\n{LINK}, {{{{unknown}}}}\n\none\ntwo\n\n2026\n"
    assert mail.html.startswith("<!doctype html>")
    assert "<title>Shop &amp; Co: {{nobody}}</title>" in mail.html
    whole = "<!DOCTYPE html><html><head><title>{{subject}}</title></head><body>{{heading}}</body></html>"
    page = MailTemplate(subject="A {{user}}", message=whole)
    mail = compose(mails.verification(LINK), ENGLISH, "P", "<b>", NOON, page)
    assert (
        mail.html
        == "<!DOCTYPE html><html><head><title>A &lt;b&gt;</title></head><body>A &lt;b&gt;</body></html>"
    )
    assert mail.text == "A <b>\n"


@pytest.mark.parametrize("locale", ["en", "de"])
def test_text_messages_are_one_line(locale: str) -> None:
    texts = [
        text_messages.otp_text(locale, "a\nb", CODE),
        text_messages.mfa_code_text(locale, "a\nb", CODE),
        text_messages.phone_verification_text(locale, "a\nb", CODE),
        text_messages.invitation_text(locale, "a\nb", "a\nb", "a\nb", LINK),
    ]
    for text in texts:
        assert "\n" not in text
        assert "a b" in text
        assert CODE in text or LINK in text
    assert text_messages.invitation_text(locale, "P", "", "T", LINK).startswith(language_of(locale).somebody)
