"""What a reader does with a page: read the answer, search, follow links, print, on a phone, in the dark, with a screen reader."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open

ALL = ("mixed", "good", "merged")


def red(page: Page) -> int:
    """How many words stand there in the colour of what nobody expected."""
    return page.locator(".chip.failed:visible, .chip.error:visible, .chip.broken:visible, .chip.changed:visible, .answer-bad").count()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ALL)
def test_axe_finds_nothing(show: Open, name: str, width: int, *, dark: bool) -> None:
    page = show(name, width=width, dark=dark)
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")

    results = Axe().run(page)

    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_wider_than_a_phone(show: Open, name: str) -> None:
    page = show(name, width=390)
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")

    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_good_cluster_is_not_taken_for_a_bad_one(show: Open) -> None:
    page = show("good")

    expect(page.locator("h1")).to_have_text("Conforms to Kubernetes v1.37.1")
    page.evaluate("document.querySelector('.guide').open = false")
    assert red(page) == 0


def test_a_bad_cluster_is_not_taken_for_a_good_one(show: Open) -> None:
    page = show("mixed")

    expect(page.locator("h1")).to_have_text("Does not conform to Kubernetes v1.37.1")
    expect(page.locator(".cause").first).to_contain_text("3 of 6 nodes are without an available pod")
    assert red(page) > 0


def test_a_word_finds_claims_and_scenarios_and_stays_in_the_address(show: Open) -> None:
    page = show("mixed")

    page.get_by_label("Search").fill("minreadyseconds")

    expect(page.get_by_role("status")).to_have_text(re.compile(r"^\d+ rows shown$"))
    shown = page.locator("[data-verdict]:visible")
    assert shown.count() > 3
    for text in shown.all_inner_texts():
        assert "minreadyseconds" in text.lower()
    assert page.url.endswith("#?q=minreadyseconds")
    page.reload()
    assert page.locator("[data-verdict]:visible").count() == shown.count()


def test_an_outcome_is_a_word_to_search_for(show: Open) -> None:
    page = show("mixed")

    page.get_by_label("Search").fill("failed")

    assert "R02.keeps_its_budget" in [row.get_attribute("id") for row in page.locator("[data-outcome]:visible").all()]


@pytest.mark.parametrize("name", ["mixed", "merged"])
def test_a_link_opens_what_it_leads_to_again_and_again(show: Open, name: str) -> None:
    page = show(name, "#claim-D9-33")
    target = page.locator("#claim-D9-33")
    expect(target).to_be_visible()

    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = false; })")
    page.evaluate("var a = document.createElement('a'); a.href = '#claim-D9-33'; a.id = 'again'; a.text = 'x'; document.body.prepend(a)")
    page.locator("#again").click()

    expect(target).to_be_visible()


def test_a_link_to_a_row_that_a_filter_hides_shows_it(show: Open) -> None:
    page = show("mixed", "#?verdict=holds")
    expect(page.locator("#claim-D9-33")).to_be_hidden()

    page.evaluate("location.hash = '#claim-D9-33'")

    expect(page.locator("#claim-D9-33")).to_be_visible()
    expect(page.get_by_role("button", name="all").first).to_have_attribute("aria-pressed", "true")


def test_paper_holds_what_failed_and_what_the_reader_opened(show: Open) -> None:
    page = show("mixed")
    page.evaluate("document.getElementById('P03.gone_with_its_node').open = true")

    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")

    printed = [row.get_attribute("id") for row in page.locator("details.scenario:visible").all()]
    assert {"R02.keeps_its_budget", "P03.gone_with_its_node"} <= set(printed)
    assert "U01.never_the_only_pod" not in printed


def test_no_summary_holds_a_link(show: Open) -> None:
    for name in ALL:
        assert show(name).locator("summary a").count() == 0
