"use strict";
// Filters of the cells: what they are set to is in the fragment of the address, so that a link leads to it.
(() => {
  const one = (selector, within = document) => within.querySelector(selector);
  const data = JSON.parse(one("#data").textContent);
  const form = one("#filters"), found = one("#found"), body = one("#found tbody"), more = one("#more");
  const text = form.elements.text;
  const AXES = ["property", "outcome", "loss", "way", "reduction", "dtype", "device"];
  const AT_ONCE = 50;

  const cells = data.cells.map(([test, name, ...row]) => {
    const cell = { id: data.texts[test] + (name && `[${name}]`), test: data.texts[test] };
    AXES.forEach((axis, i) => { cell[axis] = data.texts[row[i] || 0]; });
    cell.reason = data.texts[row[7] || 0];
    [cell.failure, cell.examples, cell.seconds, cell.worst, cell.ulp] = [8, 9, 10, 11, 12].map((i) => row[i] || 0);
    [cell.known, cell.untested] = [13, 14].map((i) => (row[i] || []).map(([told, n]) => [data.texts[told], n]));
    cell.absent = data.absent.includes(cell.device);
    cell.told = [cell.id, cell.outcome, cell.property, cell.reason, ...[...cell.known, ...cell.untested].map(([t]) => t)]
      .join("\n").toLowerCase();
    return cell;
  });

  let matching = [], shown = 0;

  function make(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  // What the filters are set to, without those that are not.
  function settings() {
    const given = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (value && !(name === "axis" && value === "property")) given.set(name, value);
    }
    return given;
  }

  function find() {
    const given = settings();
    const words = (given.get("text") || "").toLowerCase();
    const chosen = AXES.filter((axis) => given.has(axis)).map((axis) => [axis, given.get(axis)]);
    const all = cells.filter((cell) => chosen.every(([axis, value]) => cell[axis] === value) && cell.told.includes(words));
    const folds = !given.has("absent") && !given.has("device");
    matching = folds ? all.filter((cell) => !cell.absent) : all;
    const rest = all.length - matching.length;
    const count = (n) => `${n.toLocaleString("en")} cell${n === 1 ? "" : "s"}`;
    one("#count").textContent = `${count(matching.length)} of ${cells.length.toLocaleString("en")} match`
      + (rest ? `; ${count(rest)} more on ${data.absent.join(", ")}, absent.` : ".");
    body.replaceChildren();
    shown = 0;
    show();
  }

  function show() {
    body.append(...matching.slice(shown, shown + AT_ONCE).map(row));
    shown = Math.min(shown + AT_ONCE, matching.length);
    found.hidden = !matching.length;
    more.hidden = shown === matching.length;
    more.textContent = `Show ${Math.min(AT_ONCE, matching.length - shown)} more of ${(matching.length - shown).toLocaleString("en")}`;
  }

  function row(cell) {
    const fold = make("button", { type: "button", class: "fold name", "aria-expanded": "false" }, cell.id.split("::").pop());
    const outcome = make("span", { class: `badge verdict-${cell.outcome.replace(" ", "-")}` }, `${data.glyphs[cell.outcome]} ${cell.outcome}`);
    const number = (n, digits) => make("td", { class: "number" }, n ? (digits ? n.toPrecision(digits) : n.toLocaleString("en")) : "");
    const made = make("tr", {}, make("th", { scope: "row" }, fold), make("td", {}, outcome),
      ...AXES.filter((axis) => axis !== "outcome").sort(byColumn).map((axis) => make("td", {}, cell[axis])),
      number(cell.examples), number(cell.worst, 2), number(cell.ulp, 3), number(cell.seconds, 2));
    fold.addEventListener("click", () => {
      const open = fold.getAttribute("aria-expanded") === "true";
      fold.setAttribute("aria-expanded", String(!open));
      if (open) made.nextElementSibling.remove();
      else made.after(make("tr", {}, make("td", { class: "detail", colspan: made.cells.length }, detail(cell))));
    });
    return made;
  }

  const COLUMNS = ["property", "loss", "way", "reduction", "dtype", "device"];
  function byColumn(a, b) { return COLUMNS.indexOf(a) - COLUMNS.indexOf(b); }

  function detail(cell) {
    const told = make("div");
    if (cell.failure) {
      told.append(...one(`#failure-${cell.failure} > div`).cloneNode(true).children);
      told.querySelectorAll(".copy").forEach((button) => button.addEventListener("click", copy));
      return told;
    }
    const list = (title, pairs) => pairs.length && told.append(make("p", {}, title),
      make("ul", {}, ...pairs.map(([what, n]) => make("li", {}, `${what}: ${n} example${n === 1 ? "" : "s"}`))));
    if (cell.reason) told.append(make("p", {}, `Because: ${cell.reason}`));
    list("Known divergences that it met:", cell.known);
    list("Not tested of it:", cell.untested);
    told.append(make("p", {}, "Run this again:"), code(data.rerun.join(quoted(cell.id))));
    return told;
  }

  // A word for a shell.
  function quoted(word) { return `'${word.replaceAll("'", `'"'"'`)}'`; }

  function code(content) {
    return withCopy(make("div", { class: "code" }, make("pre", { tabindex: "0" }, content)));
  }

  function withCopy(box) {
    const button = make("button", { type: "button", class: "copy" }, "Copy");
    button.addEventListener("click", copy);
    box.prepend(button);
    return box;
  }

  async function copy(event) {
    const button = event.currentTarget, pre = one("pre", button.parentElement);
    try {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = "Copied";
    } catch {  // not allowed: at least it is selected
      getSelection().selectAllChildren(pre);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }

  // Set the filters to what a fragment says; where it says nothing of the columns they stay.
  function apply(fragment) {
    const given = new URLSearchParams(fragment.replace(/^#/, ""));
    for (const field of form.elements) {
      if (field.type === "radio") field.checked = given.has("axis") ? field.value === given.get("axis") : field.checked;
      else if (field.type === "checkbox") field.checked = given.has(field.name);
      else if (field.name) field.value = given.get(field.name) || "";
      if (field.tagName === "SELECT" && field.selectedIndex < 0) field.value = "";
    }
    find();
  }

  function keep() {
    const given = String(settings());
    history.replaceState(null, "", given ? `#${given}` : location.pathname + location.search);
    find();
  }

  const isFilter = (fragment) => fragment.includes("=");

  // What a link within the page leads to is unfolded; one to filters sets them and leads to what they find.
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const fragment = link.getAttribute("href");
    if (!isFilter(fragment)) return;
    event.preventDefault();
    history.pushState(null, "", fragment);
    apply(fragment);
    one("#cells").scrollIntoView();
    one("#cells-title").focus({ preventScroll: true });
  });
  addEventListener("hashchange", () => (isFilter(location.hash) || !location.hash ? apply(location.hash) : unfold()));

  function unfold() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) target.open = true;
  }

  form.addEventListener("input", keep);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(keep));
  document.querySelectorAll('input[name="axis"]').forEach((radio) => radio.addEventListener("input", keep));
  more.addEventListener("click", () => {
    const next = shown;
    show();
    one("button", body.querySelectorAll("tr:not(:has(.detail))")[next])?.focus();
  });

  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input[type=search], select, textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      text.focus();
    } else if (event.key === "Escape") {
      hint.hidden = true;
      if (event.target === text) {
        text.value = "";
        keep();
      }
    } else {
      step(event);
    }
  });

  // Within a matrix the arrow keys lead from cell to cell.
  function step(event) {
    const [down, right] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key] || [0, 0];
    const td = event.target.closest("table.matrix td");
    if (!td || !(down || right)) return;
    event.preventDefault();
    const rows = td.closest("table").rows;
    for (let i = td.parentElement.rowIndex + down, j = td.cellIndex + right; rows[i]?.cells[j]; i += down, j += right) {
      const next = one("a", rows[i].cells[j]);
      if (next) return next.focus();
    }
  }

  // What a cell of the matrix stands for is told beside it, for the eye; its name tells it to everyone else.
  const hint = make("div", { id: "hint", "aria-hidden": "true" });
  hint.hidden = true;
  document.body.append(hint);
  function tell(event) {
    const cell = event.target.closest?.("table.matrix td > a");
    hint.hidden = !cell;
    if (!cell) return;
    hint.textContent = cell.getAttribute("aria-label");
    const place = cell.getBoundingClientRect(), size = hint.getBoundingClientRect();
    const below = place.bottom + 6;
    hint.style.top = `${below + size.height < innerHeight ? below : place.top - size.height - 6}px`;
    hint.style.left = `${Math.max(8, Math.min(place.left, document.documentElement.clientWidth - size.width - 8))}px`;
  }
  document.addEventListener("pointerover", tell);
  document.addEventListener("focusin", tell);
  addEventListener("scroll", () => { hint.hidden = true; }, { passive: true });

  document.querySelectorAll(".code").forEach(withCopy);
  form.hidden = false;
  if (isFilter(location.hash)) {
    apply(location.hash);
    one("#cells").scrollIntoView();
  } else {
    find();
    unfold();
  }
})();
