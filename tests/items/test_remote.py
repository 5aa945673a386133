"""Items at URLs: what is read, what is asked of a server, and what messages do not tell."""

from __future__ import annotations

import gzip
import io
import re
import string
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.base.errors import InputError, UsageError
from expander.base.extras import install_command
from expander.base.urls import without_credentials
from expander.base.waiting import told_to
from expander.items.load import ItemSpec, items
from expander.items.python import from_python
from expander.items.remote import RemoteFile, is_url
from tests.cli.cluster import cluster, submitted, template
from tests.cli.program import run
from tests.items.reading import read, refused, values

TEMPLATE = """\
apiVersion: batch/v1
kind: Job
metadata: {name: "a-$ITEM"}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: main, image: busybox, command: [echo, $ITEM, "{{ word }}"]}]}
"""
SECRETS = "me:s3cr3t-pass"
QUERY = "sig=s%2Fgnature&v=1"


class Web:
    """A web server: ``files`` by path. With ``ranges`` it gives parts, ``code`` is its answer if that is not 200.

    ``later`` is its answer to a request for a part that is not the first, ``told`` what HEAD says of the size;
    after ``ends`` bytes it closes a connection for which it gave no length.
    """

    def __init__(self, port: int) -> None:
        self.files: dict[str, bytes] = {}
        self.ranges = True
        self.code = 200
        self.asked: list[tuple[str, str, str | None]] = []
        self.cut = False
        self.shift = 0
        self.says_where = True
        self.gate: threading.Event | None = None
        self.tags: list[str] = []
        self.later: tuple[int, bytes] | None = None
        self.told: int | None = None
        self.ends: int | None = None
        self.host = f"127.0.0.1:{port}"
        self.base = f"http://{self.host}"
        self.secret = f"http://{SECRETS}@{self.host}"


@pytest.fixture
def web() -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            made.asked.append((self.command, self.path, self.headers.get("Authorization")))
            data = made.files.get(self.path.partition("?")[0])
            code = made.code if made.code != 200 else 200 if data is not None else 404
            part = data if code == 200 and data is not None else b""
            given = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
            if made.ranges and given and code == 200:
                start, end = int(given[1]), min(int(given[2]), len(part) - 1)
                start, end = max(start - made.shift, 0), max(end - made.shift, 0)
                code, whole, part = 206, len(part), part[start : end + 1]
                if start and made.later is not None:
                    code, part = made.later
                    end = start + len(part) - 1
            self.send_response(code)
            if code == 206 and made.says_where:
                self.send_header("Content-Range", f"bytes {start}-{end}/{whole}")
            if made.tags:
                self.send_header("ETag", made.tags[0] if len(made.tags) == 1 else made.tags.pop(0))
            if self.command == "HEAD" and made.told is not None:
                self.send_header("Content-Length", str(made.told))
            elif self.command == "HEAD" or made.ends is None:
                self.send_header("Content-Length", str(len(part)))
            else:
                part, self.close_connection = part[: made.ends], True
            self.end_headers()
            if self.command == "GET":
                if made.gate is not None:
                    self.wfile.write(part[:1])
                    self.wfile.flush()
                    made.gate.wait(60)
                    part = part[1:]
                self.wfile.write(part[: len(part) // 2] if made.cut else part)
                if made.cut:
                    self.close_connection = True

        do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made = Web(server.server_address[1])
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """File systems that no other test has used."""
    yield
    fsspec.filesystem("memory").store.clear()
    for name in ("http", "https"):
        fsspec.get_filesystem_class(name).clear_instance_cache()


def in_memory(name: str, data: bytes) -> str:
    with fsspec.open(f"memory://{name}", "wb") as file:
        file.write(data)
    return f"memory://{name}"


def archive() -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("in/a.csv", "x\n3\n")
    return in_memory("b.zip", packed.getvalue())


def is_secret(text: str) -> bool:
    return not any(part in text for part in ("s3cr3t", "sig=", "s%2Fgnature", "s/gnature", "me:"))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("s3://b/k.csv", True),
        ("https://h/x", True),
        ("abfs+ssl://c@a/x", True),
        ("zip://a.csv::s3://b/k.zip", True),
        ("simplecache::https://h/x", True),
        ("HTTPS://h/x", True),
        ("csv:x", False),
        ("C://x", False),
        ("a=s3://b/k", False),
        ("://x", False),
        ("list:http,https", False),
        ("1-3", False),
    ],
)
def test_what_is_a_url(text: str, answer: bool) -> None:
    assert is_url(text) is answer


@given(
    user=st.text("abc:%@/?#", min_size=4, max_size=12).map(lambda text: f"u5er{text.replace('/', '')}"),
    value=st.text(string.ascii_letters + "%/=+", min_size=4, max_size=20).map(lambda text: f"v4lue{text}"),
)
def test_no_message_has_the_user_or_the_query_of_a_url(user: str, value: str) -> None:
    url = f"memory://{user}@host/a/b.csv?token={value}&v=1#{value}"
    words = str(refused(url))
    assert words.startswith("memory://")
    assert "u5er" not in words
    assert "v4lue" not in words


def test_the_format_is_that_of_the_extension_also_before_a_query(web: Web) -> None:
    web.files = {
        "/a.csv": b"x,y\n1,2\n",
        "/a.jsonl": b'{"x": 1}\n',
        "/a.yaml": b"- 1\n- 2\n",
        "/a.txt": b"a\nb\n",
        "/a": b"c\nd\n",
        "/a.csv.gz": gzip.compress(b"x\n1\n"),
    }
    for query in ("", "?" + QUERY, "?name=a.json", "#part.json"):
        assert values(f"{web.base}/a.csv{query}") == [{"x": "1", "y": "2"}]
        assert values(f"{web.base}/a.csv.gz{query}") == [{"x": "1"}]
        assert values(f"{web.base}/a.jsonl{query}") == [{"x": 1}]
        assert values(f"{web.base}/a.yaml{query}") == [1, 2]
        assert values(f"{web.base}/a.txt{query}") == ["a", "b"]
        assert values(f"{web.base}/a{query}") == ["c", "d"]
    assert values(f"csv:{web.base}/a") == [{"c": "d"}]
    assert values(f"scene={web.base}/a") == [{"scene": "c"}, {"scene": "d"}]


def test_other_kinds_of_urls(tmp_path: Path) -> None:
    assert values(in_memory("a/b.csv", b"x\n1\n")) == [{"x": "1"}]
    (tmp_path / "a b.csv").write_text("x\n2\n")
    assert values(f"file://{tmp_path}/a b.csv") == [{"x": "2"}]
    assert values(f"zip://in/a.csv::{archive()}") == [{"x": "3"}]


def test_a_pattern_gives_the_files_that_match_it(tmp_path: Path) -> None:
    for name in ("p/b.png", "p/a.png", "p/c.txt", "p/q/d.png"):
        in_memory(name, b"")
    first, second = values("memory://p/*.png")
    assert second["path"] == "memory://p/b.png"
    assert first == {
        "path": "memory://p/a.png",
        "dir": "memory://p",
        "name": "a.png",
        "stem": "a",
        "ext": ".png",
        "item": "memory://p/a.png",
    }
    assert [each["name"] for each in values("glob:memory://p/**/*.png")] == ["a.png", "b.png", "d.png"]
    (tmp_path / "x1").write_text("")
    (tmp_path / "x2").write_text("")
    assert [each["path"] for each in values(f"glob:file://{tmp_path}/x*")] == [
        f"file://{tmp_path}/x1",
        f"file://{tmp_path}/x2",
    ]
    assert str(refused("memory://p/*.gif")) == "memory://p/*.gif: no files match this pattern"


def test_a_pattern_in_a_url_with_credentials_is_refused(web: Web) -> None:
    for url in (f"{web.secret}/*.png", f"{web.base}/*.png?{QUERY}", f"zip://*.png::{archive()}"):
        error = refused(url)
        assert "a pattern cannot have a user, a query or several links" in str(error)
        assert is_secret(str(error))


def test_python_takes_a_url_as_items() -> None:
    url = in_memory("p.csv", b"x\n1\n2\n")
    assert [(item.value, item.source, item.line) for item in from_python(url)] == [
        ({"x": "1"}, url, 2),
        ({"x": "2"}, url, 3),
    ]
    with pytest.raises(InputError, match=r"none\.csv: cannot be opened: no such file"):
        list(from_python("memory://none.csv"))
    with pytest.raises(UsageError, match="expected an iterable of items"):
        from_python("no url: a://b")


def test_tables_are_read_as_the_options_say() -> None:
    url = in_memory("t.csv", b"1;2\n3;4\n")
    spec = ItemSpec(sources=(url,), delimiter=";", columns=("a", "b"))
    assert [item.value for item in items(spec)] == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


def test_parquet_is_read_where_a_server_gives_parts(web: Web) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    file = io.BytesIO()
    parquet.write_table(pyarrow.table({"a": [1, 2], "b": ["x", "y"]}), file)
    web.files = {"/t.parquet": file.getvalue()}
    assert values(f"{web.base}/t.parquet?{QUERY}") == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def test_a_file_is_asked_for_in_parts_and_no_more_of_it_than_is_read(web: Web) -> None:
    web.files = {"/a.txt": b"".join(b"%09d\n" % number for number in range(3_000_000))}
    with_limit = items(ItemSpec(sources=(f"{web.base}/a.txt",), limit=3))
    assert [item.value for item in with_limit] == ["000000000", "000000001", "000000002"]
    assert len(web.asked) == 2
    assert values(f"{web.base}/a.txt")[-1] == "002999999"
    assert [method for method, _, _ in web.asked[2:]].count("GET") > 5


def test_a_server_that_gives_no_parts_is_read_as_a_stream(web: Web) -> None:
    web.ranges = False
    web.files = {"/a.txt": b"".join(b"%09d\n" % number for number in range(1_200_000))}
    found = items(ItemSpec(sources=(f"{web.base}/a.txt",)))
    assert all(item.value == f"{number:09d}" for number, item in enumerate(found))
    assert sum(1 for _ in items(ItemSpec(sources=(f"{web.base}/a.txt",)))) == 1_200_000


def test_a_transfer_that_ends_early_is_no_shorter_list(web: Web) -> None:
    web.files = {"/a.txt": b"a\n" * 1000}
    web.cut = True
    assert "cannot be read: " in str(refused(f"{web.base}/a.txt"))


def test_a_file_that_changes_while_it_is_fetched_in_parts_is_refused(web: Web) -> None:
    web.files = {"/a.txt": b"".join(b"%09d\n" % number for number in range(1_200_000))}
    web.tags = ['"1"']
    assert len(values(f"{web.base}/a.txt")) == 1_200_000
    web.tags = ['"1"', '"1"', '"2"']
    error = refused(f"{web.secret}/a.txt?{QUERY}")
    assert str(error).startswith(f"{web.base}/a.txt: cannot be read: it has changed while it was read")


def test_a_small_file_that_changes_before_it_is_fetched_is_refused(web: Web) -> None:
    web.files = {"/a.txt": b"a\n" * 1000}
    web.tags = ['"1"', '"2"']
    assert "cannot be read: it has changed while it was read" in str(refused(f"{web.base}/a.txt"))
    web.tags, web.told = [], 1000
    assert "cannot be read: it has changed while it was read" in str(refused(f"{web.base}/a.txt"))


def test_a_version_is_the_same_with_a_weak_tag(web: Web) -> None:
    web.files = {"/a.txt": b"a\n"}
    web.tags = ['"1"', 'W/"1"']
    assert values(f"{web.base}/a.txt") == ["a"]


@pytest.mark.parametrize("later", [(206, b"1234567\n" * 10), (206, b""), (204, b""), (416, b"")])
def test_a_server_that_gives_less_of_a_part_is_no_shorter_list(web: Web, later: tuple[int, bytes]) -> None:
    web.files = {"/a.txt": b"1234567\n" * 1_500_000}
    web.later = later
    error = refused(f"{web.base}/a.txt")
    assert "cannot be read: the server gives another part of the file than was asked for" in str(error)


@pytest.mark.parametrize("later", [b"", b"<html>busy</html>", b"1234567\n" * 10])
def test_an_answer_that_is_no_part_is_taken_for_none(web: Web, later: bytes) -> None:
    web.files = {"/a.txt": b"1234567\n" * 1_500_000}
    web.later = (200, later)
    assert len(values(f"{web.base}/a.txt")) == 1_500_000


def test_a_stream_that_ends_before_the_size_of_the_file_is_no_shorter_list(web: Web) -> None:
    web.files = {"/a.txt": b"a\n" * 1000}
    web.ranges, web.ends = False, 500
    error = refused(f"{web.base}/a.txt")
    assert str(error) == f"{web.base}/a.txt: cannot be read: it ended after 500 of 2,000 bytes"


def test_a_server_that_gives_other_parts_than_were_asked_for_is_refused(web: Web) -> None:
    web.files = {"/a.txt": b"1234567\n" * 1_500_000}
    web.shift = 5 << 20
    error = refused(f"{web.secret}/a.txt?{QUERY}")
    words = "cannot be read: the server gives another part of the file than was asked for"
    assert str(error) == f"{web.base}/a.txt: {words}"


def test_a_server_that_does_not_say_which_part_it_gives_may_give_the_first(web: Web) -> None:
    web.files = {"/a.txt": b"a\n", "/b.txt": b"1234567\n" * 1_500_000}
    web.says_where = False
    assert list(values(f"{web.base}/a.txt")) == ["a"]
    assert "another part of the file" in str(refused(f"{web.base}/b.txt"))


def test_a_url_behind_a_misspelled_format_is_told_without_credentials() -> None:
    for spec in ("cvs:{}", "csv: {}", "mid: {}", "a=x: {}"):
        error = refused(spec.format(f"http://{SECRETS}@h/a.csv?{QUERY}"))
        assert "h/a.csv" in str(error)
        assert is_secret(str(error))


@pytest.mark.parametrize(
    "words",
    [
        "expand URL x",
        "expand t.yaml x --items-schema URL",
        "submit URL x",
        "diff URL t.yaml",
        "validate URL",
        "test URL",
        "expand t.yaml x --values :URL",
        "expand j.yaml x --set URL",
        "expand j.yaml x --set WORD",
        "expand j.yaml x --limit URL",
        "groups URL",
        "init URL",
        "help URL",
        "image URL",
    ],
)
def test_a_url_where_a_file_is_expected_is_told_without_credentials(words: str, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("a: $ITEM\n")
    url = f"http://{SECRETS}@h/a.yaml?{QUERY}"
    (tmp_path / "j.yaml").write_text(TEMPLATE.replace("{{ word }}", "a"))
    word = url.partition("?")[0]  # nothing in it is a name and its value
    answer = run(*words.replace("URL", url).replace("WORD", word).split(), cwd=tmp_path)
    assert answer.code == 2
    assert "http://h/a.yaml" in answer.err
    assert is_secret(answer.err)


def test_a_url_that_has_a_newline_is_told_on_one_line() -> None:
    assert without_credentials("http://h/a\nb.csv\x1b[1m") == "http://h/a\\nb.csv\\x1b[1m"
    assert without_credentials("http://h/ü.csv") == "http://h/ü.csv"


def test_what_a_broken_server_says_is_one_line(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    from aiohttp import ClientResponseError, TooManyRedirects

    def refuse(error: Exception) -> str:
        def opened(*_: Any, **__: Any) -> Any:
            raise error

        monkeypatch.setattr(RemoteFile, "opened", opened)
        return str(refused(f"{web.base}/a.csv"))

    web.files = {"/a.csv": b"x\n1\n"}
    none: Any = None
    broken = ClientResponseError(none, (), status=400, message="Bad status line:\n  b'x'")
    assert refuse(broken).endswith("cannot be opened: HTTP 400: Bad status line")
    assert refuse(TooManyRedirects(none, ())).endswith("cannot be opened: too many redirects")


def test_what_is_combined_is_fetched_once(web: Web) -> None:
    web.files = {"/a.txt": b"".join(b"%d\n" % number for number in range(11_000))}
    spec = ItemSpec(sources=("0-1", f"{web.base}/a.txt"))
    assert sum(1 for _ in items(spec)) == 22_000
    assert [method for method, _, _ in web.asked] == ["HEAD", "GET"]


@pytest.mark.parametrize(
    ("code", "words"),
    [(404, "HTTP 404: Not Found"), (403, "HTTP 403: Forbidden"), (500, "HTTP 500: Internal")],
)
def test_an_answer_of_the_server_is_told_without_credentials(web: Web, code: int, words: str) -> None:
    web.code = code
    error = refused(f"{web.secret}/a.csv?{QUERY}")
    assert isinstance(error, InputError)
    assert str(error).startswith(f"{web.base}/a.csv: cannot be opened: {words}")
    assert is_secret(str(error))
    assert web.asked[0][2] is not None


def test_a_server_that_is_not_there_and_a_missing_file_are_told(web: Web) -> None:
    nowhere = f"http://{SECRETS}@127.0.0.1:1/a.csv?{QUERY}"
    error = refused(nowhere)
    assert str(error) == "http://127.0.0.1:1/a.csv: cannot be opened: Connection refused"
    assert str(refused("memory://none.csv")) == "memory://none.csv: cannot be opened: no such file"


def test_what_is_malformed_names_the_url_and_the_line_without_credentials(web: Web) -> None:
    web.files = {"/a.csv": b"x,y\n1\n", "/a.json": b"[1,"}
    (item,) = read(f"{web.secret}/a.csv?{QUERY}")
    assert item.problem is not None
    assert f"{web.base}/a.csv:2" in str(item.problem)
    assert is_secret(str(item.problem))
    error = refused(f"{web.secret}/a.json?{QUERY}")
    assert str(error).startswith(f"{web.base}/a.json:1")
    assert is_secret(str(error))


def test_the_extra_is_named_where_fsspec_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(UsageError) as caught:
        RemoteFile.of("s3://me:pass@bucket/a.csv")
    assert str(caught.value) == (
        "s3://bucket/a.csv: this requires fsspec, which is not installed\n"
        f"  hint: {install_command('remote')}"
    )


def test_the_package_of_a_kind_of_url_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("s3fs", "gcsfs", "paramiko"):
        monkeypatch.setitem(sys.modules, package, None)
    for scheme, package in (("s3", "s3fs"), ("gs", "gcsfs"), ("sftp", "paramiko")):
        for url in (f"{scheme}://b/a.csv", f"simplecache::{scheme}://b/a.csv"):
            with pytest.raises(UsageError) as caught:
                RemoteFile.of(url)
            assert f"{scheme}:// requires {package}, which is not installed" in str(caught.value)
            assert caught.value.hint == install_command("remote", package)


@pytest.mark.parametrize(
    "url", ["http://[::1/s3cr3t?me:", "HTTPS://me:s3cr3t@h/a", "http://me:s3cr3t?@h/a", "https://"]
)
def test_what_is_hardly_a_url_is_one_error(url: str) -> None:
    error = refused(url)
    assert isinstance(error, (InputError, UsageError))
    assert "me:" not in str(error)
    assert "s3cr3t@" not in str(error)


@pytest.mark.parametrize("url", ["http://", "https:///", "memory://"])
def test_a_url_of_nothing_is_told_so(url: str) -> None:
    assert str(refused(url)) == f"found {url!r}, expected the URL of a file"


def test_a_kind_of_url_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UsageError, match=r"what://b/a\.csv: cannot be used: Protocol not known: what"):
        RemoteFile.of("what://b/a.csv")


def test_who_waits_for_a_server_is_told_what_for(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    from expander.base import waiting

    monkeypatch.setattr(waiting, "QUIET_SECONDS", 0.05)
    said: list[str] = []
    told = threading.Event()
    files = RemoteFile.of(f"{web.secret}/a.txt?{QUERY}")
    web.files = {"/a.txt": b"a\n"}

    def slow(*_: Any, **__: Any) -> Any:
        told.wait(60)
        return io.BytesIO(b"a\n")

    monkeypatch.setattr(type(files._files), "open", slow)

    def hear(words: str) -> None:
        said.append(words)
        told.set()

    with told_to(hear), files.open() as stream:
        assert stream.read() == b"a\n"
    assert said == [f"waiting for {web.base}/a.txt"]


def test_who_waits_for_the_rest_of_a_file_is_told_once(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    from expander.base import waiting

    monkeypatch.setattr(waiting, "QUIET_SECONDS", 0.05)
    said: list[str] = []
    web.files = {"/a.txt": b"a\n"}
    web.gate = gate = threading.Event()

    def hear(words: str) -> None:
        said.append(words)
        gate.set()

    with told_to(hear), RemoteFile.of(f"{web.secret}/a.txt?{QUERY}").open() as stream:
        said.clear()  # whatever opening has said
        gate.clear()
        assert stream.read() == b"a\n"
    assert said == [f"waiting for {web.base}/a.txt"]


def test_the_command_reads_items_and_values_at_urls(web: Web, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(TEMPLATE.replace("$ITEM", "{{ item }}"))
    web.files = {"/a.txt": b"x\ny\n", "/v.yaml": b"word: hello\n"}
    query = f"?{QUERY}"
    words: tuple[str, ...] = ("-i", f"{web.secret}/a.txt{query}", "--values", f"{web.secret}/v.yaml{query}")
    words += ("--engine", "jinja2")
    answer = run("expand", "t.yaml", *words, cwd=tmp_path)
    assert (answer.code, answer.err) == (0, "")
    assert 'name: "a-x"' in answer.out
    assert answer.out.count("hello") == 2
    answer = run("expand", f"{web.base}/t.yaml", "x", cwd=tmp_path)
    assert "hint: a template is a file; `curl URL | expander expand -` takes one" in answer.err
    web.code = 403
    answer = run("expand", "t.yaml", *words, cwd=tmp_path)
    assert answer.code == 2
    assert answer.err == f"error: {web.base}/v.yaml: cannot be opened: HTTP 403: Forbidden\n"


def test_a_run_takes_items_at_a_url_and_names_them_as_others(web: Web, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(TEMPLATE)
    web.files = {"/a.txt": b"x\ny\n"}
    words = ("run", "t.yaml", "-i", f"{web.secret}/a.txt", "--runtime", "process", "--state", "s")
    answer = run(*words, cwd=tmp_path)
    assert answer.code == 0, answer.err
    assert sorted(answer.out.splitlines()) == ["[x] x {{ word }}", "[y] y {{ word }}"]
    assert is_secret(answer.err)
    assert [method for method, _, _ in web.asked].count("GET") == 1


def test_a_submission_that_resumes_reads_the_url_again(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "state"))
    template(tmp_path)
    monkeypatch.chdir(tmp_path)
    web.files = {"/a.txt": b"1\n2\n"}
    with cluster(tmp_path) as server:
        answer = submitted(tmp_path, server, "job.yaml", "-i", f"{web.base}/a.txt?{QUERY}", "--group", "g")
        assert answer.code == 0, answer.err
        web.files["/a.txt"] += b"3\n"
        answer = submitted(tmp_path, server, "--resume", "--group", "g")
        assert answer.code == 0, answer.err
        assert answer.err.startswith("3 items: 1 created, 2 unchanged")
