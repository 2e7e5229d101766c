"""What a reader sees, in a real browser: the page and the dashboard."""

from __future__ import annotations

import pytest
from figure_views import random_view, tuned
from overlaps import OVERLAPS
from serving import served

from search.core.candidate import Candidate
from search.report.page import write_report


class Visit:
    """A page in a browser context of its own, and everything that went wrong or out to the network there."""

    def __init__(self, browser, address, *, width=1000, scheme="light"):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.problems: list[str] = []
        self.page.on("console", lambda message: self._note(message.type in {"error", "warning"}, message.text))
        self.page.on("pageerror", lambda error: self._note(True, str(error)))
        self.page.on("dialog", lambda dialog: (self._note(True, f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.on("request", lambda request: self._note(not request.url.startswith(LOCAL), request.url))
        self.page.goto(address)

    def _note(self, wrong, text):
        if wrong:
            self.problems.append(text)


LOCAL = ("file:", "data:", "blob:", "http://127.0.0.1:")


@pytest.fixture(scope="module")
def visit(browser):
    visits = []

    def start(address, **options):
        visits.append(Visit(browser, address, **options))
        return visits[-1]

    yield start
    for each in visits:
        each.context.close()


@pytest.fixture(scope="module")
def address(study, tmp_path_factory):
    return write_report(study.view, tmp_path_factory.mktemp("page") / "small.html").as_uri()


@pytest.fixture(scope="module")
def opened(visit, address):
    """The page at the width of a phone, and at that of a large screen in the dark: (width, visit)."""
    visits = {390: visit(address, width=390), 1600: visit(address, width=1600, scheme="dark")}
    for seen in visits.values():
        seen.page.wait_for_selector("html[data-ready=yes]")
    return visits


@pytest.fixture(scope="module")
def page(opened):
    return opened[1600].page


def drawn(page):
    """The ids of the places in which plotly has drawn data."""
    return page.eval_on_selector_all(
        ".plot", "all => all.filter(e => e.querySelector('.trace, .bars .point')).map(e => e.id)"
    )


@pytest.mark.parametrize("width", [390, 1600])
def test_the_page_opens_whole_without_errors_or_network(opened, study, width):
    seen = opened[width]
    assert drawn(seen.page) == [f"plot-{name}" for name in study.figures]
    assert seen.page.evaluate("document.documentElement.scrollWidth") == width
    frames = seen.page.eval_on_selector_all(".plot", "all => all.map(e => e.getBoundingClientRect().right)")
    assert max(frames) <= width
    assert seen.problems == []


def test_hovering_over_a_candidate_names_it(page):
    page.locator("#plot-losses .points path").first.scroll_into_view_if_needed()
    box = page.locator("#plot-losses .points path").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=3)
    page.wait_for_selector("#plot-losses .hoverlayer .hovertext")
    assert "loss" in page.locator("#plot-losses .hoverlayer .hovertext").first.text_content()


def test_the_slider_shows_another_candidate(page):
    curves = "document.querySelector('#plot-curves').data.map(trace => trace.y)"
    active = "document.querySelector('#plot-curves').layout.sliders[0].active"
    before, first = page.evaluate(active), page.evaluate(curves)
    rail = page.locator("#plot-curves .slider-rail-touch-rect")
    rail.scroll_into_view_if_needed()
    box = rail.bounding_box()
    page.mouse.click(box["x"] + (1 if before else box["width"] - 1), box["y"] + box["height"] / 2)
    page.wait_for_function(f"() => {active} !== {before}")
    # The slider moves first; the curves follow it in the browser's own time.
    page.wait_for_function(f"first => JSON.stringify({curves}) !== JSON.stringify(first)", arg=first)
    chosen = page.evaluate(curves)
    assert chosen != first
    choose(page, "light")
    assert page.evaluate(curves) == chosen
    choose(page, "dark")


def shown(page, heading):
    """A column of the trials table, as text."""
    headings = page.locator("#trials-table th").all_text_contents()
    return page.locator(f"#trials-table td:nth-child({headings.index(heading) + 1})").all_text_contents()


def test_tables_sort_by_mouse_and_by_keyboard_with_what_is_missing_last(page):
    heading = page.locator("#trials-table th", has_text="lambda")
    heading.locator("button").click()
    numbers = [float(text) for text in shown(page, "lambda") if text != "–"]  # noqa: RUF001
    assert numbers == sorted(numbers)
    assert shown(page, "lambda")[len(numbers) :] == ["–"] * (len(shown(page, "lambda")) - len(numbers))  # noqa: RUF001
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.locator("button").press("Enter")
    assert [float(text) for text in shown(page, "lambda")[: len(numbers)]] == sorted(numbers, reverse=True)
    assert heading.get_attribute("aria-sort") == "descending"
    assert page.locator("#trials-table th[aria-sort=none]").count() == page.locator("#trials-table th").count() - 1
    page.locator("#trials-table th", has_text="penalty").locator("button").click()
    assert shown(page, "penalty") == sorted(shown(page, "penalty"))


def test_a_filter_leaves_the_rows_that_have_every_word(page):
    table = page.locator("#candidates-table")
    every = table.locator("tbody tr").count()
    box = table.locator("input")
    box.fill("L1 grid")
    rows = table.locator("tbody tr:visible")
    found = rows.all_text_contents()
    assert 0 < len(found) < every
    cells = [each.locator("td").all_text_contents()[:2] for each in rows.all()]
    assert all(pair == ["grid", "l1"] for pair in cells)
    assert table.locator("output").text_content() == f"{len(found)} of {every}"
    box.fill("")
    assert table.locator("tbody tr:visible").count() == every


@pytest.mark.parametrize("width", [390, 1600])
def test_no_texts_of_a_figure_overlap(opened, width):
    assert opened[width].page.evaluate(OVERLAPS, ".plot") == []


def long_names():
    """Somebody else's study, whose strength has a long name, and candidates of many settings."""
    turns = {"lr": [0.000316, 0.0316, 0.316], "momentum": [0.5, 0.9, 0.99], "dropout": [0.125, 0.25, 0.5]}
    own = [Candidate("elastic_net", 0.00131 * 10**place, l1_ratio=0.177, lr=0.0316) for place in range(4)]
    foreign = [
        Candidate.named("l2_regularization", {"penalty": "l2_regularization", "lambda": 10.0**place, "max_leaves": 31})
        for place in range(4)
    ]
    return {"tuned": random_view(tuned(**turns)), "elastic net": random_view(own), "foreign": random_view(foreign)}


@pytest.mark.parametrize("name", ["tuned", "elastic net", "foreign"])
def test_long_names_and_many_settings_fit_a_phone(visit, name, tmp_path):
    seen = visit(write_report(long_names()[name], tmp_path / "long.html").as_uri(), width=390)
    seen.page.wait_for_selector("html[data-ready=yes]")
    assert seen.page.evaluate(OVERLAPS, ".plot") == []


@pytest.mark.parametrize("width", [390, 1600])
def test_no_figures_buttons_cover_its_legend_or_its_question(opened, width):
    shared = """all => all.flatMap(section => {
      const box = e => section.querySelector(e)?.getBoundingClientRect();
      const [bar, ...others] = [".modebar", ".legend", ".asks"].map(box);
      return others.filter(e => e && bar.top < e.bottom - 1 && e.top < bar.bottom - 1).map(() => section.id);
    })"""
    assert opened[width].page.eval_on_selector_all("section:has(.plot)", shared) == []


def text_colours(page):
    """The colours of the page's text, of its ground, and of a figure's axis."""
    return (
        page.eval_on_selector("body", "e => getComputedStyle(e).color"),
        page.eval_on_selector("body", "e => getComputedStyle(e).backgroundColor"),
        page.eval_on_selector("#plot-losses .ytick text", "e => getComputedStyle(e).fill"),
    )


def test_the_theme_follows_the_system_until_the_reader_chooses(opened):
    light, dark = opened[390].page, opened[1600].page
    first = text_colours(light)
    assert all(a != b for a, b in zip(first, text_colours(dark), strict=True))
    choose(light, "dark")
    assert text_colours(light) == text_colours(dark)
    choose(light, "light")
    assert text_colours(light) == first


def choose(page, scheme):
    page.get_by_role("button", name=f"Switch to {scheme} colours").click()
    page.wait_for_selector("html[data-ready=yes]")


def test_the_keyboard_reaches_verdict_theme_and_contents(page):
    page.evaluate("scrollTo(0, 0)")
    page.mouse.click(2, 2)  # Tab goes on from there
    focused = []
    for _ in range(5):
        page.keyboard.press("Tab")
        focused.append(page.evaluate("document.activeElement.textContent"))
    assert [focused[0], *focused[2:]] == [
        "Skip to the verdict",
        "Verdict",
        "How to read this page",
        "Loss against lambda",
    ]
    page.keyboard.press("Enter")
    assert page.url.endswith("#losses")


def sizes(page):
    """Width and height of each figure and of its place."""
    size = "e => [e.clientWidth, e.clientHeight]"
    return page.eval_on_selector_all(".plot", f"all => all.map(e => [e, e.querySelector('.main-svg')].map({size}))")


def test_paper_is_light_and_figures_fit_their_places_there_and_afterwards(page):
    before = sizes(page)
    page.emulate_media(media="print")
    page.wait_for_selector("html[data-ready=yes]")
    assert all(place[0] == drawn[0] and place[1] >= drawn[1] for place, drawn in sizes(page))
    assert [drawn[1] for _, drawn in sizes(page)] == [drawn[1] for _, drawn in before]
    assert page.eval_on_selector("body", "e => getComputedStyle(e).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("document.querySelector('#plot-losses').layout.template.layout.font.color") == "#1f2328"
    page.emulate_media(media="screen")
    page.wait_for_function(f"() => document.querySelector('#plot-losses').clientWidth === {before[0][0][0]}")
    page.wait_for_selector("html[data-ready=yes]")
    assert sizes(page) == before


def test_a_hostile_study_does_nothing(visit, hostile, tmp_path):
    seen = visit(write_report(hostile, tmp_path / "hostile.html").as_uri())
    seen.page.wait_for_selector("html[data-ready=yes]")
    assert seen.page.locator("h1").text_content() == hostile.study.name
    assert seen.page.locator("img, main b").count() == 0
    assert seen.problems == []


# optuna's own warnings on few trials; as errors, which they are in these tests, they would break its answers
dashboard_test = pytest.mark.filterwarnings("ignore:Some regimes")


@pytest.fixture(scope="module")
def dashboard(storage):
    with served(storage) as server:
        yield server.url


@dashboard_test
def test_the_dashboard_shows_note_and_plots(visit, dashboard, study):
    seen = visit(f"{dashboard}/studies/0", width=1600)
    plots = seen.page.locator(".js-plotly-plot", has=seen.page.locator(".gtitle"))
    seen.page.wait_for_function(f"() => document.querySelectorAll('.gtitle').length >= {len(study.figures)}")
    titles = set(plots.locator(".gtitle").all_text_contents())
    assert {"Loss against lambda", "Regret"} <= titles
    seen.page.goto(f"{dashboard}/studies/0/note")
    seen.page.get_by_text("It rests on").wait_for()
    assert seen.problems == []


@pytest.mark.slow
@dashboard_test
def test_a_hostile_study_does_nothing_in_the_dashboard(visit, dashboard):
    seen = visit(f"{dashboard}/studies/2", width=1600)
    seen.page.locator(".gtitle").first.wait_for()
    seen.page.goto(f"{dashboard}/studies/2/note")
    seen.page.get_by_text("It rests on").wait_for()
    assert seen.problems == []
