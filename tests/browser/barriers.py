"""What bars a reader from a page: what axe finds, sideways scrolling, inline scripts and styles."""

from __future__ import annotations

from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# Each width and each scheme once: axe takes a second, and of its rules only contrast follows from the scheme.
LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1280, "light"), (390, "dark"))
NARROWEST = 360
INLINE = "script:not([src]), style, [style], [onclick], [onload], [onsubmit]"
AXE_THAT_IS_THERE = Axe("undefined")  # brings no script along: half a megabyte that a page needs once


def expect_no_barriers(page: Page) -> None:
    """Nothing that axe finds, no sideways scrolling and nothing inline, with all that folds unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    for width, scheme in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        assert barriers(page) == [], f"{scheme}, {width} px"
    page.set_viewport_size({"width": NARROWEST, "height": 780})
    overhang = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(overhang) == 0
    assert page.locator(INLINE).count() == 0


def barriers(page: Page) -> list[str]:
    axe = AXE_THAT_IS_THERE if page.evaluate("'axe' in window") else Axe()
    response = axe.run(page).response
    return [
        f"{found['id']}: {node['html']}: {node['failureSummary']}"
        for found in response["violations"]
        for node in found["nodes"]
    ]
