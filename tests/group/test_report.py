"""The report: its figures, and the page as a browser sees it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import ExpanderError, OutputError
from expander.group.known.chunk_items import with_items
from expander.group.known.summaries import job_statuses
from expander.group.records import records
from expander.group.report import one_each, report_html, write_report
from expander.group.report_data import (
    format_duration,
    format_elapsed,
    format_number,
    format_percent,
    histogram_bins,
    plain_text,
    script_data,
    summarize,
)
from expander.group.report_page import histogram
from expander.group.table import record_row
from expander.kube.time import api_time
from expander.manifests.rerun import INDEX
from tests.group.browser import Browser
from tests.group.fakes import BEGIN, FakeReader, job, pod

HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"


def group(size: int) -> FakeReader:
    """Items one second after another: each tenth failed, the last five wait; the first is hostile."""
    jobs: list[dict[str, Any]] = []
    pods: list[dict[str, Any]] = []
    for place in range(size):
        name = f"item-{place}"
        item = HOSTILE if place == 0 else f"frame {place}"
        if place >= size - 5:
            jobs.append(job(name, "Pending", item=item))
            jobs[-1]["status"] = {}
            continue
        failed = place % 10 == 3
        jobs.append(job(name, "Failed" if failed else "Complete", item=item, seconds=10 + place % 40))
        pods.append(pod(jobs[-1], 3 if failed else 0, number=place % 40 + 1, seconds=10 + place % 40))
    reader = FakeReader(jobs, pods)
    for each in pods:
        if each["status"]["phase"] == "Failed":
            reader.logs[each["metadata"]["name"], "main"] = (
                b"\x1b[31mcannot\x1b[0m render <b>\n" + b"\x00" + HOSTILE.encode()
            )
    return reader


def test_costs_are_requests_times_the_time_at_work_and_failed_attempts_are_lost() -> None:
    done, lost = job("a", item="a"), job("b", "Failed", item="b")
    pods = [pod(done, 1, number=1), pod(done, 0, number=2, cpu="2"), pod(lost, 1, number=1)]
    found = summarize(records(FakeReader([done, lost], pods)), BEGIN + 100)
    assert (found.useful.cpu, found.lost.cpu, found.open.cpu) == (10.0, 5.0, 0.0)
    assert found.useful.memory == 5.0
    assert (found.attempts, found.retried, found.peak) == (3, 1, 3)


@pytest.mark.parametrize(
    ("cpu", "seconds", "words"),
    [
        ("500m", 0, "Every pod that requested CPU or memory took less than a second."),
        ("0", 10, "No pod requested CPU or memory."),
        ("500m", 10, "Requested CPU and memory times the running time"),
    ],
)
def test_the_page_says_why_there_are_no_costs(cpu: str, seconds: int, words: str) -> None:
    done = job("a", item="a", seconds=seconds)
    found = pod(done, 0, number=1, cpu=cpu, seconds=seconds)
    found["spec"]["containers"][0]["resources"]["requests"].pop("memory")
    reader = FakeReader([done], [found])
    assert words in report_html(reader, "group", now=BEGIN + 100)


def test_attempts_by_jobs_that_were_replaced_are_counted_and_said_to_be_missing_from_the_timeline() -> None:
    again = job("a")
    again["metadata"]["annotations"]["expander/attempt"] = "3"
    reader = FakeReader([again, job("b")], [pod(again, 1), pod(again, 0, number=2), pod(job("b"), 0)])
    found = summarize(records(reader), BEGIN + 100)
    assert (found.attempts, found.retried, found.earlier) == (5, 3, 2)
    assert [record_row(one)["attempts"] for one in records(reader)] == [4, 1]
    assert [one.retries for one in job_statuses(reader)] == [2, 0]
    page = report_html(reader, "g", now=BEGIN + 100)
    assert "5 pods in total" in page
    assert "2 earlier attempts not shown" in page


def test_the_peak_is_what_ran_at_once_also_where_times_are_whole_seconds() -> None:
    jobs = [job(str(number)) for number in range(4)]
    pods = [pod(each, number=1 + 5 * place) for place, each in enumerate(jobs)]  # each begins as one ends
    assert summarize(records(FakeReader(jobs, pods)), BEGIN + 100).peak == 1
    instant = [pod(each, number=1, seconds=0) for each in jobs[:2]]
    assert summarize(records(FakeReader(jobs[:2], instant)), BEGIN + 100).peak == 2


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        ((5, 5), "2"),
        ((0,), "1"),
        ((0, 0), "up to 2"),  # they may have followed each other within the second
        ((5, 0), "up to 2"),
        ((5, 5, 0), "up to 3"),
    ],
)
def test_a_peak_is_at_most_so_much_where_pods_took_less_than_the_second_of_their_times(
    seconds: tuple[int, ...], shown: str
) -> None:
    jobs = [job(str(number)) for number in range(len(seconds))]
    pods = [pod(each, number=1, seconds=took) for each, took in zip(jobs, seconds, strict=True)]
    page = report_html(FakeReader(jobs, pods), "g", now=BEGIN + 100)
    assert f"<dt>Peak concurrency</dt><dd>{shown}</dd>" in page


def test_the_columns_of_items_are_columns_of_the_page() -> None:
    jobs = [job("a", item='{"scene":"intro","lens":35}'), job("b", item='{"scene":"<end>","tags":["x"]}')]
    data = script_data(summarize(records(FakeReader(jobs, [])), BEGIN + 100))
    assert data["columns"] == ["scene", "lens", "tags"]
    assert [(item[0], item[-1]) for item in data["items"]] == [
        ("intro", ["intro", "35", ""]),
        ("<end>", ["<end>", "", '["x"]']),
    ]


def test_what_is_at_work_costs_until_now() -> None:
    busy = job("a", "Active")
    found = summarize(records(FakeReader([busy], [pod(busy, None)])), BEGIN + 21)
    assert (found.open.cpu, found.peak, found.unfinished, found.wall) == (10.0, 1, 1, 20.0)


def test_reasons_tell_what_keeps_an_item_and_why_its_attempts_failed() -> None:
    lost, stuck = job("a", "Failed"), job("b", "Pending")
    waiting = pod(stuck, None)
    waiting["status"] = {
        "phase": "Pending",
        "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
        ],
    }
    found = summarize(records(FakeReader([lost, stuck], [pod(lost, 3), waiting])), BEGIN)
    assert dict(found.reasons) == {
        ("Failed", "BackoffLimitExceeded (exit code 3)"): 1,
        ("Pending", "Unschedulable"): 1,
    }


def test_what_keeps_an_item_is_no_failure_and_to_be_at_work_no_reason() -> None:
    def heading(*states: str, reason: str = "") -> str:
        jobs = [job(f"j{number}", state) for number, state in enumerate(states)]
        pods = [pod(each, None) for each in jobs if each["metadata"]["name"] != "j0"] if reason else []
        for each in pods:
            each["status"] = {
                "phase": "Pending",
                "conditions": [{"type": "PodScheduled", "status": "False", "reason": reason}],
            }
        text = report_html(FakeReader(jobs, pods), "g", now=BEGIN)
        return text.partition('<h2 id="reasons-h">')[2].partition("</section>")[0]

    assert heading("Failed", "Active", "Pending").startswith("Failure reasons</h2>")
    assert "Active" not in heading("Failed", "Active", "Pending")
    assert "No item failed." in heading("Active", "Complete")
    assert heading("Failed", "Pending", reason="Unschedulable").startswith("Why items are not complete</h2>")


def test_an_item_has_begun_when_its_first_container_has() -> None:
    busy, waiting = job("a", "Active"), job("b", "Active")
    unplaced = {**pod(waiting), "status": {"phase": "Pending"}}
    parts = job("w", "Active", completionMode="Indexed", completions=2)
    indexes = [pod(parts, None, index=0), {**pod(parts, index=1), "status": {"phase": "Pending"}}]
    reader = FakeReader([busy, waiting, parts], [pod(busy, None), unplaced, *indexes])
    found = summarize(records(reader), BEGIN + 30)
    assert [one.started is not None for one in found.records] == [True, False, True, False]
    assert (found.attempts, found.counts) == (2, {"Active": 2, "Pending": 2})
    page = report_html(reader, "g", now=BEGIN + 30)
    assert "2 items in 29 s, up to 2 pods at once (top). 2 items not started yet." in page


def test_a_report_of_nothing_and_of_what_has_not_begun_is_a_page_too() -> None:
    assert "No items" in report_html(FakeReader([], []), "g", now=BEGIN)
    waits = job("a", "Pending")
    waits["status"] = {}
    assert "No item has started yet." in report_html(FakeReader([waits], []), "g", now=BEGIN)


def test_a_failed_item_whose_pods_are_gone_is_shown_without_a_log() -> None:
    text = report_html(
        FakeReader([job("a", "Failed", item="apple"), job("b", seconds=3)], []), "g", now=BEGIN
    )
    assert ">apple</b>" in text
    assert "<pre" not in text


def test_a_log_that_cannot_be_read_does_not_spoil_the_report() -> None:
    lost = job("a", "Failed", item="apple")
    reader = FakeReader([lost], [pod(lost, 1)])
    reader.logs["a-1", "main"] = ExpanderError("the node is gone")
    assert "The log cannot be read: the node is gone" in report_html(reader, "g", now=BEGIN)


def test_a_report_replaces_a_file_whole_and_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    reader = group(8)
    size = write_report(reader, tmp_path / "r.html", "g")
    assert (tmp_path / "r.html").stat().st_size == size
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
    with pytest.raises(OutputError, match="does not exist"):
        write_report(reader, tmp_path / "no" / "r.html", "g")


@pytest.mark.parametrize(
    "durations", [[0.0], [0.0, 0.0, 1.0], [5.0] * 9, [3.0, 7.5, 1e6], [1.0] * 50 + [9e4], [0.0] * 9 + [40.0]]
)
def test_every_duration_is_in_the_bin_that_says_so(durations: list[float]) -> None:
    bins = histogram_bins(durations, durations[:1])
    assert sum(each.complete for each in bins) == len(durations)
    assert sum(each.failed for each in bins) == 1
    assert len(bins) < 60
    for each in bins:
        assert each.complete == sum(each.low <= value < each.high for value in durations)
    picture = histogram(bins)
    assert picture is not None
    assert all(0 <= bar["failed_y"] <= 186 and bar["x"] + bar["width"] <= 556.1 for bar in picture["bars"])


def test_numbers_durations_and_shares_read_well() -> None:
    assert [format_duration(each) for each in (0, 3.25, 59.6, 60, 250, 3600, 7500, 90000)] == [
        "0 s",
        "3.2 s",
        "1 m",
        "1 m",
        "4 m 10 s",
        "1 h",
        "2 h 5 m",
        "1 d 1 h",
    ]
    assert [format_number(each) for each in (0, 0.0421, 1.534, 12.34, 99.96, 12345.6)] == [
        "0",
        "0.042",
        "1.53",
        "12.3",
        "100",
        "12,346",
    ]
    assert [
        format_percent(*each)
        for each in ((0, 9), (1, 100000), (1, 8), (99999, 100000), (5, 5), (1, 0), (239, 240))
    ] == [
        "0%",
        "< 0.1%",
        "12%",
        "99.9%",
        "100%",
        "0%",
        "99.6%",
    ]
    assert (format_elapsed(0.0), format_elapsed(1.0)) == ("< 1 s", "1 s")
    assert (format_elapsed(0.0, 7.0), format_elapsed(0.0, 7.035), format_elapsed(None)) == (
        "< 1 s",
        "< 1 ms",
        "",
    )
    assert plain_text("\x1b[1;31mred\x1b[0m\x00\ttab\r\n\x1b]0;title\x07") == "red\ufffd\ttab\n"
    assert plain_text("a\u202eexe.\u202c \u05d0\u05d1") == "a\ufffdexe.\ufffd \u05d0\u05d1"


def test_nothing_is_less_than_a_millisecond_where_others_have_some() -> None:
    jobs = [job("a"), job("b")]
    pods = [pod(jobs[0], seconds=0), pod(jobs[1], seconds=1)]
    assert "From &lt; 1 s to 1 s; 50% within" in report_html(FakeReader(jobs, pods), "g", now=BEGIN + 100)
    end = pods[1]["status"]["containerStatuses"][0]["state"]["terminated"]
    end["finishedAt"] = end["startedAt"].replace("Z", ".035Z")
    assert "From &lt; 1 ms to 35 ms; 50% within" in report_html(FakeReader(jobs, pods), "g", now=BEGIN + 100)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser with the report of 2,000 items open."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "r.html").write_text(report_html(group(2000), "<b>night</b> & day", now=BEGIN + 60))
    with Browser(folder, "--window-size=1280,900") as found:
        found.open(folder / "r.html")
        yield found


def test_values_are_text_and_nothing_of_them_runs(browser: Browser) -> None:
    assert browser.evaluate("document.title").startswith(
        "<b>night</b> & day: 200 of 2,000 items failed, 5 unfinished"
    )
    assert browser.evaluate("document.querySelector('h1').textContent") == "<b>night</b> & day"
    assert browser.evaluate("document.querySelectorAll('img, h1 b').length") == 0
    assert browser.evaluate("document.scripts.length") == 2
    assert browser.evaluate("document.querySelector('#rows button').textContent") == "frame 3"  # failed first
    browser.evaluate("document.getElementById('first').click()")
    assert browser.evaluate("document.querySelector('#rows button').title") == HOSTILE
    browser.evaluate("document.getElementById('first').click()")
    assert (
        browser.evaluate("document.querySelector('pre').textContent") == f"cannot render <b>\n\ufffd{HOSTILE}"
    )
    assert browser.errors == []


def test_the_page_asks_for_nothing_and_its_policy_lets_no_other_script_run(browser: Browser) -> None:
    assert browser.evaluate("performance.getEntriesByType('resource').length") == 0
    browser.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))"
    )
    assert browser.evaluate("window.ran === undefined")
    assert any("Content Security Policy" in error for error in browser.errors)
    browser.errors.clear()


def test_the_figures_and_the_timeline_are_there_for_eyes_and_for_readers(browser: Browser) -> None:
    assert (
        browser.evaluate("document.querySelector('.share').ariaLabel")
        == "1,795 Complete, 200 Failed, 5 Pending"
    )
    assert browser.evaluate("document.getElementById('timeline-text').textContent").startswith(
        "1,995 items in"
    )
    drawn = "(c => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; return d.some(x => x) })"
    assert browser.evaluate(f"{drawn}(document.getElementById('gantt'))")
    assert browser.evaluate("document.querySelectorAll('svg.bins rect.failed').length") > 0
    assert browser.evaluate("[...document.querySelectorAll('.reasons a')].map(a => a.textContent)") == [
        "Failed: BackoffLimitExceeded (exit code 3)",
    ]
    assert browser.evaluate("document.getElementById('reasons-h').textContent") == "Failure reasons"


def test_a_name_that_does_not_fit_keeps_the_end_of_each_value_of_its_key(browser: Browser) -> None:
    def shown(name: str, room: int) -> Any:
        return browser.evaluate(
            f"shorten('{name}', {room}, document.createElement('canvas').getContext('2d'))"
        )

    key = "sample=patient-sample-0001,part=chromosome-13"
    assert shown(key, 1000) == key
    assert shown(key, 200) == "patient-sample-0001,chromosome-13"
    assert re.fullmatch(r"pat?…[0-9-]*01,chr?…[a-z-]*13", shown(key, 100))
    assert re.fullmatch(r"fr[a-z]*…[a-z-]*1234", shown("frames-of-a-very-long-film-1234", 80))


def test_only_the_rows_in_sight_are_in_the_page(browser: Browser) -> None:
    count = "document.querySelectorAll('#rows tr[data-item]').length"
    assert 5 < browser.evaluate(count) < 100
    browser.evaluate("document.getElementById('table').scrollTop = 1e9")
    browser.until("document.querySelector('#rows tr[data-item=\"1999\"]') !== null")
    assert browser.evaluate(count) < 100
    assert browser.evaluate("document.querySelector('#rows tr[data-item=\"1999\"]').ariaRowIndex") == "2001"


def test_items_are_searched_filtered_sorted_and_shown_in_full(browser: Browser) -> None:
    shown = "document.getElementById('shown').textContent"
    first = "document.querySelector('#rows tr[data-item] button').textContent"
    type_ = "(text => { search.value = text; search.dispatchEvent(new Event('input')) })"
    search = "const search = document.getElementById('search');"
    browser.evaluate(f"{{ {search} {type_}('FRAME 19 compl') }}")
    meant = sum("19" in str(each) and each % 10 != 3 for each in range(1995))
    assert browser.evaluate(shown) == f"{meant} of 2,000 items"
    browser.evaluate(f"{{ {search} {type_}('no such thing') }}")
    assert browser.evaluate("document.getElementById('rows').textContent") == "No matching items."
    browser.evaluate("document.querySelector('.reasons a').click()")
    assert browser.evaluate(shown) == "200 of 2,000 items"
    assert browser.evaluate(first) == "frame 3"
    sort = "[...document.querySelectorAll('#heads button')].find(b => b.textContent.startsWith('Duration')).click()"
    browser.evaluate(sort)
    assert browser.evaluate("document.querySelector('th[aria-sort]').ariaSort") == "descending"
    assert browser.evaluate(first) == "frame 33"
    browser.evaluate("document.querySelector('#rows tr[data-item] button').click()")
    assert browser.evaluate("document.getElementById('details').open")
    assert "exit code 3" in browser.evaluate("document.getElementById('facts').textContent")
    browser.evaluate("document.getElementById('details').close()")
    browser.evaluate("document.getElementById('filter').reset()")
    browser.until(f"{shown} === '2,000 items'")
    assert browser.errors == []


def test_columns_take_what_they_need_and_the_table_fits_as_long_as_it_can(browser: Browser) -> None:
    box = "document.getElementById('table')"
    assert browser.evaluate(f"{box}.scrollWidth <= {box}.clientWidth")
    heads = browser.evaluate("[...document.querySelectorAll('#heads th')].map(each => each.textContent)")
    assert [head.rstrip(" ↑↓") for head in heads][:3] == ["Item", "State", "Reason"]
    assert "Node" not in heads  # all are on one
    browser.evaluate("document.querySelector('.reasons a').click()")
    reason = "document.querySelector('#rows td:nth-child(3)')"
    assert browser.evaluate(f"{reason}.textContent") == "exit code 3"
    assert browser.evaluate(f"{reason}.title").startswith("BackoffLimitExceeded (exit code 3)")
    assert browser.evaluate("getComputedStyle(document.querySelector('#rows td:first-child')).left") == "0px"
    browser.evaluate("document.getElementById('filter').reset()")
    browser.until("document.getElementById('shown').textContent === '2,000 items'")


def test_a_long_log_is_shown_from_its_end_and_its_beginning_can_be_reached(browser: Browser) -> None:
    script = """(() => {
      const box = document.querySelector("pre"), before = box.textContent;
      const inside = (start, end) => {
        const range = document.createRange(), edge = box.getBoundingClientRect();
        range.setStart(box.firstChild, start);
        range.setEnd(box.firstChild, end);
        const line = range.getBoundingClientRect();
        return line.top >= edge.top && line.bottom <= edge.bottom;
      };
      box.textContent = "first\\n" + "line\\n".repeat(500) + "last";
      const size = box.textContent.length, found = [inside(0, 5), inside(size - 4, size)];
      box.scrollTop = -1e6;
      found.push(inside(0, 5), inside(size - 4, size));
      box.textContent = before;
      return found;
    })()"""
    assert browser.evaluate(script) == [False, True, True, False]


def test_printing_shows_every_log_and_many_rows(browser: Browser) -> None:
    browser.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert browser.evaluate("document.querySelectorAll('#rows tr[data-item]').length") == 1000
    assert browser.evaluate("document.getElementById('printed').textContent").startswith("The first 1,000 of")
    assert browser.evaluate("document.querySelectorAll('details:not([open])').length") == 0
    browser.evaluate("dispatchEvent(new Event('afterprint'))")
    assert browser.evaluate("document.querySelectorAll('#rows tr[data-item]').length") < 100


def test_indexes_have_a_row_each_and_the_page_is_small(tmp_path: Path) -> None:
    part = job("words", "Failed", completionMode="Indexed", completions=300)
    part["status"] |= {"completedIndexes": "0-298", "failedIndexes": "299"}
    pods = [pod(part, 0 if index < 299 else 1, index=index) for index in range(300)]
    text = report_html(FakeReader([part], pods), "words", now=BEGIN + 60)
    assert "1 of 300 items failed" in text
    assert len(text) < 120_000
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    assert data[1].count('"words/') == 300


def test_times_are_said_in_utc() -> None:
    done = job("a")
    assert api_time(BEGIN).replace("T", " ").replace("Z", " UTC") in report_html(
        FakeReader([done], [pod(done)]), "g", now=BEGIN
    )


def test_attempts_of_an_item_are_listed_with_their_ends_and_memory() -> None:
    found = job("a", "Failed", item="a")
    pods = [pod(found, 3, number=1, seconds=2), pod(found, 137, number=5, seconds=2)]
    pods[1]["spec"]["containers"][0]["resources"]["limits"] = {"memory": "2Gi"}
    pods[1]["status"]["containerStatuses"][0]["state"]["terminated"]["reason"] = "OOMKilled"
    text = report_html(FakeReader([found], pods), "g", now=BEGIN + 60)
    assert re.findall("<li>(.*?)</li>", text[text.index('<ol class="attempts">') :])[:2] == [
        "exit code 3, 2 s, memory 1Gi",
        "OOMKilled, 2 s, memory 2Gi",
    ]


def test_an_index_with_a_job_of_its_own_is_one_item_with_all_its_attempts() -> None:
    frames = job("frames", "Failed", completionMode="Indexed", completions=2)
    notes = {"expander/item-count": "2", "expander/items": '["a","b"]', "expander/retried-indexes": "1"}
    frames["metadata"]["annotations"] = notes
    frames["status"] |= {"completedIndexes": "0", "failedIndexes": "1"}
    own = job("frames-1", item="b", template={"metadata": {"labels": {INDEX: "1"}}})
    own["metadata"]["annotations"] |= {"expander/retry-of": "frames", "expander/attempt": "2"}
    pods = [pod(frames, 0, index=0), pod(frames, 3, index=1), pod(own, 0)]
    found = summarize(one_each(records(FakeReader([frames, own], pods))), BEGIN + 100)
    assert (found.total, found.counts, dict(found.reasons)) == (2, {"Complete": 2}, {})
    assert (found.attempts, found.retried, found.earlier) == (3, 1, 0)


def test_items_of_a_failed_chunk_are_counted_and_named_as_its_log_has_them() -> None:
    chunk, other = job("ch-0", "Failed", item="4 items, a to d"), job("ch-1", item="2 items, e to f")
    chunk["metadata"]["annotations"]["expander/item-count"] = "4"
    other["metadata"]["annotations"]["expander/item-count"] = "2"
    one, ends = pod(chunk, 1), ('0 exit 0: "a"', '1 exit 3: "b"', '2 exit 0: "c"', '3 exit 9: "d"')
    reader = FakeReader([chunk, other], [one, pod(other)])
    log = "".join(f"out\n[expander] index {end}\n" for end in ends)
    reader.logs[one["metadata"]["name"], "main"] = log.encode()
    found = [with_items(reader, record) for record in records(reader)]
    assert summarize(found, BEGIN + 100).counts == {"Complete": 4, "Failed": 2}
    row = record_row(found[0])
    assert row["cause"] == "b: exit code 3, d: exit code 9"
    assert row["failedItems"] == [{"key": "b", "exitCode": 3}, {"key": "d", "exitCode": 9}]
    reader.logs[one["metadata"]["name"], "main"] = ExpanderError("gone")
    assert summarize([with_items(reader, each) for each in records(reader)], BEGIN).counts["Failed"] == 4


def test_ticks_and_spans_tell_durations_apart_and_resources_nobody_requested_are_left_out() -> None:
    values = [1.0 + place / 500 for place in range(60)]
    found = histogram(histogram_bins(values, []))
    assert found is not None
    texts = [each["text"] for each in found["ticks"]]
    assert len({*texts}) == len(texts)
    assert texts[0] == "1.00 s"
    one = job("a")
    page = report_html(FakeReader([one], [pod(one, cpu="0")]), "t", now=BEGIN)
    assert "Memory requested" in page
    assert "CPU requested" not in page
