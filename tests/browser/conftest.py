"""Real pages in a real browser: Chromium by Playwright, without a network."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from conformance.claims import registry
from conformance.report.write import write_merged, write_report
from tests.report import synthetic

#: A busy machine takes its time; nothing here waits for longer than it has to.
expect.set_options(timeout=60_000)

#: Some of each kind: what holds for a few rows holds for all, and axe looks at every one of them.
CLAIMS = {
    claim.id: claim
    for claim in registry.load().values()
    if claim.id in {"D9-33", "D9-34", "000-01", "000-02", "000-10", "000-16", "000-20", "000-21", "000-22", "002-70", "002-71"}
    or "minReadySeconds" in claim.quote
}

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of a run in which every outcome occurs, of one that conforms, and of both side by side."""
    home = tmp_path_factory.mktemp("pages")
    mixed = synthetic.write_folder(home / "mixed")
    good = synthetic.write_folder(home / "good")
    for file in (good / "scenarios").glob("*.json"):
        if any(word in file.read_text() for word in ('"outcome":"failed"', '"outcome":"error"', '"outcome":"unknown"')):
            file.unlink()
    there = {"P01", "P03", "R02", "U01", "T12", "L08"}
    known = [each for each in synthetic.RUN.scenarios if each.family in there]
    run = msgspec.structs.replace(synthetic.RUN, cluster="kind", scenarios=known)
    (good / "run.json").write_bytes(msgspec.json.encode(run))
    return {
        "mixed": write_report(mixed, claims=CLAIMS),
        "good": write_report(good, claims=CLAIMS),
        "merged": write_merged(home / "merged", [mixed, good], claims=CLAIMS)[1],
    }


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser that `tests/browser/prepare.py` found."""
    wanted = os.environ.get("CONFORMANCE_CHROMIUM", "chromium")
    path = None if wanted == "playwright" else wanted
    with sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=path if path is None or "/" in path else f"/usr/bin/{path}", args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def show(browser: Browser, pages: dict[str, Path]) -> Iterator[Open]:
    """Open a page by name, with a fragment, at a width; an error of its script fails the test."""
    errors: list[str] = []
    contexts = []

    def show(name: str, fragment: str = "", *, width: int = 1280, dark: bool = False) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", offline=True)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(pages[name].as_uri() + fragment)
        return page

    yield show
    for context in contexts:
        context.close()
    assert errors == []
