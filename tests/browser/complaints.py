"""What a page complains about behind its reader's back: script errors, console errors, breaches of its policy."""

from __future__ import annotations

from playwright.sync_api import ConsoleMessage, Page

REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`securitypolicyviolation ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
"""


class Complaints:
    """Those of our own pages. Stripe's page, and the note that a 404 page came with a 404, are none."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def listen_to(self, page: Page, site_url: str) -> None:
        page.add_init_script(REPORT_VIOLATIONS)
        page.on("pageerror", lambda error: self.heard.append(f"{page.url}: {error}"))
        page.on("console", lambda message: self._hear(message, page, site_url))

    def _hear(self, message: ConsoleMessage, page: Page, site_url: str) -> None:
        location = message.location["url"] or page.url  # a breach of policy has no location of its own
        is_own_status = message.text.startswith("Failed to load resource") and location == page.url
        if message.type in {"error", "warning"} and location.startswith(site_url) and not is_own_status:
            self.heard.append(f"{page.url}: {message.text}")

    def expect_none(self) -> None:
        assert not self.heard, "\n".join(self.heard)
