"use strict";
// The data of the page, and its timeline. Nothing here makes HTML from text: values go in as text only.
// `show` draws what `data` holds now; an item that is gone from it has the property `gone`.
const begun = performance.now();
document.documentElement.classList.add("script");
const data = JSON.parse(document.getElementById("data").textContent);
const [LABEL, JOB, STATE, REASON, MESSAGE, EXIT, CREATED, START, END, NODE, CPU, MEMORY, PODS, OWN] = Array(14).keys();
const COMPLETE = data.states.indexOf("Complete");
const FAILED = data.states.indexOf("Failed");
const at = (id) => document.getElementById(id);
const text = (number) => data.texts[number];

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  const whole = Math.round(seconds);
  if (seconds > 0 && seconds < 0.9995) return `${Math.max(Math.round(seconds * 1000), 1)} ms`;
  if (seconds < 10 && seconds !== whole) return `${seconds.toFixed(1)} s`;
  if (whole < 60) return `${whole} s`;
  const [size, unit, smaller, name] = whole < 3600 ? [60, "m", 1, "s"] : whole < 86400 ? [3600, "h", 60, "m"] : [86400, "d", 3600, "h"];
  const rest = Math.floor((whole % size) / smaller);
  return `${Math.floor(whole / size)} ${unit}` + (rest ? ` ${rest} ${name}` : "");
}

function clock(after) {
  return after === null ? "" : `${new Date((data.begin + after) * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

// The times of a cluster are whole seconds, those of this machine have milliseconds: what took none of them took
// less than one.
const isWhole = (time) => Math.abs(time - Math.round(time)) < 0.001;
const lasted = (seconds, from) => (seconds !== 0 ? duration(seconds) : isWhole(data.begin + from) ? "< 1 s" : "< 1 ms");
const took = (item) => (item[START] === null ? null : (item[END] === null ? data.now : item[END]) - item[START]);

// As much of a name as fits into so many pixels of a canvas. Names of one batch often differ at their ends: the middle
// is left out, and of a key of several columns (a=1,b=2) that of each value, and the names of the columns.
function shorten(name, room, canvas) {
  const fits = (words) => room === Infinity || (words.length < 1000 && canvas.measureText(words).width <= room);
  if (fits(name)) return name;
  const several = /^[^=,]+=[^=,]*(,[^=,]+=[^=,]*)+$/.test(name);
  const parts = (several ? name.split(",").map((part) => part.slice(part.indexOf("=") + 1)) : [name]).map((part) => [...part]);
  const cut = (part, most) => (part.length <= most ? part : [...part.slice(0, Math.floor(most / 3)), "…", ...part.slice(Math.floor(most / 3) - most + 1)]).join("");
  const shown = (most) => parts.map((part) => cut(part, most)).join(",");
  let least = 2, above = Math.min(200, Math.max(...parts.map((part) => part.length)) + 1);
  while (above - least > 1) {
    const most = (least + above) >> 1;
    if (fits(shown(most))) least = most; else above = most;
  }
  return shown(least);
}

const timeline = (() => {
  const canvas = at("gantt"), tip = at("tip");
  const FEW = 60, ROW = 20, NAMES = 210, MOST = 1000, LOAD = 54, AXIS = 24, TALL = 420, GAP = 14, SEEN = 3;
  const end = (item) => item[END] ?? data.now;
  let started = [], begin = 0, last = 0.001, load = { steps: [], peak: 0 };
  let view = [0, last], chosen = null, mode = "rows", places = [], lanes = 1, drag = null;

  function show() {
    // The first attempt may have been by an earlier Job, before the item's own start.
    for (const item of data.items) item.first ??= item[PODS].reduce((least, [from]) => Math.min(least, from ?? Infinity), item[START] ?? Infinity);
    started = [...data.items.keys()].filter((number) => data.items[number].first !== Infinity && !data.items[number].gone);
    started.sort((a, b) => data.items[a].first - data.items[b].first || a - b);
    const whole = view[0] <= begin && view[1] >= last;
    begin = started.reduce((least, n) => Math.min(least, data.items[n].first), 0);
    last = Math.max(begin + 0.001, ...[data.now].filter(() => started.some((n) => data.items[n][END] === null)),
      started.reduce((most, n) => Math.max(most, data.items[n][END] ?? 0), 0));
    if (whole) view = [begin, last];
    mode = chosen ?? (started.length > FEW ? "packed" : "rows");
    load = measure();
    document.querySelector('[data-view="rows"]').hidden = started.length > MOST;
    at("timeline").hidden = !started.length;
    pack();
    draw();
  }

  // Each item gets the first lane that is free when it starts, so that lanes are what ran at a time.
  function pack() {
    const free = [];
    places = started.map((number, row) => {
      const item = data.items[number];
      if (mode === "rows") return row;
      let lane = 0;
      while (lane < free.length && free[lane] > item.first) lane++;
      free[lane] = end(item);
      return lane;
    });
    lanes = mode === "rows" ? started.length : free.length;
  }

  function measure() {
    const edges = [];
    for (const number of started) for (const [from, to] of data.items[number][PODS])
      if (from !== null) edges.push([from, 1], [Math.max(to ?? data.now, from + 0.0005), -1]);
    edges.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    let busy = 0, peak = 0;
    const steps = edges.map(([at, step]) => { busy += step; peak = Math.max(peak, busy); return [at, busy]; });
    return { steps, peak };
  }

  function geometry() {
    const width = canvas.parentElement.clientWidth;
    const left = mode === "rows" ? Math.min(NAMES, width / 3) : 34;
    const laneHeight = mode === "rows" ? ROW : Math.max(0.5, Math.min(14, TALL / Math.max(lanes, 1)));
    const top = LOAD + GAP;
    return { width, left, laneHeight, top, height: top + Math.max(lanes * laneHeight, 24) + AXIS };
  }

  const x = (at, g) => g.left + ((at - view[0]) / (view[1] - view[0])) * (g.width - g.left);

  function steps(span, room) {
    const units = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
    const most = Math.max(2, Math.floor(room / 90));
    return units.find((unit) => span / unit <= most) ?? Math.ceil(span / most / 86400) * 86400;
  }

  function draw() {
    const g = geometry(), scale = window.devicePixelRatio || 1, css = getComputedStyle(document.documentElement);
    const colour = (name) => css.getPropertyValue(`--${name}`).trim();
    const ink = colour("soft"), line = colour("line"), bad = colour("failed");
    const fills = data.states.map((state) => colour(state.toLowerCase()));
    canvas.width = Math.round(g.width * scale);
    canvas.height = Math.round(g.height * scale);
    canvas.style.height = `${g.height}px`;
    const c = canvas.getContext("2d");
    c.scale(scale, scale);
    c.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    c.textBaseline = "middle";
    const bottom = g.height - AXIS;
    c.fillStyle = ink;
    c.strokeStyle = line;
    const step = steps(view[1] - view[0], g.width - g.left);
    for (let at = begin + Math.ceil((view[0] - begin) / step) * step; at <= view[1]; at += step) {
      const place = Math.round(x(at, g)) + 0.5;
      c.beginPath(); c.moveTo(place, 0); c.lineTo(place, bottom); c.stroke();
      const label = duration(at - begin);
      const half = c.measureText(label).width / 2;
      c.textAlign = "center";
      c.fillText(label, Math.min(Math.max(place, g.left + half), g.width - half), bottom + AXIS / 2 + 2);
    }
    drawLoad(c, g, colour("active"), ink);
    c.save();
    if (mode === "packed") { c.beginPath(); c.rect(g.left, 0, g.width - g.left, bottom); c.clip(); }
    started.forEach((number, index) => {
      const item = data.items[number], y = g.top + places[index] * g.laneHeight;
      if (mode === "rows") {
        c.fillStyle = ink; c.textAlign = "right";
        c.fillText(shorten(item[LABEL], g.left - 12, c), g.left - 8, y + ROW / 2);
      }
      if (end(item) < view[0] || item.first > view[1]) return;
      bar(c, g, item, y, mode === "rows" ? [4, ROW - 8] : [0, Math.max(g.laneHeight - (g.laneHeight > 4 ? 1 : 0), 1)], fills, bad);
    });
    failures(c, g, bottom, bad);
    c.restore();
    if (drag) {
      c.fillStyle = colour("focus"); c.globalAlpha = 0.18;
      c.fillRect(Math.min(drag.from, drag.to), 0, Math.abs(drag.to - drag.from), bottom);
      c.globalAlpha = 1;
    }
    document.querySelectorAll("button[data-view]").forEach((button) =>
      button.setAttribute("aria-pressed", String(button.dataset.view === mode)));
    const whole = view[0] <= begin && view[1] >= last;
    document.querySelectorAll("[data-zoom]").forEach((button) => { button.disabled = button.dataset.zoom !== "in" && whole; });
  }

  function span(c, g, from, to, y, height) {
    const left = Math.max(x(from, g), g.left), right = Math.min(x(to, g), g.width);
    c.fillRect(left, y, Math.max(right - left, 1.5), height);
  }

  // The whole item pale, each pod in full: what is pale in between is the wait for another attempt.
  function bar(c, g, item, y, [inset, height], fills, bad) {
    c.fillStyle = fills[item[STATE]];
    c.globalAlpha = 0.3;
    span(c, g, item.first, end(item), y + inset, height);
    c.globalAlpha = 1;
    item[PODS].forEach(([from, to, good], number) => {
      if (from === null) return;
      c.fillStyle = !good && to !== null && (number < item[PODS].length - 1 || item[STATE] !== COMPLETE) ? bad : fills[item[STATE]];
      span(c, g, from, to ?? data.now, y + inset, height);
    });
    if (!item[PODS].some((pod) => pod[0] !== null)) span(c, g, item.first, end(item), y + inset, height);
  }

  // What failed is drawn last and never narrower than can be seen, with a mark below the load.
  function failures(c, g, bottom, bad) {
    c.fillStyle = bad;
    started.forEach((number, index) => {
      const item = data.items[number];
      if (item[STATE] !== FAILED || end(item) < view[0] || item.first > view[1]) return;
      const left = Math.max(Math.min(x(item.first, g), g.width - SEEN), g.left), y = g.top + places[index] * g.laneHeight;
      const wide = Math.max(x(Math.min(end(item), view[1]), g) - left, SEEN);
      if (wide === SEEN) c.fillRect(left, mode === "rows" ? y + 4 : y, wide, mode === "rows" ? ROW - 8 : Math.max(g.laneHeight, SEEN));
      if (mode === "packed") c.fillRect(left, LOAD + 3, SEEN, GAP - 5);
    });
  }

  function drawLoad(c, g, fill, ink) {
    if (!load.peak) return;
    const base = LOAD, unit = (LOAD - 14) / load.peak;
    c.save();
    c.beginPath(); c.rect(g.left, 0, g.width - g.left, LOAD + 1); c.clip();
    c.beginPath(); c.moveTo(x(begin, g), base);
    let busy = 0;
    for (const [at, now] of load.steps) {
      c.lineTo(x(at, g), base - busy * unit); c.lineTo(x(at, g), base - now * unit);
      busy = now;
    }
    c.lineTo(x(last, g), base - busy * unit); c.lineTo(x(last, g), base);
    c.fillStyle = fill; c.globalAlpha = 0.35; c.fill();
    c.restore();
    c.fillStyle = ink; c.textAlign = "right";
    c.fillText(String(load.peak), g.left - 8, base - load.peak * unit + 2);
    c.fillText("0", g.left - 8, base - 5);
    if (mode === "rows") { c.textAlign = "left"; c.fillText("running pods", 0, base - 5); }
  }

  function under(event) {
    const g = geometry(), box = canvas.getBoundingClientRect();
    const px = event.clientX - box.left, py = event.clientY - box.top;
    const lane = Math.floor((py - g.top) / g.laneHeight);
    const time = view[0] + ((px - g.left) / (g.width - g.left)) * (view[1] - view[0]);
    const near = (3 * (view[1] - view[0])) / g.width, slack = g.laneHeight < 3 ? 2 : 0;
    let best = null, distance = Infinity;
    started.forEach((number, index) => {
      const item = data.items[number], off = Math.abs(places[index] - lane);
      if (off > slack || (mode === "packed" && (time < item.first - near || time > end(item) + near))) return;
      const far = off + Math.abs(time - (item.first + end(item)) / 2) / last / 10;
      if (far < distance) { best = number; distance = far; }
    });
    return { px, py, item: py < g.top ? null : best };
  }

  function hover(event) {
    const { px, py, item } = under(event);
    if (drag) { drag.to = px; draw(); }
    tip.hidden = item === null || drag !== null;
    if (tip.hidden) return;
    const one = data.items[item], name = document.createElement("b");
    name.textContent = one[LABEL];
    const why = one[REASON] ? `: ${text(one[REASON])}` : "";
    tip.replaceChildren(name, `${data.states[one[STATE]]}${why}, ${lasted(took(one), one[START])}, from ${duration(one.first - begin)} on`);
    tip.style.left = `${Math.max(0, Math.min(px + 14, canvas.clientWidth - tip.offsetWidth - 4))}px`;
    tip.style.top = `${Math.min(py + 14, canvas.clientHeight - tip.offsetHeight - 2)}px`;
  }

  function zoom(kind) {
    const span = view[1] - view[0], middle = (view[0] + view[1]) / 2;
    const wide = kind === "in" ? span / 2 : kind === "out" ? span * 2 : span;
    const shift = kind === "left" ? -span / 3 : kind === "right" ? span / 3 : 0;
    look(kind === "all" ? begin : middle + shift - wide / 2, kind === "all" ? last : middle + shift + wide / 2);
  }

  function look(from, to) {
    const wide = Math.min(Math.max(to - from, (last - begin) / 5000, 0.001), last - begin);
    const start = Math.min(Math.max(from, begin), last - wide);
    view = [start, start + wide];
    draw();
  }

  function listen(open) {
    canvas.addEventListener("pointerdown", (event) => {
      const { px } = under(event);
      drag = { from: px, to: px };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", hover);
    canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
    canvas.addEventListener("pointerup", (event) => {
      const { px, item } = under(event), g = geometry();
      const time = (place) => view[0] + ((place - g.left) / (g.width - g.left)) * (view[1] - view[0]);
      const [from, to] = drag ? [Math.min(drag.from, px), Math.max(drag.from, px)] : [0, 0];
      drag = null;
      if (to - from > 6) look(time(from), time(to));
      else if (item !== null) open(item);
      draw();
    });
    canvas.addEventListener("dblclick", () => zoom("all"));
    document.querySelectorAll("[data-zoom]").forEach((button) => button.addEventListener("click", () => zoom(button.dataset.zoom)));
    document.querySelectorAll("button[data-view]").forEach((button) => button.addEventListener("click", () => {
      mode = chosen = button.dataset.view;
      pack();
      draw();
    }));
    new ResizeObserver(draw).observe(canvas.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  }

  return { listen, draw, show };
})();
