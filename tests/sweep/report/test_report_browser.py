"""The page as a reader meets it, in Debian's Chromium."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest
from fake_sweep import make_cell, make_sweep, write_grid, write_record
from hostile_names import HOSTILE

from jaxstyle.sweep.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
GRADIENT = PIL.Image.linear_gradient("L").resize((48, 32))


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    """A running browser."""
    sync = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra jaxstyle[test]")
    if CHROMIUM is None:
        pytest.skip("needs chromium, which is not installed: apt-get install chromium")
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium) -> Iterator:
    """Open a report; at the end nothing may have run, been refused or been fetched."""
    complaints: list[str] = []
    contexts = []

    def open_page(path: Path, **options):
        contexts.append(chromium.new_context(**{"viewport": {"width": 1280, "height": 900}} | options))
        page = contexts[-1].new_page()
        page.set_default_timeout(60_000)
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: note(request.url, path))
        page.goto(path.as_uri())
        return page

    def note(url: str, path: Path) -> None:
        if url != path.as_uri() and not url.startswith("data:image/webp;base64,"):
            complaints.append(url)

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """A sweep of 2 x 2 x 3 x 2 cells, of which four are not done."""
    folder = tmp_path_factory.mktemp("browser") / "my sweep"
    contents, styles = {"tree.png": GRADIENT, "cat.png": GRADIENT}, {"scream.png": GRADIENT, "wave.png": GRADIENT}
    cells = make_sweep(folder, contents, styles, style_weight=[1, 10, 100], seed=[0, 1])
    path = folder / "records" / f"{cells[1]['id']}.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    write_record(folder, record | {"status": "failed", "error": "out of memory", "image": None, "metrics": {}})
    path = folder / "records" / f"{cells[2]['id']}.json"
    write_record(
        folder, json.loads(path.read_text(encoding="utf-8")) | {"status": "not finite", "error": "infinite at step 3"}
    )
    (folder / "records" / f"{cells[3]['id']}.json").unlink()
    (folder / "records" / f"{cells[4]['id']}.json").write_text("{", encoding="utf-8")
    return write_report(folder)


def choose(page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label, exact=True).select_option(label=option)


def texts(page, selector: str) -> list[str]:
    return [text.strip() for text in page.locator(selector).all_inner_texts()]


def test_two_axes_lay_out_the_sheet(visit, report):
    page = visit(report)
    assert texts(page, ".sheet tbody th") == ["tree.png", "cat.png"]
    assert texts(page, ".sheet thead th") == ["scream.png", "wave.png"]
    assert page.locator(".sheet td .tile").count() == 24
    choose(page, "Columns", "style_weight")
    assert texts(page, ".sheet thead th") == ["style_weight 1", "style_weight 10", "style_weight 100"]
    choose(page, "Rows", "style_weight")
    assert len(texts(page, ".sheet tbody th")) == 3 and texts(page, ".sheet thead th") == ["tree.png", "cat.png"]
    choose(page, "Rows", "none")
    choose(page, "Columns", "seed")
    assert texts(page, ".sheet thead th") == ["seed 0", "seed 1"] and page.locator(".sheet tbody tr").count() == 1
    captions = texts(page, ".tile .caption")
    assert "tree.png\u00a0· scream.png\u00a0· style_weight 1" in captions and "seed" not in "".join(captions)


def test_filters_narrow_and_say_so(visit, report):
    page = visit(report)
    choose(page, "style_weight", "10")
    choose(page, "content", "cat.png")
    assert page.locator("#count").inner_text() == "4 of 24 cells" and page.locator(".tile").count() == 4
    choose(page, "Metric or loss", "ssim")
    page.get_by_label("from").fill("0.3")
    page.get_by_label("from").press("Enter")
    few = page.locator(".tile").count()
    assert 0 < few < 4
    page.get_by_label("to", exact=True).fill("0.1")
    page.get_by_label("to", exact=True).press("Tab")
    assert "no cell fits" in page.locator("#count").inner_text()


def test_statuses_are_seen_and_chosen(visit, report):
    page = visit(report)
    assert texts(page, ".status .badge") == ["done", "not finite", "failed", "pending", "unreadable"]
    page.locator(".status input[value=done]").uncheck()
    assert page.locator(".tile").count() == 4
    whole = page.locator("#view").inner_text()
    assert "out of memory" in whole and "cannot be used" in whole and "pending" in whole and "not finite" in whole
    page.locator(".tile", has_text="out of memory").click()
    assert page.locator("dialog .problem").inner_text() == "out of memory"


def test_grid_and_table_are_sorted(visit, report):
    page = visit(report)
    page.get_by_label("Grid", exact=True).check()
    choose(page, "Sort by", "ssim")
    values = texts(page, ".grid .caption b")
    numbers = [float(value) for value in values if value != "–"]
    assert numbers == sorted(numbers) and values[-3:] == ["–", "–", "–"]
    page.get_by_label("Table", exact=True).check()
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("ssim")
    page.get_by_role("button", name="ssim").click()
    assert page.evaluate("document.activeElement.dataset.sort") == "column 0"
    column = [float(text.removesuffix("best")) for text in texts(page, "tr td:nth-child(7)") if text[0].isdigit()]
    assert column == sorted(column, reverse=True) and len(column) == 21
    best = texts(page, "td.best")
    assert best[0].split() == [f"{max(column):.4g}", "best"]


def test_details_compare_content_and_result(visit, report):
    page = visit(report)
    page.locator(".tile").first.click()
    over = page.locator(".stage img").nth(1)
    assert "50%" in over.evaluate("e => e.style.clipPath")
    page.locator("dialog input[type=range]").focus()
    page.keyboard.press("Home")
    assert "0%)" in over.evaluate("e => getComputedStyle(e).clipPath")
    box = page.locator(".stage").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + 20)
    assert abs(float(page.locator("dialog input[type=range]").input_value()) - 75) < 1
    assert texts(page, ".trio figcaption") == ["content tree.png", "style scream.png", "result 48 × 32"]
    assert page.locator(".chart path.line").count() == 6 and texts(page, ".legend bdi")[0] == "total"
    assert page.evaluate("[...document.querySelectorAll('dialog img')].every(e => e.complete && e.naturalWidth > 0)")
    assert texts(page, "dialog code")[0].startswith("jaxstyle sweep cell '")
    page.get_by_text("All settings").click()
    assert '"style_weight": 1' in page.locator("dialog code").nth(1).inner_text()


def test_the_command_is_copied(visit, report):
    page = visit(report, permissions=["clipboard-read", "clipboard-write"])
    page.locator(".tile").first.click()
    page.get_by_role("button", name="Copy").first.click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("dialog code").first.inner_text()


def test_the_keyboard_is_enough(visit, report):
    page = visit(report)
    page.locator(".tile").nth(5).focus()
    page.keyboard.press("Enter")
    first = page.locator("dialog h2").inner_text()
    page.locator("dialog .close").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("dialog h2").inner_text() != first
    page.keyboard.press("ArrowLeft")
    assert page.locator("dialog h2").inner_text() == first
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()
    assert page.evaluate("document.activeElement.className") == "tile"


def test_narrow_dark_and_without_script(visit, report):
    page = visit(report, viewport={"width": 400, "height": 800}, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 23, 26)"
    page.locator(".tile").first.click()
    assert page.evaluate("document.getElementById('detail').scrollWidth") <= 400
    page = visit(report, java_script_enabled=False)
    assert page.locator(".note").is_visible() and page.locator("tbody tr").count() == 24


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    """One sweep with every hostile name as axis, value, picture, error, metric and setting."""
    folder = tmp_path_factory.mktemp("hostile") / "<img src=x onerror=alert(0)>"
    contents = {name: GRADIENT for name in HOSTILE if name}
    axes = {HOSTILE[1]: [HOSTILE[2], 1], HOSTILE[3]: [list(HOSTILE), ""]}
    cells = make_sweep(folder, contents, {HOSTILE[0]: GRADIENT}, **axes)
    for i, cell in enumerate(cells):
        path, name = folder / "records" / f"{cell['id']}.json", HOSTILE[i % len(HOSTILE)]
        record = json.loads(path.read_text(encoding="utf-8"))
        numbers = {"losses": {name: i}, "metrics": {name: 2, "ssim": i}, "history": {"step": [0, 1], name: [2, 1]}}
        status = {"status": "failed", "image": None} if i % 5 == 0 else {}
        write_record(folder, record | numbers | status | {"error": name, "settings": record["settings"] | {name: name}})
    return write_report(folder)


def test_hostile_captions_do_nothing_anywhere(visit, hostile):
    page = visit(hostile)
    for mode in ("Grid", "Table", "Sheet"):
        page.get_by_label(mode, exact=True).check()
        for place in (0, 40, 95):
            page.locator("#view .tile").nth(place).click()
            page.keyboard.press("Escape")
    page.locator("#view .tile").first.click()
    for _ in range(len(HOSTILE)):
        page.locator("dialog .next").click()
    page.locator("dialog summary").click()
    assert page.locator("iframe, object, embed, link, base, a, body script:not([type])").count() == 1
    assert page.evaluate("[...document.images].every(e => e.getAttribute('src').startsWith('data:image/webp'))")
    assert page.locator("h1").inner_text() == "<img src=x onerror=alert(0)>"


def test_markup_could_not_even_be_made(chromium, report):
    """The policy itself holds: text becomes elements not even by our own script."""
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(report.as_uri())
        refused = "() => { try { document.body.innerHTML = '<p>'; return 'made' } catch (e) { return e.message } }"
        assert "TrustedHTML" in page.evaluate(refused)


def test_two_thousand_cells_scroll(visit, tmp_path):
    (cell,) = make_sweep(tmp_path, {"tree.png": GRADIENT}, {"scream.png": GRADIENT})
    record = json.loads((tmp_path / "records" / f"{cell['id']}.json").read_text(encoding="utf-8"))
    axes = {"style_weight": list(range(50)), "seed": list(range(40))}
    cells = [make_cell({"style_weight": weight, "seed": seed}) for weight in range(50) for seed in range(40)]
    for other in cells:
        write_record(tmp_path, record | other | {"history": {}})
    write_grid(tmp_path, axes, cells, json.loads((tmp_path / "sweep.json").read_text(encoding="utf-8"))["inputs"])
    page = visit(write_report(tmp_path))
    for mode, scroller in (("Sheet", ".scroll"), ("Grid", "html"), ("Table", ".scroll")):
        page.get_by_label(mode, exact=True).check()
        assert page.locator("#view .tile").count() == 2000
        page.locator("#view .tile img").nth(10).wait_for(state="attached")
        assert page.locator("#view img").count() < 400
        page.locator(scroller).evaluate("e => e.scrollTo(0, e.scrollHeight)")
        page.locator("#view .tile").nth(1999 if mode != "Sheet" else 1960).locator("img").wait_for(state="attached")
        assert page.locator("#view img").count() < 400
