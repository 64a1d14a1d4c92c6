"""The page in a real browser: every view, live, with a mouse and a keyboard, and with a run that means harm."""

from __future__ import annotations

import contextlib
import re
import shutil
import time

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")

from hpbandster_ng.engine.schedule import budget_text
from hpbandster_ng.storage.journal import JournalStorage
from hpbandster_ng.terminal.answers import duration
from tests.interfaces.dashboard.logs import (
    HOSTILE,
    METRICS,
    hostile_events,
    job,
    life,
    observe_experiment,
    run_bohb,
    success,
    write,
)
from tests.interfaces.dashboard.serving import commanded

playwright_api = pytest.importorskip("playwright.sync_api")

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

VIEWS = {
    "overview": ".tiles",
    "losses": "canvas",
    "pareto": ".empty",  # it is no experiment
    "brackets": ".cell",
    "curves": "canvas",
    "coordinates": "canvas",
    "configurations": "#configurations tbody tr",
    "correlation": ".matrix",
    "model": "canvas",
    "workers": "canvas",
    "errors": ".error-group",
    "importance": ".bars .main",
    "compare": "select",
}
"""Each view, and what it draws for a run that has everything."""

LIMIT = 20_000
"""Milliseconds that anything may take on a busy machine."""


def find_chromium():
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def browser():
    program = find_chromium()
    if program is None:
        pytest.skip("there is no Chromium on the PATH")
    with playwright_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a dashboard with a run that has everything, one that means harm, and one where nothing has happened."""
    folder = tmp_path_factory.mktemp("runs")
    run_bohb(f"journal:{folder}/first", tmp_path_factory.mktemp("work"), n_iterations=6)
    write(folder / "hostile", hostile_events())
    JournalStorage(folder / "empty").open()
    with commanded("--directory", folder) as (_, address):
        yield address


@contextlib.contextmanager
def opened(browser, address, **settings):
    """A page, and all that its console has to complain about."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, **settings)
    context.set_default_timeout(LIMIT)
    page = context.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url) if "/events" not in request.url else None)
    try:
        page.goto(address.text)
        yield page
        assert complaints == []
    finally:
        context.close()


def open_run(page, name, view="overview"):
    page.get_by_role("link", name=name, exact=True).click()
    page.wait_for_selector("#content[data-version]")
    show(page, view)


def show(page, view):
    page.evaluate("delete document.getElementById('content').dataset.version")
    page.goto(f"{page.url.rpartition('/')[0]}/{view}")
    page.wait_for_selector("#content[data-version]")


def points(page):
    """Where the points of the chart's first series are, in the page."""
    return page.evaluate(
        """() => {
            const place = document.querySelector('.canvas');
            const chart = echarts.getInstanceByDom(place);
            const { left, top } = place.getBoundingClientRect();
            const { id, data } = chart.getOption().series[0];
            return data.map((point) => {
                const [x, y] = chart.convertToPixel({ seriesId: id }, point.value ?? point);
                return [left + x, top + y];
            });
        }"""
    )


@pytest.mark.parametrize("name", ["first", "hostile", "empty"])
def test_every_view_of_every_run_is_drawn_and_no_text_of_it_runs(browser, address, name):
    with opened(browser, address, color_scheme="dark" if name == "hostile" else "light") as page:
        open_run(page, name)
        for view, drawn in VIEWS.items():
            show(page, view)
            if name == "first":
                page.wait_for_selector(drawn)
            elif name == "empty" and view != "compare":
                assert page.locator(".empty strong").count() >= 1
        assert page.evaluate("window.pwned") is None
        assert page.locator("img").count() == 0
        assert page.locator("#banner").is_hidden()


def test_without_the_token_there_is_no_page(browser, address):
    context = browser.new_context()
    page = context.new_page()
    page.goto(address.text.partition("?")[0])
    assert page.inner_text("body").startswith("The dashboard needs its token")
    page.goto(address.text)
    page.wait_for_selector("#runs")
    assert "token" not in page.url
    page.reload()
    page.wait_for_selector("#runs")
    assert page.evaluate("document.cookie") == ""
    context.close()


def test_a_curve_tells_under_the_mouse_and_is_pinned_by_a_click(browser, address):
    with opened(browser, address) as page:
        open_run(page, "first", "curves")
        page.wait_for_selector("canvas")
        x, y = points(page)[0]
        page.mouse.move(x, y)
        page.wait_for_selector(".tip:not([hidden])")
        told = page.inner_text(".tip")
        assert re.match(r"\(\d+, \d+, \d+\)", told)
        assert "budget" in told
        assert "lr: " in told
        page.mouse.click(x, y)
        pin = page.wait_for_selector(".pin")
        assert pin.inner_text().startswith(told.splitlines()[0])
        page.mouse.move(5, 5)
        page.locator(".pin button.link").click()
        assert page.inner_text("#drawer h2") == f"Configuration {told.splitlines()[0]}"
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Unpin all").click()
        page.wait_for_selector(".pin", state="detached")


def test_the_table_is_sorted_and_filtered_by_the_server(browser, address):
    with opened(browser, address) as page:
        open_run(page, "first", "configurations")

        def column(number):
            return page.locator(f"#configurations tbody td:nth-child({number})").all_inner_texts()

        def change(act):
            before = page.inner_text("#configurations")
            act()
            has_changed = "(before) => document.querySelector('#configurations').innerText !== before"
            page.wait_for_function(has_changed, arg=before)

        change(lambda: page.get_by_role("button", name="time").click())
        assert page.locator("th[aria-sort=ascending]").inner_text().startswith("time")
        change(lambda: page.get_by_role("button", name="lr").click())
        ascending = [float(value) for value in column(8)]
        assert ascending == sorted(ascending)
        change(lambda: page.get_by_role("button", name="lr").click())
        assert [float(value) for value in column(8)] == sorted(ascending, reverse=True)
        change(lambda: page.get_by_label("hide failed").check())
        assert set(column(4)) == {"succeeded"}
        change(lambda: page.fill("#filter", "kind=tanh lr<0.5"))
        assert set(column(7)) == {"tanh"}
        page.fill("#filter", "nothing-is-like-that")
        page.wait_for_selector("text=Nothing is like that")


def test_a_configuration_is_shown_with_all_its_runs_and_its_error_by_the_keyboard(browser, address):
    with opened(browser, address) as page:
        open_run(page, "first", "configurations")
        page.fill("#filter", "state=failed")
        page.wait_for_function("() => !document.querySelector('#configurations .state:not(.failed)')")
        page.locator("#configurations tbody button").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("#drawer[open]")
        told = page.inner_text("#drawer")
        assert "ValueError: x is 0." in told
        assert "inprocess" in told
        page.keyboard.press("Escape")
        page.wait_for_selector("#drawer:not([open])", state="attached")


def test_budgets_and_durations_are_written_as_in_the_terminal(browser, address):
    budgets, seconds = [27, 1_234_567, 2 / 3, 1e6 / 27], [85.9, 119.7, 7_384, 90_000]
    with opened(browser, address) as page:
        shown = page.evaluate(
            """async ([budgets, seconds]) => {
                const { budgetText, duration } = await import(new URL("static/format.js", location));
                return [budgets.map(budgetText), seconds.map(duration)];
            }""",
            [budgets, seconds],
        )
    assert shown == [[budget_text(budget) for budget in budgets], [duration(each) for each in seconds]]


def test_errors_unfold(browser, address):
    with opened(browser, address) as page:
        open_run(page, "first", "errors")
        page.locator(".error-group summary").first.click()
        assert "Traceback" in page.inner_text(".error-group pre")


def test_light_and_dark_are_the_systems_until_the_user_chooses(browser, address):
    with opened(browser, address, color_scheme="dark") as page:
        theme = "document.documentElement.dataset.theme"
        open_run(page, "first", "curves")
        page.wait_for_selector("canvas")
        assert page.evaluate(theme) == "dark"
        page.emulate_media(color_scheme="light")
        page.wait_for_function(f"() => {theme} === 'light'")
        page.get_by_role("button", name="Dark").click()
        page.reload()
        page.wait_for_selector("canvas")
        assert page.evaluate(theme) == "dark"
        assert page.get_by_role("button", name="Light").is_visible()


def test_two_runs_are_compared(browser, address):
    with opened(browser, address) as page:
        open_run(page, "first", "compare")
        page.get_by_label("with").select_option(label="hostile")
        page.wait_for_selector("#comparison")
        assert "BOHB" in page.inner_text("#comparison")
        assert HOSTILE in page.inner_text("#comparison")


@pytest.fixture(scope="module")
def experiments(tmp_path_factory):
    """Of a dashboard with experiments of two metrics, of three and of one; and the front of each."""
    pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed (pip install sqlalchemy)")
    url = f"sqlite:///{tmp_path_factory.mktemp('experiments') / 'e.db'}"
    three = [*METRICS[:2], {"name": "size"}, METRICS[2]]
    chosen = {"two": METRICS, "three": three, "one": METRICS[:1]}
    fronts = {name: observe_experiment(url, name, metrics, 40) for name, metrics in chosen.items()}
    with commanded("--storage", url) as (_, address):
        yield address, fronts


def rows_of_front(page):
    return page.locator("#front tbody tr td:first-child").all_inner_texts()


@pytest.mark.parametrize("width", [1280, 420])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pareto_front_is_shown_as_the_experiment_tells_it(browser, experiments, theme, width):
    address, fronts = experiments
    with opened(browser, address, color_scheme=theme) as page:
        page.set_viewport_size({"width": width, "height": 900})
        open_run(page, "two")
        page.get_by_role("link", name="Pareto front").click()
        page.wait_for_selector("#front tbody tr")
        assert rows_of_front(page) == [str(best.config_id) for best in fronts["two"]]
        assert len(points(page)) == len(fronts["two"])
        assert "infeasible" in page.inner_text("#content")
        assert page.locator(".controls select").first.is_hidden()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.mouse.click(*points(page)[0])
        page.wait_for_selector("#drawer[open]")
        (shown,) = re.findall(r"\(\d+, \d+, \d+\)", page.inner_text("#drawer h2"))
        assert shown in rows_of_front(page)


def test_of_three_metrics_any_two_are_chosen(browser, experiments):
    address, fronts = experiments
    with opened(browser, address) as page:
        open_run(page, "three", "pareto")
        page.wait_for_selector("#front tbody tr")
        before = points(page)
        page.get_by_label("up").select_option("size")
        name = "echarts.getInstanceByDom(document.querySelector('.canvas')).getOption().yAxis[0].name"
        page.wait_for_function(f"() => {name}.startsWith('size (lower is better)')")
        assert points(page) != before
        assert page.get_by_label("across").locator("option").all_inner_texts() == ["accuracy", "latency"]
        assert rows_of_front(page) == [str(best.config_id) for best in fronts["three"]]


def test_of_one_metric_there_is_no_front(browser, experiments):
    with opened(browser, experiments[0]) as page:
        open_run(page, "one", "pareto")
        page.wait_for_selector("text=One metric is optimised here")


def test_it_fits_into_a_narrow_window(browser, address):
    with opened(browser, address) as page:
        page.set_viewport_size({"width": 420, "height": 800})
        open_run(page, "first")
        for view in ("overview", "brackets", "coordinates", "configurations", "correlation", "workers"):
            show(page, view)
            page.wait_for_selector(VIEWS[view])
            assert page.evaluate("document.documentElement.scrollWidth") <= 420


def test_what_is_recorded_is_on_the_page_within_a_second(browser, tmp_path):
    storage = JournalStorage(tmp_path / "run")
    storage.open()
    storage.append(life(job(0), success(0.5)))
    with commanded("--directory", tmp_path / "run") as (_, address), opened(browser, address) as page:
        page.wait_for_selector("text=0.5 on budget 1")
        page.evaluate("""() => {
            window.seen = new Promise((done) => new MutationObserver(() => {
                if (document.body.innerText.includes('0.125 on budget 1')) done(Date.now() / 1000);
            }).observe(document.body, { childList: true, subtree: true, characterData: true }));
        }""")
        appended = time.time()
        storage.append(life(job(1), success(0.125)))
        late = page.evaluate("window.seen") - appended
        storage.close()
        assert late < 1.0


def test_a_log_that_goes_and_a_dashboard_that_ends_are_told(browser, tmp_path):
    write(tmp_path / "run", life(job(0), success(0.5)))
    with commanded("--directory", tmp_path / "run") as (process, address):
        with opened(browser, address) as page:
            page.wait_for_selector("text=0.5 on budget 1")
            (tmp_path / "run" / "journal").unlink()
            page.wait_for_selector("text=The log is gone; this is what was read before.")
            assert "0.5 on budget 1" in page.inner_text("#content")
        context = browser.new_context()
        page = context.new_page()
        page.goto(address.text)
        page.wait_for_selector("#nav a")
        process.terminate()
        page.wait_for_selector("text=The dashboard does not answer")
        context.close()
