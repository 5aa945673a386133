// The list of groups.
const groups = (() => {
  const COUNTS = ["Failed", "Complete", "Running", "Waiting"], CLASSES = ["failed", "complete", "active", "pending"];
  const NAMES = ["Failed", "Complete", "Active", "Pending"];
  const SVG = "http://www.w3.org/2000/svg";
  const many = new Intl.NumberFormat("en");
  let rows = new Map();

  function make(tag, properties, ...inside) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...inside);
    return made;
  }

  const addressOf = ({ local, namespace, group }) => `#${new URLSearchParams({ local, namespace, group })}`;

  function bar(counts, total) {
    const box = document.createElementNS(SVG, "svg");
    box.setAttribute("viewBox", "0 0 100 10");
    box.setAttribute("preserveAspectRatio", "none");
    box.setAttribute("aria-hidden", "true");
    let left = 0;
    counts.forEach((count, place) => {
      if (!count) return;
      const part = document.createElementNS(SVG, "rect"), width = (100 * count) / total;
      part.setAttribute("class", CLASSES[place]);
      part.setAttribute("x", left);
      part.setAttribute("width", width);
      part.setAttribute("height", 10);
      box.append(part);
      left += width;
    });
    return box;
  }

  // In seconds at first, then in minutes.
  function ageSince(created) {
    if (created === null) return "";
    const seconds = Math.max(0, Math.floor(Date.now() / 1000 - created));
    return duration(seconds < 60 ? seconds : seconds - (seconds % 60));
  }

  function row(group) {
    const counts = COUNTS.map((name) => group.counts[name]), total = counts.reduce((sum, each) => sum + each, 0);
    const link = make("a", { href: addressOf(group), textContent: group.group });
    const badge = group.active ? [make("span", { className: "badge", textContent: "at work" })] : [];
    return make("tr", {},
      make("th", { scope: "row" }, link, ...badge),
      make("td", { className: "share-of", title: many.format(total) }, bar(counts, total)),
      ...counts.map((count, place) => {
        const cell = make("td", { className: place === 0 && count ? "number some" : "number", textContent: many.format(count) });
        cell.dataset.name = NAMES[place]; // for a narrow page, which has no head
        return cell;
      }),
      make("td", { className: "age", textContent: ageSince(group.created) }),
      make("td", { className: "where", textContent: [group.local ? "this machine" : group.where, group.namespace].filter(Boolean).join(", ") }));
  }

  // Rows that are as they were stay the same elements, so that the focus stays where it is.
  function show({ groups: found, problems }) {
    const before = rows;
    rows = new Map();
    found.sort((a, b) => (b.created ?? 0) - (a.created ?? 0));
    const shown = found.map((group) => {
      const key = addressOf(group), text = JSON.stringify(group), old = before.get(key);
      const mine = old?.text === text ? old.row : row(group);
      if (old && old.row !== mine && old.row.contains(document.activeElement)) setTimeout(() => mine.querySelector("a").focus());
      rows.set(key, { text, row: mine, created: group.created });
      return mine;
    });
    const body = at("groups-rows");
    if (shown.length !== body.children.length || shown.some((each, place) => each !== body.children[place])) body.replaceChildren(...shown);
    const text = found.length ? `${many.format(found.length)} group${found.length === 1 ? "" : "s"}` : "No groups yet: `expander run` or `expander submit` makes one.";
    if (at("groups-text").textContent !== text) at("groups-text").textContent = text;
    return problems;
  }

  setInterval(() => {
    for (const { row: shown, created } of rows.values()) {
      const cell = shown.querySelector(".age"), text = ageSince(created);
      if (cell.textContent !== text) cell.textContent = text;
    }
  }, 1000);

  return { show };
})();
