"""How large the page of a large quarter is, how fast it opens, and whether its map moves without stutter.

`python -m benchmarks.page_scale [--firms 5000 --topics 100000 --themes 500]` draws a generated report, opens the file
in Chromium (software rendering, as on a machine without a GPU) and prints: megabytes; seconds until the map is drawn;
milliseconds between frames while it is dragged and while it is zoomed, and the processor's milliseconds that the page
itself spends on a frame, which other programs on the machine do not lengthen; memory of the page.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks.made_reports import made
from ftm_assets.report.page import render

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DRAWN = "canvas[data-drawn=still]"
FRAMES = """
() => {
  window.frames_ = [];
  let last = null;
  const step = (now) => {
    if (last !== null) window.frames_.push(now - last);
    last = now;
    window.watching = requestAnimationFrame(step);
  };
  window.watching = requestAnimationFrame(step);
}
"""


def frames(page: Page, action: Callable[[], None]) -> str:
    """Return what the times between frames were while something was done, in milliseconds."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return float(next(m["value"] for m in metrics if m["name"] == "TaskDuration"))

    before = spent()
    page.evaluate(FRAMES)
    action()
    page.evaluate("cancelAnimationFrame(window.watching)")
    own = 1_000 * (spent() - before)
    times = np.array(page.evaluate("window.frames_"))
    slow = int((times > 50).sum())
    return (
        f"{len(times)} frames, median {np.median(times):.0f} ms, 95% {np.quantile(times, 0.95):.0f} ms, "
        f"longest {times.max():.0f} ms, {slow} over 50 ms; {own / len(times):.1f} ms of processor each"
    )


def drag(page: Page) -> None:
    """Drag the map across and back."""
    x, y = page.evaluate(
        "(({x, y, width, height}) => [x + width / 2, y + height / 2])"
        "(document.querySelector('canvas').getBoundingClientRect())"
    )
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(120):
        page.mouse.move(x + 200 * np.sin(i / 19), y + 60 * np.sin(i / 13))
        page.wait_for_timeout(8)
    page.mouse.up()


def zoom(page: Page) -> None:
    """Zoom in and out with the wheel."""
    for i in range(40):
        page.mouse.wheel(0, -60 if i < 20 else 60)
        page.wait_for_timeout(25)


def measure(file: Path) -> None:
    """Open the page and print the figures."""
    executable = next(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--enable-precise-memory-info"]
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        opening = page.context.new_cdp_session(page)
        opening.send("Performance.enable", {"timeDomain": "threadTicks"})
        start = time.perf_counter()
        page.goto(f"{file.as_uri()}#map")
        page.wait_for_selector(DRAWN, timeout=120_000)
        metrics = {m["name"]: m["value"] for m in opening.send("Performance.getMetrics")["metrics"]}
        took = time.perf_counter() - start
        print(f"drawn after {took:.1f} s, of which {metrics['TaskDuration']:.1f} s of processor in the page")
        print("at rest:", frames(page, lambda: page.wait_for_timeout(1_000)))
        print("dragging:", frames(page, lambda: drag(page)))
        page.wait_for_selector(DRAWN, timeout=120_000)
        print("zooming:", frames(page, lambda: zoom(page)))
        page.wait_for_selector(DRAWN, timeout=120_000)
        used = page.evaluate("performance.memory.usedJSHeapSize")
        print(f"memory of the page's values {used / 2**20:.0f} MiB")
        browser.close()


def main() -> None:
    """Make the report, draw it, and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page_scale", description=__doc__)
    parser.add_argument("--firms", type=int, default=5_000)
    parser.add_argument("--topics", type=int, default=100_000)
    parser.add_argument("--themes", type=int, default=500)
    given = parser.parse_args()
    report = made(given.firms, given.topics, given.themes, n_quarters=12)
    start = time.perf_counter()
    page = render(report).encode()
    print(f"{len(page) / 1e6:.1f} MB, drawn in {time.perf_counter() - start:.1f} s")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.html"
        file.write_bytes(page)
        measure(file)


if __name__ == "__main__":
    main()
