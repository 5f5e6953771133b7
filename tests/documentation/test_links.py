"""Every link of every page leads somewhere: to a file of the repository, a heading of a page, or https."""

import re
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.documentation.metrics import slug

ROOT = Path(__file__).parent.parent.parent
LISTED = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
PAGES = sorted(ROOT / name for name in subprocess.check_output(LISTED, cwd=ROOT, text=True).split())
# Addresses of the reader's own machine.
LOCAL = ("http://127.0.0.1:", "http://localhost:")


def prose(text: str) -> str:
    """Return a page without its blocks of code, in which `[a](b)` is no link."""
    text = re.sub(r"^ *(```|~~~).*?^ *\1 *$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(`+).+?\1", "", text)


def links(text: str) -> list[str]:
    inline = re.findall(r"\]\(<?([^)\s>]*)>?(?:\s+\"[^\"]*\")?\)", prose(text))
    return (
        inline
        + re.findall(r"<(\w+://[^>]+)>", prose(text))
        + re.findall(r"^\[[^\]]+\]: (\S+)", prose(text), re.MULTILINE)
    )


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return what GitHub lets the headings of a page be linked by; one that comes again gets a number."""
    seen: dict[str, int] = {}
    found = set()
    fenced = re.sub(r"^ *(```|~~~).*?^ *\1 *$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", fenced, re.MULTILINE):
        name = slug(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading))
        found.add(f"{name}-{seen[name]}" if name in seen else name)
        seen[name] = seen.get(name, 0) + 1
    return frozenset(found)


def broken(page: Path, link: str) -> str | None:
    """Say what is wrong with a link, if anything is."""
    url = urlsplit(link)
    if url.scheme:
        is_good = link.startswith(LOCAL) or (url.scheme == "https" and "." in url.netloc and not url.query.count(" "))
        return None if is_good else "expected https"
    file = (page.parent / unquote(url.path)).resolve() if url.path else page
    if not file.is_relative_to(ROOT) or not file.exists():
        return "there is no such file"
    if url.fragment and (file.suffix != ".md" or url.fragment not in anchors(file)):
        return "there is no such heading"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_s_links_lead_somewhere(page: Path) -> None:
    wrong = {link: problem for link in links(page.read_text()) if (problem := broken(page, link))}
    assert not wrong


def test_all_pages_are_looked_at() -> None:
    names = {str(page.relative_to(ROOT)) for page in PAGES}
    assert {"README.md", "exporter/METRICS.md", "deploy/README.md", "alerts/README.md"} <= names
    assert len([name for name in names if name.startswith("alerts/runbooks/")]) > 30


def test_links_and_headings_are_read(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b[]`, c?\n\n[x](#a) `[no](link)`\n\n```\n# no heading [no](link)\n```\n\n## D\n\n## D\n\n<https://a.b/c>\n"
    )
    assert anchors(page) == {"a-b-c", "d", "d-1"}
    assert links(page.read_text()) == ["#a", "https://a.b/c"]


@pytest.mark.parametrize(
    "link",
    [
        "no-such-file.md",
        "README.md#no-such-heading",
        "LICENSE#x",
        "http://example.org",
        "ftp://a.b",
        "../no-such-file",
        "https://x",
    ],
)
def test_a_broken_link_is_found(link: str) -> None:
    assert broken(ROOT / "README.md", link)
