/** The page around a map: tools, legend, details, what is selected. */
"use strict";

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

/** @param {string} tag @param {Record<string, any>} [props] @param {...any} children @returns {any} */
function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

const counted = (count, one = "picture", many = `${one}s`) => `${count.toLocaleString()} ${count === 1 ? one : many}`;

/** Where a page has its pictures and answers from. @typedef {object} Home
 * @property {(tile: number) => Promise<Piece>} tile
 * @property {((row: number) => Promise<string>)|null} large the address of a large picture
 * @property {((words: string|File) => Promise<string[]>)|null} search ids, best first
 * @property {((row: number) => Promise<{id: string, score: number}[]>)|null} similar
 * @property {((ids: string[], asked?: boolean) => string|null)|null} opened the address of a search among these, or with one
 * @property {((field: string, value: string) => string|null)|null} filtered
 */

/** The page. */
class MapPage {
  /** @param {any} said @param {Home} home */
  constructor(said, home) {
    this.home = home;
    this.all = new Collection(said);
    this.colouring = new Colouring(this.all);
    this.tiles = new Tiles(this.all, home.tile, () => this.#came(), (why) => this.#missing(why));
    this.canvas = byId("map");
    this.view = new View(this.canvas, this.all, this.colouring, this.tiles);
    this.marks = this.view.marks;
    byId("told").textContent = counted(this.all.count);
    this.#chooseFields();
    this.#listRegions();
    this.#listen();
    new Hands(this);
    new ResizeObserver(() => this.#resized()).observe(this.canvas);
    this.#resized();
    this.colour(byId("colour").value);
    byId("loading").hidden = true;
    document.documentElement.classList.add("ready");
  }

  // -- what is around the map ---------------------------------------------------------------------

  #resized() {
    const wide = innerWidth >= 900;
    const shown = (id) => (byId(id).hidden ? 0 : byId(id).getBoundingClientRect().width + 16);
    const { covered } = this.view.camera;
    covered.top = byId("bar").getBoundingClientRect().height;
    covered.left = wide ? shown("legend") : 0;
    covered.right = wide ? shown("panel") : 0;
    covered.bottom = wide ? 0 : 64;
    this.view.resize();
  }

  #came() {
    this.view.soon();
    if (this.faces) this.faces = this.faces.filter((draw) => !draw());
  }

  /** Pictures cannot be had, as of a map that the server has made anew: said once. @param {string} why */
  #missing(why) {
    if (this.missed === why) return;
    this.missed = why;
    this.say(`Some pictures cannot be shown: ${why}`, true);
  }

  #chooseFields() {
    const fields = this.all.fields.filter((field) => field.colours);
    const select = byId("colour");
    select.append(el("option", { value: "", text: "nothing" }));
    for (const field of fields) select.append(el("option", { value: field.name, text: field.name }));
    const names = this.all.regions.map((region) => region.field).filter((name) => fields.some((field) => field.name === name));
    const often = (name) => names.filter((one) => one === name).length;
    const best = fields.filter((field) => !field.numeric).sort((a, b) => often(b.name) - often(a.name))[0];
    if (best) select.value = best.name;
    byId("colour-label").hidden = fields.length === 0;
    byId("copies").hidden = this.all.copies.length === 0;
    byId("copies-told").textContent = counted(this.all.copies.length, "group of copies", "groups of copies");
  }

  /** @param {string} name of a field, or nothing */
  colour(name) {
    this.colouring.by(this.all.fields.find((field) => field.name === name) ?? null);
    this.#repaint();
  }

  #repaint() {
    this.#drawLegend();
    this.view.restyle();
  }

  #drawLegend() {
    const { colouring } = this;
    const list = byId("legend-list");
    const held = document.activeElement?.closest?.("#legend-list li button")?.dataset.entry;
    list.replaceChildren();
    byId("legend-name").textContent = colouring.field?.name ?? "Pictures";
    colouring.entries.forEach((entry, number) => {
      if (!entry.count) return;
      const chosen = colouring.chosen.has(number);
      const mark = el("span", { class: "swatch" });
      mark.style.setProperty("--hue", colouring.hue(number, this.view.dark));
      const button = el(
        "button",
        {
          type: "button",
          "data-entry": number,
          "aria-pressed": String(chosen),
          class: colouring.chosen.size && !chosen ? "entry off" : "entry",
          onclick: () => this.#choose(number),
        },
        mark,
        el("span", { class: "entry-name", text: entry.label, dir: "auto" }),
        el("span", { class: "entry-count", text: entry.count.toLocaleString() }),
      );
      list.append(el("li", {}, button));
    });
    list.querySelector(`[data-entry="${held}"]`)?.focus();
    byId("legend").hidden = !colouring.field && !this.all.copies.length;
    byId("legend-all").hidden = !colouring.chosen.size;
    const only = colouring.chosen.size === 1 ? colouring.entries[[...colouring.chosen][0]] : null;
    const address = only && only.value !== null && this.home.filtered?.(colouring.field.name, only.value);
    byId("legend-open").hidden = !address;
    if (address) byId("legend-open").href = address;
  }

  /** @param {number} number of a legend's entry */
  #choose(number) {
    const { chosen } = this.colouring;
    if (!chosen.delete(number)) chosen.add(number);
    this.#repaint();
    const shown = Array.from({ length: this.all.count }, (_, row) => row).filter((row) => this.colouring.shows(row));
    this.say(chosen.size ? `${counted(shown.length)} shown` : "All pictures are shown");
  }

  #listRegions() {
    const list = byId("regions-list");
    const regions = this.all.regions.filter((region) => !region.fine);
    byId("regions-open").hidden = !regions.length;
    for (const region of regions) {
      const face = el("canvas", { class: "face", width: 96, height: 96, "aria-hidden": "true" });
      const share = region.share && region.share < 0.995 ? `, ${Math.round(region.share * 100)} % of them` : "";
      const told = region.name ? `${counted(region.rows.length)}${share}` : counted(region.rows.length);
      const name = region.name || "Other pictures";
      list.append(
        el(
          "li",
          {},
          el("button", { type: "button", class: "region", onclick: () => this.goTo(region) }, face, el("span", {}, el("b", { text: name, dir: "auto" }), el("span", { class: "quiet", text: told }))),
          el("button", { type: "button", class: "plain", text: "Select", "aria-label": `Select ${name}`, onclick: () => this.select(region.rows) }),
        ),
      );
      this.#face(face, region.typical);
    }
  }

  /** Draw a picture into a small canvas, as soon as it is there. @param {HTMLCanvasElement} face @param {number} row */
  #face(face, row) {
    const draw = () => {
      const cell = this.tiles.of(row);
      if (!cell) return false;
      const pen = face.getContext("2d");
      const by = Math.min(face.width / cell.width, face.height / cell.height);
      const [width, height] = [cell.width * by, cell.height * by];
      pen.imageSmoothingQuality = "high";
      pen.drawImage(cell.bitmap, cell.left, cell.top, cell.width, cell.height, (face.width - width) / 2, (face.height - height) / 2, width, height);
      return true;
    };
    if (!draw()) (this.faces ??= []).push(draw);
  }

  /** @param {any} region */
  goTo(region) {
    this.view.fly(this.view.camera.framing(this.view.boxOf(region.rows, 0.02)));
    if (innerWidth < 900) byId("regions").close();
    this.say(`${region.name || "Region"}: ${counted(region.rows.length)}`);
  }

  // -- finding ------------------------------------------------------------------------------------

  /** @param {Iterable<number>|null} rows @param {string} told */
  found(rows, told) {
    this.marks.found = rows === null ? null : new Set(rows);
    byId("found").hidden = rows === null;
    byId("found-told").textContent = told;
    byId("found-select").hidden = !this.marks.found?.size;
    this.view.soon();
    this.say(told);
    if (this.marks.found?.size) this.#lookAt([...this.marks.found]);
  }

  /** Have some pictures in view, unless they are. @param {number[]} rows */
  #lookAt(rows) {
    const { camera } = this.view;
    const inView = rows.filter((row) => {
      const [x, y] = camera.toScreen(this.all.x[row], this.all.y[row]);
      return x > 0 && y > 0 && x < camera.width && y < camera.height;
    });
    if (inView.length < rows.length) this.view.fly(camera.framing(this.view.boxOf(rows, 0.03)));
  }

  #find() {
    const words = byId("find").value.trim();
    const id = words.replace(/^id:/, "");
    if (!words) this.found(null, "");
    else if (this.all.rowOf.has(id)) this.found([this.all.rowOf.get(id)], "1 picture has this id");
    else {
      const rows = this.all.find(words);
      this.found(rows, rows.length ? `${counted(rows.length)} with these words` : "No picture has these words");
    }
  }

  /** Ask the server, by words or by a picture. @param {string|File} asked */
  async search(asked) {
    if (!this.home.search) return;
    this.busy(true);
    try {
      const ids = await this.home.search(asked);
      const rows = ids.map((id) => this.all.rowOf.get(id)).filter((row) => row !== undefined);
      this.found(rows, rows.length ? `${counted(rows.length)} found` : "Nothing like it was found");
    } catch (error) {
      this.say(String(error?.message ?? error), true);
    }
    this.busy(false);
  }

  // -- details ------------------------------------------------------------------------------------

  /** @param {number} row */
  async open(row) {
    this.marks.open = row;
    this.view.soon();
    const similar = el("ul", { class: "faces", "aria-label": "Similar pictures" });
    const picture = this.home.large
      ? el("img", { class: "large", alt: this.all.title(row), width: this.all.shapes[2 * row], height: this.all.shapes[2 * row + 1] })
      : this.#largeFace(row);
    this.home.large?.(row).then(
      (address) => (picture.src = address),
      () => picture.replaceWith(this.#largeFace(row)),
    );
    const facts = this.all.fields.filter((field) => field.text(row) !== "");
    const copies = (this.all.copyOf.get(row) ?? []).filter((one) => one !== row);
    const address = this.home.opened?.([this.all.ids[row]], true);
    this.#fill(
      el("div", { class: "panel-head" }, el("h2", { id: "panel-title", tabindex: "-1", text: this.all.title(row), dir: "auto" }), this.#closing(() => this.shut())),
      picture,
      el(
        "div",
        { class: "acts" },
        el("button", { type: "button", text: this.marks.selected.has(row) ? "Leave out" : "Select", onclick: (event) => {
          const had = this.marks.selected.has(row);
          const rows = had ? [...this.marks.selected].filter((one) => one !== row) : [...this.marks.selected, row];
          event.target.textContent = had ? "Select" : "Leave out";
          this.marks.selected = new Set(rows);
          this.#selectedChanged();
        } }),
        el("button", { type: "button", text: "Show here", onclick: () => this.#centre(row) }),
        address ? el("a", { class: "button", href: address, text: "Search with it" }) : null,
      ),
      copies.length ? el("h3", { text: `Copies (${copies.length})` }) : null,
      copies.length ? el("ul", { class: "faces" }, ...copies.map((one) => this.#item(one))) : null,
      el("h3", { text: "Similar" }),
      similar,
      facts.length ? el("h3", { text: "What is known of it" }) : null,
      el("dl", {}, ...[["id", this.all.ids[row]], ...facts.map((field) => [field.name, field.text(row)])].flatMap(([name, text]) => [el("dt", { text: name, dir: "auto" }), el("dd", { text, dir: "auto" })])),
    );
    this.#showPanel();
    byId("panel-title").focus({ preventScroll: true });
    const near = this.home.similar ? await this.home.similar(row).catch(() => []) : this.all.similar(row).map((one) => ({ id: this.all.ids[one.row], score: one.score }));
    if (this.marks.open !== row) return;
    const rows = near.map((one) => this.all.rowOf.get(one.id)).filter((one) => one !== undefined);
    similar.append(...rows.map((one) => this.#item(one)));
    if (!rows.length) similar.replaceWith(el("p", { class: "quiet", text: "None is known." }));
  }

  /** @param {number} row */
  #largeFace(row) {
    const [width, height] = this.tiles.size(row);
    const face = el("canvas", { class: "large", width, height, role: "img", "aria-label": this.all.title(row) });
    this.#face(face, row);
    return face;
  }

  /** @param {number} row */
  #item(row) {
    const face = el("canvas", { width: 128, height: 128, "aria-hidden": "true" });
    this.#face(face, row);
    return el(
      "li",
      {},
      el("button", { type: "button", class: "face-button", title: this.all.title(row), "aria-label": this.all.title(row), onclick: () => this.open(row), onpointerenter: () => this.#point(row), onpointerleave: () => this.#point(-1) }, face),
    );
  }

  /** @param {number} row that is pointed at, in a list */
  #point(row) {
    this.marks.hover = row;
    this.view.soon();
  }

  /** @param {number} row */
  #centre(row) {
    const { camera } = this.view;
    const scale = Math.max(camera.scale, Math.min(camera.fit * 14, 130 / Math.max(1e-5, this.all.apart[row])));
    this.view.fly({ x: this.all.x[row], y: this.all.y[row], scale });
  }

  /** @param {...(Node|null)} parts of the panel */
  #fill(...parts) {
    byId("panel").replaceChildren(...parts.filter((part) => part !== null));
  }

  #showPanel() {
    byId("panel").hidden = false;
    byId("panel").scrollTop = 0;
    this.#resized();
  }

  shut() {
    this.marks.open = this.marks.hover = -1;
    if (this.marks.selected.size) this.#selectedChanged();
    else byId("panel").hidden = true;
    this.#resized();
    this.canvas.focus({ preventScroll: true });
  }

  /** @param {() => void} act */
  #closing(act) {
    const button = el("button", { type: "button", class: "round", "aria-label": "Close", title: "Close", onclick: act });
    button.append(byId("close-sign").content.cloneNode(true));
    return button;
  }

  // -- selecting ----------------------------------------------------------------------------------

  /** @param {Iterable<number>} rows @param {boolean} [more] added to what is selected */
  select(rows, more = false) {
    const shown = [...rows].filter((row) => this.colouring.shows(row));
    this.marks.selected = new Set(more ? [...this.marks.selected, ...shown] : shown);
    this.marks.open = -1;
    this.#selectedChanged();
  }

  #selectedChanged() {
    const rows = [...this.marks.selected].sort((a, b) => a - b);
    this.view.soon();
    this.say(`${counted(rows.length)} selected`);
    if (this.marks.open >= 0) return;
    const panel = byId("panel");
    if (!rows.length) {
      panel.hidden = true;
      this.#resized();
      return;
    }
    const ids = rows.map((row) => this.all.ids[row]);
    const address = this.home.opened?.(ids) ?? null;
    this.#fill(
      el("div", { class: "panel-head" }, el("h2", { id: "panel-title", tabindex: "-1", text: `${counted(rows.length)} selected` }), this.#closing(() => this.select([]))),
      el(
        "div",
        { class: "acts" },
        el("button", { type: "button", class: "primary", text: "Save as CSV", onclick: () => this.#save(rows) }),
        el("button", { type: "button", text: "Copy ids", onclick: () => this.#copy(ids) }),
        address ? el("a", { class: "button", href: address, text: "Open in search" }) : null,
        el("button", { type: "button", text: "Show here", onclick: () => this.view.fly(this.view.camera.framing(this.view.boxOf(rows, 0.02))) }),
      ),
      el("ul", { class: "faces", "aria-label": "Selected pictures" }, ...rows.slice(0, 60).map((row) => this.#item(row))),
      rows.length > 60 ? el("p", { class: "quiet", text: `and ${(rows.length - 60).toLocaleString()} more` }) : null,
    );
    this.#showPanel();
  }

  /** @param {number[]} rows */
  #save(rows) {
    const shown = (text) => (/^[=+\-@\t\r]/.test(text) && !Number.isFinite(Number(text)) ? `'${text}` : text); // a spreadsheet computes none
    const quoted = (text) => (/[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const names = ["id", "projection_x", "projection_y", ...this.all.fields.map((field) => field.name)];
    const lines = rows.map((row) => [this.all.ids[row], this.all.x[row].toFixed(5), this.all.y[row].toFixed(5), ...this.all.fields.map((field) => field.text(row))]);
    const text = [names, ...lines].map((line) => `${line.map(shown).map(quoted).join(",")}\r\n`).join("");
    const link = el("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: "selection.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  /** @param {string[]} ids */
  async #copy(ids) {
    const text = ids.join("\n");
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = el("textarea", { class: "vh" });
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy"); // the only way in pages without a secure origin
      area.remove();
    }
    this.say(`${counted(ids.length, "id")} copied`, true);
  }

  // -- small things -------------------------------------------------------------------------------

  #listen() {
    byId("colour").addEventListener("change", (event) => this.colour(event.target.value));
    byId("legend-all").addEventListener("click", () => {
      this.colouring.chosen = new Set();
      this.#repaint();
    });
    byId("legend-fold").addEventListener("click", () => {
      const folded = byId("legend").classList.toggle("open");
      byId("legend-fold").setAttribute("aria-expanded", String(folded));
    });
    let timer = 0;
    byId("find").addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.#find(), 200);
    });
    byId("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(timer);
      const words = byId("find").value.trim();
      if (words && this.home.search && !this.all.rowOf.has(words.replace(/^id:/, ""))) this.search(words);
      else this.#find();
    });
    byId("found-clear").addEventListener("click", () => {
      byId("find").value = "";
      this.found(null, "");
      byId("find").focus();
    });
    byId("found-select").addEventListener("click", () => this.select(this.marks.found ?? []));
    byId("copies").addEventListener("click", () => {
      this.marks.copies = !this.marks.copies;
      byId("copies").setAttribute("aria-pressed", String(this.marks.copies));
      this.view.soon();
      this.say(this.marks.copies ? `${counted(this.all.copyOf.size)} are copies of others` : "All pictures are shown");
    });
    byId("regions-open").addEventListener("click", () => byId("regions").show());
    byId("regions-close").addEventListener("click", () => {
      byId("regions").close();
      byId("regions-open").focus();
    });
    const middle = () => this.view.camera.middle;
    byId("nearer").addEventListener("click", () => this.zoom(1.7, ...middle()));
    byId("farther").addEventListener("click", () => this.zoom(1 / 1.7, ...middle()));
    byId("whole").addEventListener("click", () => this.whole());
    byId("lasso").addEventListener("click", () => this.selecting(byId("lasso").getAttribute("aria-pressed") !== "true"));
    byId("theme").addEventListener("click", () => this.#turnTheme());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#repaint());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#escape();
      if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? "")) {
        event.preventDefault();
        byId("find").focus();
      }
    });
    if (this.home.search) {
      document.addEventListener("dragover", (event) => event.preventDefault());
      document.addEventListener("drop", (event) => {
        event.preventDefault();
        const file = event.dataTransfer?.files[0];
        if (file) this.search(file);
      });
    }
  }

  #escape() {
    if (byId("regions").open) byId("regions").close();
    else if (byId("lasso").getAttribute("aria-pressed") === "true") this.selecting(false);
    else if (!byId("panel").hidden) {
      if (this.marks.open >= 0) this.shut();
      else this.select([]);
    } else if (this.marks.found) byId("found-clear").click();
  }

  /** @param {boolean} on whether dragging draws a line around pictures */
  selecting(on) {
    byId("lasso").setAttribute("aria-pressed", String(on));
    this.canvas.classList.toggle("selecting", on);
    this.say(on ? "Draw around pictures to select them" : "Dragging moves the map", on);
  }

  whole() {
    const { camera } = this.view;
    const to = camera.framing(this.view.bounds);
    camera.fit = to.scale;
    this.view.fly(to);
  }

  /** @param {number} by @param {number} left @param {number} top */
  zoom(by, left, top) {
    const { camera } = this.view;
    const [x, y, scale] = [camera.x, camera.y, camera.scale];
    camera.zoom(by, left, top);
    const to = { x: camera.x, y: camera.y, scale: camera.scale };
    [camera.x, camera.y, camera.scale] = [x, y, scale];
    this.view.fly(to);
  }

  #turnTheme() {
    const theme = this.view.dark ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem("visavis.theme", theme);
    } catch {
      // a file may not remember
    }
    this.#repaint();
  }

  /** @param {boolean} on */
  busy(on) {
    document.documentElement.classList.toggle("busy", on);
  }

  /** To screen readers, and for all where it would be missed. @param {string} text @param {boolean} [shown] */
  say(text, shown = false) {
    byId("live").textContent = text;
    if (!shown || !text) return;
    const toast = byId("toast");
    toast.textContent = text;
    toast.hidden = false;
    clearTimeout(this.toasting);
    this.toasting = setTimeout(() => (toast.hidden = true), 3500);
  }
}
