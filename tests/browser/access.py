"""What everybody needs to use a page: names, contrast, and room for a finger."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

UNNAMED = """() => [...document.querySelectorAll("button, a, input, select, textarea, dialog")]
  .filter((element) => element.checkVisibility() || element.closest("dialog[open]"))
  .filter((element) => !(element.ariaLabel || element.labels?.length || element.textContent.trim()
    || document.getElementById(element.getAttribute("aria-labelledby") ?? "")))
  .map((element) => element.outerHTML)"""
SMALL = """() => [...document.querySelectorAll("button, input, summary")]
  .filter((element) => element.checkVisibility() && !element.closest(".check"))
  .map((element) => [element.outerHTML, element.getBoundingClientRect()])
  .filter(([, area]) => Math.min(area.width, area.height) < 24)
  .map(([html]) => html)"""
CONTRAST = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = parts(colour).slice(0, 3).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if ((parts(colour)[3] ?? 1) === 1) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.closest("svg, .vh, .skip")) continue;
    const [one, other] = [light(getComputedStyle(element).color), light(behind(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) faint.push([element.textContent, ratio]);
  }
  return faint;
}"""


def check_access(page: "Page") -> None:
    """Everything that is shown has a name, enough contrast and room; no id is there twice."""
    assert page.evaluate(UNNAMED) == []
    assert page.evaluate(SMALL) == []
    assert page.evaluate(CONTRAST) == []
    twice = "ids => ids.map((one) => one.id).filter((id, at, all) => all.indexOf(id) !== at)"
    assert page.locator("[id]").evaluate_all(twice) == []
