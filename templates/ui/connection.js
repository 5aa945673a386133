// Requests to the server. The token came in the fragment of the address and is kept for this tab only.
const server = (() => {
  const FIRST = 300, LONGEST = 4000, SILENT = 4000;
  const KEPT = "expander-token";

  // What the fragment of the address says, without the token, which is taken out of it.
  function place() {
    const given = new URLSearchParams(location.hash.slice(1));
    if (given.has("token")) {
      sessionStorage.setItem(KEPT, given.get("token"));
      given.delete("token");
      history.replaceState(null, "", `#${given}`);
    }
    return given;
  }

  const wait = (time) => new Promise((done) => setTimeout(done, time));

  async function ask(path, options = {}) {
    const headers = { Authorization: `Bearer ${sessionStorage.getItem(KEPT) ?? ""}` };
    const answer = await fetch(path, { ...options, headers, cache: "no-store" });
    if (answer.ok) return answer;
    const told = await answer.json().catch(() => ({}));
    throw Object.assign(new Error(told.error ?? `HTTP ${answer.status}`), { status: answer.status });
  }

  // Each piece of text of an answer, until it ends.
  async function* pieces(answer, onPiece = () => {}) {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      onPiece();
      yield value;
    }
  }

  async function* lines(answer, onPiece) {
    let parts = [];
    for await (const piece of pieces(answer, onPiece)) {
      const found = piece.split("\n");
      parts.push(found[0]);
      for (const next of found.slice(1)) {
        yield JSON.parse(parts.join(""));
        parts = [next];
      }
    }
  }

  // Follow a stream of messages, and connect again whenever it ends; returns what ends it.
  function follow(path, onMessage, onState) {
    let over = false, abort = new AbortController();
    (async () => {
      let pause = FIRST;
      while (!over) {
        abort = new AbortController();
        let watch = setTimeout(() => abort.abort(), SILENT);
        const heard = () => { clearTimeout(watch); watch = setTimeout(() => abort.abort(), SILENT); };
        try {
          const answer = await ask(path, { signal: abort.signal });
          onMessage(null);
          for await (const message of lines(answer, heard)) {
            if (over) break;
            pause = FIRST;
            onState("live");
            onMessage(message);
          }
          if (!over) onState("lost");
        } catch (error) {
          if (!over) onState(error.status === 401 || error.status === 403 ? "refused" : "lost");
        }
        clearTimeout(watch);
        if (!over) await wait(pause);
        pause = Math.min(pause * 2, LONGEST);
      }
    })();
    return () => { over = true; abort.abort(); };
  }

  return { place, ask, follow, pieces, lines };
})();
