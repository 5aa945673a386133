// The table of items. Only the visible rows are in the page, so that it copes with many thousands.
const table = (() => {
  const ROW = 35, MARGIN = 12, PRINTED = 1000;
  const box = at("table"), body = at("rows"), search = at("search"), reason = at("reason");
  const count = new Intl.NumberFormat("en");
  const LONGEST = 44, LETTER = 0.49, PADDING = 1.4, ITEM_SHARE = 0.4, NARROW_SHARE = 0.6, NARROW = 30, PAPER = 58;
  const canvas = document.createElement("canvas").getContext("2d");
  // Any failure reaches the back-off limit: what matters is of what.
  const cause = (why) => why.replace(/^BackoffLimitExceeded \((.*)\)$/s, "$1");
  const columns = () => [
    { name: "Item", value: (item) => item[LABEL], natural: true, least: 30, more: 1.2 },
    { name: "State", value: (item) => data.states[item[STATE]], more: 1.5 },
    ...data.columns.map((name, place) => ({ name, value: (item) => item[OWN][place], natural: true }))
      .filter(({ value }) => data.items.some((item) => value(item) !== item[LABEL])), // not what the key is anyway
    { name: "Reason", value: (item) => text(item[REASON]), shown: cause, least: 24 },
    { name: "Exit", value: (item) => item[EXIT], number: true },
    { name: "Start", value: (item) => item[START], shown: duration, number: true },
    { name: "Duration", value: took, shown: (value, item) => lasted(value, item[START]), number: true },
    { name: "Pods", value: (item) => item[PODS].length, number: true },
    { name: "Core-s", value: (item) => item[CPU], shown: (value) => count.format(value), number: true },
    { name: "Node", value: (item) => text(item[NODE]) },
  ];
  const shownAs = (column, item) => {
    const value = column.value(item);
    return value === null ? "" : column.shown ? column.shown(value, item) : String(value);
  };
  // Columns in which nothing stands, and what every item of a local run has alike, are left out.
  const isTold = ({ name, value }) => {
    if (name === "Core-s") return data.items.some((item) => value(item));
    if (name === "Node") return new Set(data.items.map(value).filter(Boolean)).size > 1;
    return data.items.some((item) => value(item) !== null && value(item) !== "");
  };
  let COLUMNS = [], VISIBLE = [];

  function measure() {
    COLUMNS = columns();
    const told = COLUMNS.filter(isTold), names = (all) => all.map((column) => column.name).join("\n");
    for (const column of told)
      column.letters = data.items.reduce((most, item) => Math.max(most, shownAs(column, item).length), column.name.length + 2);
    if (sorted.column) sorted.column = told.find((column) => column.name === sorted.column.name) ?? null;
    const same = names(told) === names(VISIBLE);
    VISIBLE = told;
    if (!same) headings();
    fit();
  }

  // As wide as what is in them, in letters; the widest give way, to a point, where the table does not fit.
  // On paper it has to fit, and texts are wrapped.
  function fit() {
    const room = printing ? PAPER : box.clientWidth / parseFloat(getComputedStyle(document.documentElement).fontSize);
    const most = ((room < NARROW ? NARROW_SHARE : ITEM_SHARE) * room - PADDING) / LETTER;
    const letters = VISIBLE.map((column, place) => Math.min(column.letters, place ? LONGEST : most));
    const widths = () => letters.map((each, place) => each * LETTER + PADDING + (VISIBLE[place].more ?? 0));
    const spare = (place) => letters[place] - (printing ? 11 : VISIBLE[place].least ?? 16);
    let sum = widths().reduce((all, each) => all + each, 0);
    while (sum > room) {
      const widest = letters.reduce((found, _, place) => (spare(place) > spare(found) ? place : found), 0);
      if (spare(widest) <= 0) break;
      letters[widest] -= 1;
      sum -= LETTER;
    }
    box.style.setProperty("--width", `${sum}rem`);
    widths().forEach((each, place) => { at("heads").children[place].style.width = `${(100 * each) / sum}%`; });
  }
  const order = new Intl.Collator(undefined, { numeric: true });
  const words = (item) => (item.words ??=
    [item[LABEL], item[JOB], data.states[item[STATE]], text(item[REASON]), text(item[NODE]), text(item[MESSAGE]), ...item[OWN]].join("\n").toLowerCase());
  const chosen = new Set();
  const first = at("first");
  let sorted = { column: null, down: false }, failedFirst = true, shown = [], printing = false, drawn = "", opened = null;

  function make(tag, properties = {}, ...inside) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...inside);
    return made;
  }

  function select() {
    choose();
    box.scrollTop = 0;
    draw();
  }

  function choose() {
    const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const why = reason.value;
    shown = [];
    data.items.forEach((item, number) => {
      if (item.gone) return;
      if (chosen.size && !chosen.has(item[STATE])) return;
      if (why && text(item[REASON]) !== why) return;
      if (asked.every((word) => words(item).includes(word))) shown.push(number);
    });
    if (sorted.column) {
      const { value, number, natural } = sorted.column, sign = sorted.down ? -1 : 1;
      const keys = new Map(shown.map((each) => [each, value(data.items[each])]));
      shown.sort((a, b) => {
        const left = keys.get(a), right = keys.get(b);
        if (left === right) return a - b;
        if (left === null || left === "") return 1;
        if (right === null || right === "") return -1;
        if (number) return sign * (left - right);
        return sign * (natural ? order.compare(left, right) : left < right ? -1 : 1);
      });
    }
    if (failedFirst) {
      const rank = (number) => Number(data.items[number][STATE] !== FAILED);
      shown.sort((a, b) => rank(a) - rank(b));
    }
    const all = data.items.reduce((sum, item) => sum + !item.gone, 0);
    at("shown").textContent = shown.length === all ? `${count.format(all)} items` : `${count.format(shown.length)} of ${count.format(all)} items`;
    drawn = "";
  }

  function draw() {
    const first = printing ? 0 : Math.max(0, Math.floor(box.scrollTop / ROW) - MARGIN);
    const most = printing ? PRINTED : Math.ceil((box.clientHeight || innerHeight) / ROW) + 2 * MARGIN;
    const after = Math.min(shown.length, first + most);
    const key = `${first}-${after}`;
    if (key === drawn) return;
    drawn = key;
    const room = printing || !VISIBLE.length ? Infinity : roomOfItem();
    const rows = shown.slice(first, after).map((number, place) => row(number, first + place + 2, room));
    const space = (height) => {
      const line = make("tr", { className: "space" }, make("td", { colSpan: VISIBLE.length }));
      line.setAttribute("aria-hidden", "true");
      line.style.height = `${height}px`;
      return line;
    };
    if (first) rows.unshift(space(first * ROW));
    if (after < shown.length && !printing) rows.push(space((shown.length - after) * ROW));
    if (!shown.length) rows.push(make("tr", {}, make("td", { colSpan: VISIBLE.length, textContent: data.items.length ? "No matching items." : "No items." })));
    const focused = document.activeElement?.closest("#rows tr[data-item]")?.dataset.item;
    body.replaceChildren(...rows);
    if (focused !== undefined) body.querySelector(`tr[data-item="${focused}"] button`)?.focus({ preventScroll: true });
    body.parentElement.setAttribute("aria-rowcount", String(shown.length + 1));
    at("printed").textContent = printing && after < shown.length ? `The first ${count.format(after)} of ${count.format(shown.length)} items are printed.` : "";
  }

  // The pixels that the name of an item has, on a canvas in its letters.
  function roomOfItem() {
    const head = at("heads").firstChild, { fontSize, fontFamily } = getComputedStyle(head);
    canvas.font = `600 ${fontSize} ${fontFamily}`;
    return head.clientWidth - parseFloat(getComputedStyle(head.firstChild).paddingLeft) * 2 - 1;
  }

  function row(number, place, room) {
    const item = data.items[number];
    const cells = VISIBLE.map((column, index) => {
      const words = shownAs(column, item);
      const cell = make("td", { className: column.number ? "number" : "" });
      if (index === 0) cell.append(make("button", { type: "button", textContent: shorten(words, room, canvas), title: words, ariaLabel: words }));
      else {
        if (index === 1) cell.append(make("i", { className: words.toLowerCase() }));
        cell.append(words);
        if (column.name === "Reason" && words) cell.title = [text(item[REASON]), text(item[MESSAGE])].filter(Boolean).join(": ");
        else if (words.length > 12) cell.title = words;
      }
      return cell;
    });
    const line = make("tr", {}, ...cells);
    line.dataset.item = number;
    line.setAttribute("aria-rowindex", String(place));
    return line;
  }

  function open(number) {
    describe(data.items[number]);
    opened = number;
    at("details").showModal();
    api.onOpen(data.items[number]);
  }

  function describe(item) {
    const pods = item[PODS].map(([from, to, good, why, memory], index) =>
      `${index + 1}: ${from === null ? "not started" : to === null ? "running" : good ? "succeeded" : "failed"}` +
      (from === null ? "" : ` after ${lasted((to ?? data.now) - from, from)}`) + (why ? `: ${text(why)}` : "") +
      (memory ? `, memory ${text(memory)}` : "") + (from === null ? "" : `; started ${clock(from)}`));
    const facts = [
      ["Job", item[JOB]], ...data.columns.map((name, place) => [name, item[OWN][place]]), ["State", data.states[item[STATE]]], ["Reason", text(item[REASON])], ["Message", text(item[MESSAGE])],
      ["Exit code", item[EXIT]], ["Created", clock(item[CREATED])], ["Started", clock(item[START])], ["Finished", clock(item[END])],
      ["Duration", lasted(took(item), item[START])], ["Node", text(item[NODE])], ["Pods", pods.join("\n")],
      ["Requested", `${count.format(item[CPU])} core-seconds, ${count.format(item[MEMORY])} GiB-seconds`],
    ];
    at("details-h").textContent = item[LABEL];
    at("facts").replaceChildren(...facts.filter(([, value]) => value !== "" && value !== null)
      .flatMap(([name, value]) => [make("dt", { textContent: name }), make("dd", { textContent: String(value) })]));
  }

  function csv() {
    const cell = (value) => (/[",\n\r]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
    const lines = [COLUMNS.map((column) => column.name)];
    for (const number of shown) lines.push(COLUMNS.map((column) => column.value(data.items[number]) ?? ""));
    const link = make("a", { download: "items.csv" });
    link.href = URL.createObjectURL(new Blob([lines.map((line) => line.map(cell).join(",")).join("\n"), "\n"], { type: "text/csv" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  function headings() {
    at("heads").replaceChildren(...VISIBLE.map(({ name, number }, place) => {
      const button = make("button", { type: "button", textContent: name });
      button.addEventListener("click", () => {
        const column = VISIBLE[place];
        failedFirst = false;
        first.setAttribute("aria-pressed", "false");
        sorted = { column, down: sorted.column === column ? !sorted.down : Boolean(column.number) };
        arrows();
        select();
      });
      return make("th", { scope: "col", className: number ? "number" : "" }, button);
    }));
    arrows();
  }

  function arrows() {
    [...at("heads").children].forEach((head, place) => {
      const mine = VISIBLE[place] === sorted.column;
      if (mine) head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
      head.firstChild.textContent = VISIBLE[place].name + (mine ? (sorted.down ? " ↓" : " ↑") : "");
    });
  }

  data.states.forEach((name, state) => {
    const button = make("button", { type: "button" }, make("i", { className: name.toLowerCase() }), name);
    button.dataset.only = name;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => { press(state, !chosen.has(state)); select(); });
    at("states").append(button);
  });

  // What can be chosen: states and reasons that items have, and what is chosen already.
  function offer() {
    const sizes = data.states.map(() => 0), found = new Set();
    for (const item of data.items) if (!item.gone) { sizes[item[STATE]]++; found.add(text(item[REASON])); }
    [...at("states").children].forEach((button, state) => { button.hidden = !sizes[state] && !chosen.has(state); });
    first.hidden = !sizes[FAILED];
    const offered = [...reason.options].slice(1).map((option) => option.value);
    const reasons = [...found].filter(Boolean).sort(), mine = reason.value;
    if (mine && !found.has(mine)) reasons.push(mine);
    if (reasons.join("\n") !== offered.join("\n")) {
      reason.replaceChildren(reason.options[0], ...reasons.map((each) => make("option", { value: each, textContent: each })));
      reason.value = mine;
    }
    reason.disabled = !reasons.length;
  }

  function press(state, on) {
    if (on) chosen.add(state); else chosen.delete(state);
    at("states").querySelectorAll("button").forEach((button) =>
      button.setAttribute("aria-pressed", String(chosen.has(data.states.indexOf(button.dataset.only)))));
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-state]");
    if (!link) return;
    search.value = "";
    data.states.forEach((_, state) => press(state, data.states[state] === link.dataset.state));
    reason.value = link.dataset.reason;
    select();
  });
  first.setAttribute("aria-pressed", String(failedFirst));
  first.addEventListener("click", () => {
    failedFirst = !failedFirst;
    first.setAttribute("aria-pressed", String(failedFirst));
    select();
  });
  search.addEventListener("input", select);
  reason.addEventListener("change", select);
  at("filter").addEventListener("submit", (event) => event.preventDefault());
  at("filter").addEventListener("reset", () => setTimeout(() => { data.states.forEach((_, state) => press(state, false)); select(); }));
  at("save").addEventListener("click", csv);
  box.addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
  body.addEventListener("click", (event) => {
    const line = event.target.closest("tr[data-item]");
    if (line) open(Number(line.dataset.item));
  });
  new ResizeObserver(() => { fit(); drawn = ""; draw(); }).observe(box);
  let closed = [];
  addEventListener("beforeprint", () => {
    printing = true; drawn = "";
    document.documentElement.dataset.theme = "light";
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((each) => { each.open = true; });
    fit();
    draw();
    timeline.draw();
  });
  addEventListener("afterprint", () => {
    printing = false; drawn = "";
    delete document.documentElement.dataset.theme;
    closed.forEach((each) => { each.open = false; });
    fit();
    draw();
    timeline.draw();
  });
  // The row from which it was opened may be another element by now.
  at("details").addEventListener("close", () => {
    const now = document.activeElement;
    if (now === document.body || at("details").contains(now)) body.querySelector(`tr[data-item="${opened}"] button`)?.focus({ preventScroll: true });
  });
  timeline.listen(open);

  function show() {
    measure();
    offer();
    choose();
    draw();
  }

  const api = { show, open, describe, onOpen: () => {} };
  return api;
})();
timeline.show();
table.show();
document.documentElement.dataset.ready = (performance.now() - begun).toFixed(0);
