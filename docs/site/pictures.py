"""The pictures of the README, made anew by ``python docs/site/pictures.py``: a terminal session and a report.

It runs the program in a terminal of its own and Chromium, and writes SVG files that need nothing else.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

ROOT: Final = Path(__file__).resolve().parents[2]
PICTURES: Final = ROOT / "docs" / "pictures"

COLUMNS: Final = 96
CELL: Final = (8.4, 19.0)
"""Width and height of a character."""

NO_BREAK: Final = "\u00a0"
"""A blank that viewers keep, also at the start of a line."""

MARGIN: Final = 18
HEAD: Final = 30
BACK, INK, PROMPT = "#16191f", "#d7dae0", "#7ec699"
COLORS: Final = dict(
    zip(range(30, 38), "#6b7280 #f07178 #a5d6a7 #e6c07b #7aa2f7 #c792ea #6fd3d6 #d7dae0".split(), strict=True)
)
"""The colors of a terminal by their codes; bright ones (90 to 97) are the same."""

SETUP: Final = """
mkdir logs
for day in mon tue wed; do printf 'INFO start\\nERROR disk\\nERROR net\\n' | gzip > logs/$day.log.gz; done
echo oops > logs/thu.log.gz
"""
SESSION: Final = (
    "expander run errors.yaml mon tue wed thu --jobs 4 --claim logs=logs",
    "printf 'ERROR fan\\n' | gzip > logs/thu.log.gz",
    "expander retry --group errors --local --jobs 4 --claim logs=logs",
    "expander results --group errors --local --column output",
)
"""What the terminal shows, with the template of the tutorial."""

RENDER: Final = (
    "expander run -i 1-48 --name render --jobs 6 --allow-shell -q -- "
    "sh -c 'sleep 0.$(( {} * 7 % 10 )); if [ {} = 13 ]; then echo no such texture >&2; exit 3; fi'"
)
"""The batch that the report is about."""

REPORT_SIZE: Final = (1080, 1020)

SERIALIZE: Final = """<script>addEventListener("load", () => setTimeout(() => {
  document.querySelectorAll("script").forEach((each) => each.remove());
  document.querySelectorAll("body *").forEach((each) => {
    if (each.getBoundingClientRect().top > innerHeight) each.remove();
  });
  document.querySelectorAll("canvas").forEach((each) => {
    const image = Object.assign(new Image(each.clientWidth, each.clientHeight), { src: each.toDataURL() });
    each.replaceWith(image);
  });
  const text = new XMLSerializer().serializeToString(document.body);
  document.body.replaceChildren(document.createTextNode("BODY" + text + "END"));
}, 500))</script>"""
"""Makes the page its own source, in XML."""


class Style(NamedTuple):
    """How a piece of text looks."""

    color: str = INK
    bold: bool = False


def main() -> None:
    """Write both pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (PICTURES / "session.svg").write_text(session(folder))
        (PICTURES / "report.svg").write_text(report(folder))


def session(folder: Path) -> str:
    """The picture of the terminal."""
    tutorial = (ROOT / "docs" / "tutorial.md").read_text()
    template = re.search(r"errors\.yaml <<'END'\n(.*?)\n> END", tutorial, re.DOTALL)
    assert template is not None
    (folder / "errors.yaml").write_text(re.sub("^> ", "", template[1], flags=re.MULTILINE) + "\n")
    shell(SETUP, folder)
    lines: list[list[tuple[Style, str]]] = []
    for command in SESSION:
        lines.append([(Style(PROMPT, True), "$ "), (Style(INK, True), command)])
        printed = shell(command, folder)
        lines += [*(styled(printed) if printed else ()), []]
    return terminal(lines[:-1])


def shell(command: str, folder: Path) -> str:
    """What a command prints in a terminal of its own."""
    mine, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    with os.fdopen(mine, "rb", closefd=True) as reader:
        process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=folder,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                "EXPANDER_STATE": str(folder / ".state"),
                "EXPANDER_PROGRESS": "never",
                "TERM": "xterm-256color",
            },
            stdin=subprocess.DEVNULL,
            stdout=its,
            stderr=its,
        )
        os.close(its)
        data = b""
        while chunk := read(reader.fileno()):
            data += chunk
        process.wait()
    return data.decode().replace(str(folder), "~")


def read(file: int) -> bytes:
    """What the terminal has next; nothing when the program has ended."""
    try:
        return os.read(file, 1 << 16)
    except OSError:
        return b""


def styled(text: str) -> Iterator[list[tuple[Style, str]]]:
    """The lines of a terminal's output as pieces with their styles."""
    text = re.sub(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)", "", text.replace("\r\n", "\n"))
    style = Style()
    for line in text.rstrip("\n").split("\n"):
        pieces: list[tuple[Style, str]] = []
        for code, words in re.findall(r"(\x1b\[[0-9;?]*[A-Za-z])|([^\x1b]+)", line.rpartition("\r")[2]):
            if words:
                pieces.append((style, words))
            elif code.endswith("m"):
                style = changed(style, code[2:-1])
        yield pieces


def changed(style: Style, codes: str) -> Style:
    """The style after an escape sequence."""
    for code in map(int, filter(None, codes.split(";") or ["0"])):
        base = code - 60 if 90 <= code <= 97 else code
        if base in COLORS:
            style = style._replace(color=COLORS[base])
        elif code == 1:
            style = style._replace(bold=True)
        elif code in (0, 39):
            style = Style()
    return style if codes else Style()


def terminal(lines: list[list[tuple[Style, str]]]) -> str:
    """A window with these lines."""
    width, height = COLUMNS * CELL[0] + 2 * MARGIN, len(lines) * CELL[1] + HEAD + 2 * MARGIN
    rows = [
        f'<text y="{HEAD + MARGIN + (number + 0.7) * CELL[1]:.1f}">{"".join(spans(line))}</text>'
        for number, line in enumerate(lines)
    ]
    dots = [f'<circle cx="{20 + 18 * place}" cy="17" r="5.5" fill="#4b5160"/>' for place in range(3)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="A session in a terminal">',
            f'<rect width="100%" height="100%" rx="9" fill="{BACK}"/>',
            *dots,
            '<g font-family="ui-monospace, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" font-size="14" '
            f'fill="{INK}">',
            *rows,
            "</g>",
            "</svg>\n",
        ]
    )


def spans(line: list[tuple[Style, str]]) -> Iterator[str]:
    """The pieces of a line, each at its column and as wide as its characters."""
    column = 0
    for style, words in line:
        place = f'x="{MARGIN + column * CELL[0]:.1f}" textLength="{len(words) * CELL[0]:.1f}"'
        bold = ' font-weight="bold"' if style.bold else ""
        color = f' fill="{style.color}"' if style.color != INK else ""
        yield f"<tspan {place}{color}{bold}>{escape(words).replace(' ', NO_BREAK)}</tspan>"
        column += len(words)


def report(folder: Path) -> str:
    """The picture of the report: the page's own elements and styles, as far as they are seen."""
    shell(f"{RENDER}; expander report --group render --local --out report.html", folder)
    page = (folder / "report.html").read_text().replace(str(folder), "~")
    page = re.sub(r"<meta http-equiv=[^>]*>", "", page) + SERIALIZE
    (folder / "page.html").write_text(page)
    size = ",".join(map(str, REPORT_SIZE))
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--window-size={size}",
        "--virtual-time-budget=3000",
    ]
    profile = f"--user-data-dir={folder / 'profile'}"
    dumped = subprocess.run(
        ["chromium", *options, profile, "--dump-dom", f"file://{folder / 'page.html'}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    body = unescape(dumped[dumped.index("BODY") + 4 : dumped.rindex("END")])
    width, height = REPORT_SIZE
    style = escape("".join(re.findall(r"<style>(.*?)</style>", page, re.DOTALL)))
    style += f"body {{ height: {height}px; overflow: hidden }}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img" '
        f'data-theme="light" aria-label="A report"><style>{style}</style>'
        f'<foreignObject width="{width}" height="{height}">{body}</foreignObject></svg>\n'
    )


if __name__ == "__main__":
    main()
