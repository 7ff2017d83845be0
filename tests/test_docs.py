"""The pages under docs/: every command in a block of `console` runs, and says what the page shows."""

import re

import pytest
from conftest import REPOSITORY

PAGES = {page.name: page.read_text(encoding="utf-8") for page in sorted((REPOSITORY / "docs").glob("*.md"))}
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page):
    """Return each command of a page with the lines that the page shows of its output."""
    found = []
    for block in BLOCK.findall(page):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line != "...":
                found[-1][1].append(line)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if commands(page)])
def test_commands_of_the_page_run(finished, name):
    """Every command ends well, in the page's order, and each line that the page shows is in its output."""
    for command, shown in commands(PAGES[name]):
        done = finished.run("sh", "-c", command)
        said = done.stdout.splitlines()
        assert [line for line in shown if line not in said] == [], done.stdout


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    """A link to a file of the repository leads to one that is there; a page fits two screens."""
    for target in re.findall(r"\]\(([^)#:]+)\)", PAGES[name]):
        assert (REPOSITORY / "docs" / target).exists(), target
    assert PAGES[name].count("\n") <= 130
