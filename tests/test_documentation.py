"""What the documentation names is there: tests for what it promises, pages and files that it links to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
DOCS = sorted(TESTS.parent.glob("docs/**/*.md"))
PAGES = [*TESTS.parent.glob("*.md"), *DOCS, *TESTS.parent.glob("examples/*/*.md")]
_LINK = re.compile(r'\]\(([^)\s]+)\)|src="([^"]+)"')
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_QUOTED = re.compile(r"`([^`\s]+)`")
_ROOMS = "|".join(
    sorted(path.name for path in (TESTS.parent / "src" / "tidewire").iterdir() if path.is_dir())
)
_SOURCE = re.compile(rf"`((?:src/tidewire/)?(?:{_ROOMS}|tests|scripts)/(?:(?!test_)\w+/?)*(?:\.py)?)`")
_NAMED = re.compile(r"(?:tests/)?(?P<file>[\w/]*test_\w+\.py)?…?(?:::)?(?P<test>test_\w+)?")


def named(text: str) -> Iterator[tuple[str, str]]:
    """File and test, or the file alone; a test without a file is of the file that was named last."""
    file = ""
    for quoted in _QUOTED.findall(text):
        found = _NAMED.fullmatch(quoted)
        if found is None or not (found["file"] or found["test"]):
            continue
        file = found["file"] or file
        yield file, found["test"] or ""


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.stem)
def test_the_tests_that_are_named_exist(page: Path) -> None:
    for file, test in named(page.read_text()):
        paths = [path for path in TESTS.rglob(Path(file).name) if path.as_posix().endswith(f"/{file}")]
        assert len(paths) == 1, f"{file}: {paths}"
        if test:
            made = rf"^ *(?:(?:async )?def {test}\(|{test} = )"
            assert re.search(made, paths[0].read_text(), re.MULTILINE), (file, test)


@pytest.mark.parametrize(
    ("page", "first"), [("realtime.md", "## What is guaranteed"), ("guarantees.md", "## After a disconnect")]
)
def test_every_guarantee_names_a_test(page: str, first: str) -> None:
    text = (TESTS.parent / "docs" / page).read_text()
    rows = re.findall(r"^\| (.+) \| (.+) \|$", text.partition(f"\n{first}\n")[2], re.MULTILINE)
    promises = [row for row in rows if row != ("guarantee", "test")]
    assert len(promises) > 20
    for promise, tests in promises:
        assert "test_" in tests, promise


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_modules_and_folders_that_are_named_exist(page: Path) -> None:
    root = TESTS.parent
    for quoted in _SOURCE.findall(page.read_text()):
        places = [
            base / each for base in (root, root / "src" / "tidewire") for each in (quoted, f"{quoted}.py")
        ]
        assert any(place.exists() for place in places), quoted


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for link, source in _LINK.findall(page.read_text()):
        path, _, heading = (link or source).partition("#")
        if path.startswith("https:"):
            continue
        target = page.parent / path if path else page
        assert target.exists(), path
        if heading:
            assert heading in {anchor(each) for each in _HEADING.findall(target.read_text())}, link


def anchor(heading: str) -> str:
    """The name by which a link leads to a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_names_say_the_terms_of_the_glossary() -> None:
    page = (TESTS.parent / "docs" / "glossary.md").read_text()
    retired = re.findall(r"^\| (\w+) \| ", page.partition("| not | but |")[2], re.MULTILINE)
    assert len(retired) > 5
    source = TESTS.parent / "src" / "tidewire"
    named = re.compile(rf"(?:class|def|^) *_*(\w*(?:{'|'.join(retired)})\w*)", re.IGNORECASE | re.MULTILINE)
    for path in source.rglob("*.py"):
        assert not any(word in path.stem for word in retired), path
        for line in path.read_text().splitlines():
            if line.lstrip().startswith(("class ", "def ", "async def ")):
                assert named.search(line.partition("(")[0]) is None, (path, line)


def test_the_terms_are_sorted_and_each_has_one_meaning() -> None:
    page = (TESTS.parent / "docs" / "glossary.md").read_text()
    terms = [term.lower() for term in re.findall(r"^- ([^:]+):", page, re.MULTILINE)]
    assert len(terms) > 50
    assert terms == sorted(set(terms))
