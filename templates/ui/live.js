// The actions that would find nothing to do, and why. Jobs of a CronJob, by their names, may have one that is
// suspended or to be, and a group in a cluster one that has made no Job yet; on this machine a retry also
// finishes a run that was interrupted.
function idleActions(items, local) {
  const idle = {}, states = new Set(items.map((item) => data.states[item[STATE]]));
  const has = (...names) => names.some((name) => states.has(name));
  if (!items.length) {
    for (const action of local ? ["retry", "suspend", "resume"] : ["retry"]) idle[action] = "The group has no Jobs";
    return idle;
  }
  if (!has("Failed", "Skipped") && !(local && has("Active", "Pending", "Suspended"))) idle.retry = "No item has failed";
  if (!items.some((item) => /-\d{8,}$/.test(item[JOB]))) {
    if (!has("Active", "Pending")) idle.suspend = has("Suspended") ? "All that is unfinished is suspended" : "All items have finished";
    if (!has("Suspended")) idle.resume = "No item is suspended";
  }
  return idle;
}

// The page that lives: which view is shown, messages of the server into it, logs and actions.
(() => {
  const SLOW = 3, LOG_LETTERS = 2_000_000, AGAIN = 500, GONE = 2000, AT_WORK = 409, NONE = "none";
  const WORDS = { connecting: "Connecting", live: "Live", lost: "Connection lost; connecting again", refused: "Refused" };
  const ACTIONS = {
    retry: ["Retry", "runs again what failed.", "Retry"],
    suspend: ["Suspend", "stops what runs until it is resumed.", "Suspend"],
    resume: ["Resume", "lets what is suspended go on.", "Resume"],
    cleanup: ["Clean up", "deletes the Jobs with their pods and logs, unfinished ones too.", "Delete"],
  };
  let leave = () => {}, shown = null, generation = 0, offset = 0, failed = null, queued = 0, due = 0;
  let opened = null, closeLog = () => {}, deleted = false, had = false, emptied = 0, acts = 0;

  function state(now) {
    const link = at("link");
    if (link.dataset.state !== now) {
      link.dataset.state = now;
      link.textContent = WORDS[now];
    }
    document.body.toggleAttribute("data-stale", now !== "live");
    offer();
    problem(now === "refused" ? "This address is of another start of the server: open the one that it prints now." : null, "refused");
  }

  const problems = new Map();
  function problem(words, kind) {
    if (words) problems.set(kind, words); else problems.delete(kind);
    const text = [...problems.values()].join(" ");
    if (at("problem").textContent !== text) at("problem").textContent = text;
    at("problem").hidden = !text;
    at("problem").toggleAttribute("data-quiet", [...problems.keys()].every((each) => each === NONE));
  }

  function route() {
    const found = server.place(), name = found.get("group");
    leave();
    closeLog();
    document.querySelectorAll("dialog[open]").forEach((each) => each.close());
    problems.clear();
    clearTimeout(emptied);
    emptied = 0;
    state("connecting");
    const place = name === null ? null : { local: found.get("local") ?? "false", namespace: found.get("namespace") ?? "", group: name };
    shown = place;
    failed = null;
    deleted = had = false;
    document.body.dataset.view = place ? "group" : "groups";
    at("groups").hidden = Boolean(place);
    document.querySelector(".skip").hidden = !place;
    at("back").hidden = at("actions").hidden = !place;
    if (place) {
      take({ snapshot: { ...data, items: [], texts: [""] }, generation: 0 });
      document.querySelector("[data-part=head]").replaceChildren(Object.assign(document.createElement("h1"), { textContent: name }));
      leave = server.follow(`/api/group?${new URLSearchParams(place)}`, (message) => message && take(message), state);
    } else {
      document.title = "expander";
      leave = server.follow("/api/groups", (message) => {
        if (message?.groups) problem(groups.show(message).join(" "), "listing");
      }, state);
    }
  }

  // A retry deletes Jobs too, and creates them again at once.
  function sayEmpty() {
    const isEmpty = data.items.every((item) => item.gone);
    had = had || !isEmpty;
    if (isEmpty && generation) {
      const [words, kind] = had ? ["The Jobs of this group have been deleted.", "gone"] : ["This group has no Jobs yet.", NONE];
      emptied ||= setTimeout(problem, GONE, words, kind);
    } else {
      clearTimeout(emptied);
      emptied = 0;
      for (const each of ["gone", NONE]) problem(null, each);
    }
  }

  function take(message) {
    if (message.snapshot) {
      Object.assign(data, message.snapshot);
      generation = message.generation;
    } else if (message.items) {
      data.texts.push(...message.texts);
      for (const [number, item] of message.items) {
        if (item) data.items[number] = item;
        else data.items[number].gone = true;
      }
      data.now = message.now;
    }
    if (message.snapshot || message.items) {
      offset = data.now - performance.now() / 1000;
      tell();
      sayEmpty();
      offer();
      if (message.snapshot) drawNow(); else draw();
      refresh();
    }
    if (message.parts) parts(message.parts);
    if ("problem" in message) problem(message.problem, "group");
  }

  // Draw at once, but when drawing takes long, less often.
  function draw() {
    clearTimeout(queued);
    const left = due - performance.now();
    if (left > 0) queued = setTimeout(drawNow, left);
    else drawNow();
  }

  function drawNow() {
    clearTimeout(queued);
    const begun = performance.now();
    table.show();
    timeline.show();
    const ended = performance.now();
    due = ended + SLOW * (ended - begun);
  }

  function tell() {
    const names = data.items.filter((item) => item[STATE] === FAILED && !item.gone).map((item) => item[LABEL]);
    if (failed !== null && names.length > failed.size) {
      const fresh = names.filter((name) => !failed.has(name));
      if (fresh.length) at("told").textContent = `Failed: ${fresh.slice(0, 3).join(", ")}${fresh.length > 3 ? ` and ${fresh.length - 3} more` : ""}`;
    }
    if (names.length || data.items.length) failed = new Set(names);
  }

  function offer() {
    if (!shown) return;
    const unknown = at("link").dataset.state !== "live" ? "There is no connection to the server" : generation ? "" : "The Jobs are not known yet";
    const idle = idleActions(data.items.filter((item) => !item.gone), shown.local === "true");
    for (const button of document.querySelectorAll("[data-action]")) {
      const why = unknown || (idle[button.dataset.action] ?? "");
      if (button.title === why) continue;
      button.title = why;
      if (why) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
    }
  }

  // The server makes this HTML with the template of the report, which escapes values.
  function parts(found) {
    for (const [name, html] of Object.entries(found)) {
      if (name === "title") { document.title = html; continue; }
      const box = document.querySelector(`[data-part="${name}"]`);
      const open = new Map([...box.querySelectorAll("details")].map((each) => [each.dataset.key, each.open]));
      const focus = box.contains(document.activeElement) ? document.activeElement.closest("details")?.dataset.key : undefined;
      const place = box.querySelector(".entries")?.scrollTop ?? 0;
      box.innerHTML = html;
      for (const each of box.querySelectorAll("details")) {
        if (open.has(each.dataset.key)) each.open = open.get(each.dataset.key);
        if (each.dataset.key === focus) each.querySelector("summary").focus({ preventScroll: true });
      }
      if (place) box.querySelector(".entries")?.scrollTo(0, place);
    }
  }

  // The dialog of an item: its facts as they become, and the log of one of its pods.
  const sameItem = (item) => opened && item[LABEL] === opened[LABEL] && item[JOB] === opened[JOB] && !item.gone;

  function refresh() {
    if (!at("details").open || !opened) return;
    const number = data.items.findIndex(sameItem);
    if (number < 0) return;
    const item = data.items[number], more = item[PODS].length - opened[PODS].length;
    if (item === opened) return;
    const last = Number(at("pod").value) === opened[PODS].length - 1;
    opened = item;
    table.describe(item);
    offerPods();
    if (more && last) { at("pod").value = item[PODS].length - 1; readLog(); }
  }

  function offerPods() {
    const chosen = at("pod").value;
    at("pod").replaceChildren(...opened[PODS].map((_, number) => Object.assign(document.createElement("option"), { value: number, textContent: `Pod ${number + 1}` })));
    at("pod").value = chosen;
    at("pod").hidden = opened[PODS].length < 2;
  }

  async function readLog() {
    closeLog();
    const box = at("log"), said = at("log-state"), text = document.createTextNode("");
    box.replaceChildren(text);
    const abort = new AbortController();
    closeLog = () => abort.abort();
    if (!opened[PODS].length) { said.textContent = "No pod has started yet."; return; }
    said.textContent = "Reading";
    for (;;) {
      const number = data.items.findIndex(sameItem);
      const query = new URLSearchParams({ ...shown, generation, item: number, pod: at("pod").value });
      try {
        const answer = await server.ask(`/api/log?${query}`, { signal: abort.signal });
        said.textContent = "Following";
        for await (const piece of server.pieces(answer)) {
          text.appendData(piece);
          if (text.length > LOG_LETTERS) text.deleteData(0, text.length - LOG_LETTERS / 2);
        }
        said.textContent = text.length ? "" : "The log is empty.";
        return;
      } catch (error) {
        if (abort.signal.aborted) return;
        const early = error.status === 503 || (error.status === 404 && number < 0);
        said.textContent = early ? "Reading" : `The log cannot be read: ${error.message}`;
        if (!early) return;
        await new Promise((done) => setTimeout(done, AGAIN));
        if (abort.signal.aborted) return;
      }
    }
  }

  new MutationObserver(() => {
    if (!at("details").open) { closeLog(); opened = null; }
  }).observe(at("details"), { attributeFilter: ["open"] });

  table.onOpen = (item) => {
    opened = item;
    at("pod").value = "";
    offerPods();
    at("pod").value = Math.max(0, item[PODS].length - 1);
    readLog();
  };
  at("pod").addEventListener("change", readLog);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-open]");
    if (!button) return;
    const [of, number] = button.dataset.open.split("-").map(Number);
    if (of === generation) table.open(number);
  });

  // An action is shown before it is done: the command, and what it would do. The dialog is the last one's.
  async function act(action, dry) {
    const [title, words, go] = ACTIONS[action], box = at("action"), output = at("action-output"), button = at("action-go");
    at("action-h").textContent = `${title}: ${shown.group}`;
    at("action-text").textContent = `The command below ${words}`;
    button.textContent = go;
    button.className = action === "cleanup" ? "danger" : "";
    button.disabled = true;
    if (dry) button.hidden = false; else offerStop("");
    let risky = action === "cleanup";
    const turn = ++acts;
    at("action-no").textContent = dry ? "Cancel" : "Close";
    box.dataset.state = "busy";
    output.textContent = dry ? "" : "Working\n";
    if (!box.open) box.showModal();
    try {
      const answer = await server.ask("/api/action", { method: "POST", body: JSON.stringify({ ...shown, action, dry }) });
      let first = true;
      for await (const message of server.lines(answer)) {
        if (turn !== acts) continue;
        if (message.command) at("action-command").textContent = message.command;
        if ("line" in message) {
          if (first) output.textContent = "";
          first = false;
          output.append(`${message.line}\n`);
        }
        if ("exit" in message) {
          box.dataset.state = message.exit ? "failed" : "done";
          if (!dry) output.append(message.exit ? `Exit code ${message.exit}\n` : "Done\n");
          deleted = !dry && action === "cleanup" && message.exit === 0;
          button.hidden = !dry;
          button.disabled = !dry || (message.exit !== 0 && message.exit !== 1);
        }
      }
    } catch (error) {
      if (turn !== acts) return;
      box.dataset.state = "failed";
      output.append(`${error.message}\n`);
      risky = error.status === AT_WORK;
      button.hidden = !risky;
      if (risky) offerStop("Stopped\n");
    }
    if (dry && turn === acts && !button.disabled) at(risky ? "action-no" : "action-go").focus();
  }

  // In place of what would be done: end the command that works on the group; ``ended`` is what is said then.
  function offerStop(ended) {
    const button = at("action-go"), output = at("action-output"), place = shown;
    button.textContent = "Stop";
    button.className = "";
    button.hidden = button.disabled = false;
    button.onclick = async () => {
      output.append("Stopping\n");
      try {
        await server.ask("/api/stop", { method: "POST", body: JSON.stringify(place) });
        output.append(ended);
        button.hidden = true;
      } catch (error) {
        output.append(`${error.message}\n`);
      }
    };
  }

  at("actions").addEventListener("click", (event) => {
    const action = event.target.dataset.action;
    if (!action || event.target.getAttribute("aria-disabled") === "true") return;
    at("action-go").onclick = () => act(action, false);
    act(action, true);
  });
  at("action-no").addEventListener("click", () => at("action").close());
  at("action").addEventListener("close", () => { if (deleted) location.hash = "#"; });

  setInterval(() => {
    if (!shown || document.hidden || at("link").dataset.state !== "live") return;
    if (!data.items.some((item) => item[START] !== null && item[END] === null && !item.gone)) return;
    data.now = performance.now() / 1000 + offset;
    draw();
  }, 1000);
  // The fragment of the address says what is shown: a link to the items leaves it alone.
  document.addEventListener("click", (event) => {
    if (!event.target.closest("a[href='#items']")) return;
    event.preventDefault();
    at("items").scrollIntoView();
    at("table").focus({ preventScroll: true });
  });
  addEventListener("hashchange", route);
  route();
})();
