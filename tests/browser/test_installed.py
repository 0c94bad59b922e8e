"""The page as an app: its manifest, and what other apps share with it."""

import json
from pathlib import Path

import pytest
from tests.browser.conftest import OpenPage, Site, wait_until

expect = pytest.importorskip("playwright.sync_api").expect


def test_the_manifest_is_sound(open_page: OpenPage, site: Site) -> None:
    page = open_page("?seed=1")
    session = page.context.new_cdp_session(page)
    found = session.send("Page.getAppManifest")
    assert found["errors"] == []
    manifest = json.loads(found["data"])
    assert found["url"] == f"{site.url}ui/manifest.webmanifest"
    [icon] = manifest["icons"]
    assert page.request.get(f"{site.url}ui/{icon['src']}").ok


def test_a_picture_that_another_app_shares_is_searched_for(
    open_page: OpenPage, site: Site, exact: Path
) -> None:
    """As the system does it: the file of a form, posted to the address that the manifest names."""
    page = open_page("?seed=1")
    ready = "navigator.serviceWorker.getRegistration('ui/later/').then((one) => !!one?.active)"
    wait_until(page, ready)
    page.goto(f"{site.url}ui/later/share.js")  # where the worker listens, as for the target
    wait_until(page, "navigator.serviceWorker.controller?.state === 'activated'")
    leads_to = page.evaluate(
        """async (bytes) => {
          const body = new FormData();
          const type = "image/jpeg";
          body.append("picture", new File([Uint8Array.from(bytes)], "a.jpg", { type }));
          return (await fetch("share", { method: "POST", body })).url;
        }""",
        list(exact.read_bytes()),
    )
    assert leads_to == f"{site.url}?shared"
    page.goto(leads_to)
    expect(page.locator(".card .relation").first).to_have_text("same picture")
    expect(page.locator(".chip-label")).to_have_text("shared picture")
    page.reload()  # it is taken once
    expect(page.locator(".card .relation").first).to_have_text("same picture")
    assert page.evaluate("caches.keys()") == []


def test_words_that_another_app_shares_are_searched_for(open_page: OpenPage) -> None:
    page = open_page("?share=coral%20mug")
    expect(page.locator(".card .title").first).to_have_text("Coral mug")
    expect(page.get_by_role("searchbox")).to_have_value("coral mug")
