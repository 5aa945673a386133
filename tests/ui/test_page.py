"""The live page as somebody uses it, in Chromium."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from expander.group.report_data import plain_text
from tests.cli.program import EXPANDER
from tests.cli.program import run as run_expander
from tests.group.browser import Browser
from tests.ui.page_server import TEMPLATE, PageServer, free_port, make_group, run_group, until

HOSTILE = "<img src=x onerror=document.title='taken'>"

SCRIPT = """
echo "begin $1"
printf '\\033[31mred\\033[0m <b>bold</b>\\n'
while [ ! -e {gate} ]; do sleep 0.02; done
echo "end $1"
test "$1" != b || test -e {mended}
"""


class Stage:
    """A server, a browser, and the files that groups wait for."""

    def __init__(self, folder: Path, server: PageServer, browser: Browser) -> None:
        self.folder = folder
        self.server = server
        self.browser = browser
        self.runs: list[subprocess.Popen[bytes]] = []

    def show(self, group: str) -> None:
        """Show a group, and wait until the page has its items."""
        self.browser.evaluate(f"location.hash = '#local=true&group={group}'")
        self.browser.until(
            "document.body.dataset.view === 'group' && document.title.startsWith(" + f"'{group}:')"
        )
        self.browser.until("at('link').dataset.state === 'live' && data.items.length > 0")

    def begin(self, group: str, *items: str) -> subprocess.Popen[bytes]:
        """Run a group that waits for its gate."""
        script = SCRIPT.format(gate=self.folder / f"{group}.gate", mended=self.folder / f"{group}.mended")
        command = make_group(self.folder, self.server.state, group, script, *items)
        run = subprocess.Popen(
            [EXPANDER, *command, "--jobs", "4"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.runs.append(run)
        return run

    def touch(self, name: str) -> None:
        (self.folder / name).touch()

    def states(self) -> list[str]:
        """Item and state of each row of the table."""
        rows: list[str] = self.browser.evaluate(
            "[...document.querySelectorAll('#rows tr[data-item]')].map("
            "row => row.children[0].textContent + ' ' + row.children[1].textContent)"
        )
        return sorted(rows)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One server and one browser, with a group that has ended."""
    folder = tmp_path_factory.mktemp("page")
    run_group(folder, folder / "state", "done", "exit 0", "x", HOSTILE)
    with (
        PageServer(folder / "state", "--port", str(free_port())) as server,
        Browser(folder, "--window-size=1280,900") as browser,
    ):
        browser.open(server.address)
        found = Stage(folder, server, browser)
        yield found
        for run in found.runs:
            run.kill()
            run.wait()


@pytest.fixture(autouse=True)
def no_complaints(stage: Stage) -> Iterator[None]:
    """No test may leave an error in the page's console: a violation of the policy is one."""
    yield
    errors, stage.browser.errors = stage.browser.errors, []
    assert [
        each for each in errors if not re.search("ERR_|401|409", each)
    ] == []  # a server is lost, and started anew; a group is at work


def test_the_list_of_groups_is_what_there_is_and_leads_to_them(stage: Stage) -> None:
    browser = stage.browser
    browser.until("document.querySelectorAll('#groups-rows tr').length === 1")
    assert "token" not in browser.evaluate("location.href")
    browser.evaluate("document.querySelector('#groups-rows a').focus()")
    browser.press("Enter")
    browser.until("document.title === 'done: All 2 items complete'")
    browser.until("document.querySelectorAll('#rows tr[data-item]').length === 2")
    assert stage.states() == [f"{HOSTILE} Complete", "x Complete"]
    assert browser.evaluate("document.querySelectorAll('img').length") == 0
    browser.evaluate("at('back').click()")
    browser.until("!at('groups').hidden && document.title === 'expander'")


def test_on_a_phone_all_of_a_group_is_seen_without_scrolling_sideways(stage: Stage) -> None:
    browser = stage.browser
    browser.until("document.querySelectorAll('#groups-rows tr').length === 1")
    browser.look(375, 800)
    assert browser.evaluate("document.documentElement.scrollWidth <= 375")
    assert browser.evaluate(
        "[...document.querySelectorAll('.scroll')].every((each) => each.scrollWidth <= each.clientWidth)"
    )
    cells = "[...document.querySelector('#groups-rows tr').children]"
    assert browser.evaluate(f"{cells}.length") == 8
    assert browser.evaluate(
        f"{cells}.map((each) => each.getBoundingClientRect()).every("
        "(box) => box.width > 0 && box.height > 0 && box.left >= 0 && box.right <= 375)"
    )
    names = f"{cells}.filter((each) => each.dataset.name).map((each) => getComputedStyle(each, '::before').content)"
    assert browser.evaluate(names) == ['"Failed"', '"Complete"', '"Active"', '"Pending"']
    assert browser.evaluate("document.querySelector('.where').innerText") == "this machine"
    browser.look(1280, 900)


def test_the_age_of_a_group_goes_on_while_nothing_else_changes(stage: Stage) -> None:
    browser = stage.browser
    browser.until("document.querySelectorAll('#groups-rows tr').length === 1")
    assert re.fullmatch(r"\d+ s|\d+ m", browser.evaluate("document.querySelector('.age').textContent"))
    browser.evaluate("(() => { const now = Date.now; Date.now = () => now() + 2 * 3600_000 + 300_000; })()")
    browser.until("/^2 h \\d+ m$/.test(document.querySelector('.age').textContent)")


def test_items_change_as_they_run_and_what_fails_is_said(stage: Stage) -> None:
    browser = stage.browser
    run = stage.begin("night", "a", "b")
    browser.until("[...document.querySelectorAll('#groups-rows a')].some(a => a.textContent === 'night')")
    stage.show("night")
    until(lambda: stage.states() == ["a Active", "b Active"])
    assert browser.evaluate("document.querySelector('.verdict').textContent") == "2 of 2 items unfinished"
    stage.touch("night.gate")
    until(lambda: stage.states() == ["a Complete", "b Failed"])
    browser.until("document.title === 'night: 1 of 2 items failed'")
    assert browser.evaluate("document.querySelector('#rows button').textContent") == "b"  # failures first
    assert browser.evaluate("at('told').textContent") == "Failed: b"
    assert browser.evaluate("document.querySelector('[data-part=failed] summary b').textContent") == "b"
    assert run.wait() == 1


def test_a_log_is_read_and_followed_in_the_details_of_its_item(stage: Stage) -> None:
    browser = stage.browser
    run = stage.begin("logs", "a")
    browser.evaluate("location.hash = '#'")
    browser.until("[...document.querySelectorAll('#groups-rows a')].some(a => a.textContent === 'logs')")
    stage.show("logs")
    until(lambda: stage.states() == ["a Active"])
    browser.evaluate("document.querySelector('#rows button').focus()")
    browser.press("Enter")
    browser.until("at('log').textContent.includes('red')")
    assert browser.evaluate("at('log').textContent") == "begin a\nred <b>bold</b>\n"
    assert browser.evaluate("at('log-state').textContent") == "Following"
    stage.touch("logs.gate")
    browser.until("at('log').textContent.endsWith('end a\\n') && at('log-state').textContent === ''")
    browser.until("at('facts').textContent.includes('Complete')")
    browser.press("Escape")
    browser.until("!at('details').open")
    browser.until("document.activeElement.textContent === 'a'")  # the focus is where it was
    assert run.wait() == 0


def test_items_of_any_name_are_text_and_take_no_more_room_than_others(stage: Stage) -> None:
    browser, names = (
        stage.browser,
        [
            "<script>document.title='taken'</script>",
            "\u202eevil\u202c",
            "a\0b",
            "two\nlines",
            "</script><!--",
            "__proto__",
            "\x1b[31mred",
            "' onclick='x",
            "e\u0301" * 400,
            "x" * 100_000,
        ],
    )
    template, items = stage.folder / "odd.yaml", stage.folder / "odd.jsonl"
    template.write_text(
        TEMPLATE.replace("GROUP", "odd")
        .replace("t-$ITEM", "t-$INDEX")
        .replace(', "$ITEM"', "")
        .replace('{name: "t', '{annotations: {own: $ITEM}, name: "t')
        .replace("FOLDER", str(stage.folder))
    )
    (stage.folder / "odd.sh").write_text("exit 1")
    items.write_text("".join(f"{json.dumps(name)}\n" for name in names))
    words = ("-i", str(items), "--group", "odd", "--state", str(stage.server.state), "-q")
    assert run_expander("run", str(template), *words).code == 1
    stage.show("odd")
    browser.until("document.querySelectorAll('[data-part=failed] summary').length === 10")
    shown = browser.evaluate("data.items.map((item) => item[LABEL])")
    assert shown == [plain_text(name) for name in names]
    assert browser.evaluate("document.title") == "odd: 10 of 10 items failed"
    assert browser.evaluate("document.querySelectorAll('#rows img, #rows script, main script').length") == 0
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
    heights = "Math.max(...[...document.querySelectorAll(WHICH)].map((each) => each.getBoundingClientRect().height))"
    for which in ("#rows tr[data-item]", "[data-part=failed] summary"):
        assert browser.evaluate(heights.replace("WHICH", repr(which))) < 200
    browser.evaluate("document.querySelectorAll('#rows button')[9].click()")
    browser.until("at('details').open")
    assert browser.evaluate("at('details-h').getBoundingClientRect().height") < 200
    browser.evaluate("at('details').close()")


def test_a_filter_stays_while_items_change(stage: Stage) -> None:
    browser = stage.browser
    stage.show("night")
    browser.evaluate("document.querySelector('#states [data-only=Failed]').click()")
    assert stage.states() == ["b Failed"]
    browser.evaluate("at('filter').reset()")
    until(lambda: len(stage.states()) == 2)


def test_a_link_to_the_items_stays_with_the_group(stage: Stage) -> None:
    browser = stage.browser
    stage.show("night")
    address = browser.evaluate("location.href")
    for link in ("a.skip", "a[data-state=Failed]"):
        browser.until(f"document.querySelector({link!r}) !== null")
        browser.evaluate(f"document.querySelector({link!r}).focus()")
        browser.press("Enter")
        browser.until("document.activeElement === at('table')")
        assert browser.evaluate("location.href") == address
    assert stage.states() == ["b Failed"]
    browser.evaluate("at('filter').reset()")
    browser.evaluate("location.hash = ''")
    browser.until("!at('groups').hidden && document.querySelector('.skip').hidden")


def test_what_failed_is_retried_after_it_was_asked(stage: Stage) -> None:
    browser = stage.browser
    stage.show("night")
    stage.touch("night.mended")
    browser.evaluate("document.querySelector('[data-action=retry]').click()")
    browser.until("at('action').dataset.state === 'done'")
    assert browser.evaluate("at('action-output').textContent") == "1 Job: 1 would be created\n"
    assert stage.states() == ["a Complete", "b Failed"]
    assert browser.evaluate("document.activeElement.id") == "action-go"
    browser.press("Enter")
    until(lambda: stage.states() == ["a Complete", "b Complete"])
    browser.until("at('action-output').textContent.endsWith('Done\\n')")
    browser.until("document.title === 'night: All 2 items complete'")
    browser.evaluate("at('action').close()")


def test_a_retry_that_goes_on_is_stopped_where_it_was_started_or_when_it_is_asked_for_again(
    stage: Stage,
) -> None:
    browser = stage.browser
    script = f"trap 'exit 1' TERM; while [ -e {stage.folder}/go ]; do sleep 0.05; done; exit 1"
    run_group(stage.folder, stage.server.state, "long", script, "a")
    stage.touch("go")
    stage.show("long")
    click = "document.querySelector('[data-action=retry]').click()"
    browser.evaluate(click)
    browser.until("at('action').dataset.state === 'done'")
    browser.evaluate("at('action-go').click()")
    until(lambda: stage.states() == ["a Active"])
    assert browser.evaluate("at('action-go').textContent") == "Stop"
    browser.evaluate("at('action').close()")
    browser.evaluate(click)
    browser.until("at('action-output').textContent.includes('another command is at work on group long')")
    assert browser.evaluate("document.activeElement.id") == "action-no"
    browser.evaluate("at('action-go').click()")
    browser.until("at('action-output').textContent.endsWith('Stopped\\n') && at('action-go').hidden")
    browser.evaluate("at('action').close()")
    browser.evaluate(click)
    browser.until("at('action').dataset.state === 'done'")
    assert not browser.evaluate("at('action-go').hidden")
    browser.evaluate("at('action-go').click()")
    until(lambda: stage.states() == ["a Active"])
    browser.evaluate("at('action-go').click()")
    browser.until("at('action-output').textContent.endsWith('Exit code 130\\n')")
    browser.until("at('action-go').hidden")
    browser.evaluate("at('action').close()")


def offered(browser: Browser) -> dict[str, str]:
    """Why each action cannot be chosen; nothing for those that can."""
    found: dict[str, str] = browser.evaluate(
        "Object.fromEntries([...document.querySelectorAll('[data-action]')].map((button) => "
        "[button.dataset.action, button.getAttribute('aria-disabled') ? button.title : '']))"
    )
    return found


def test_an_action_that_would_find_nothing_says_why_and_opens_no_dialog(stage: Stage) -> None:
    browser = stage.browser
    stage.show("done")
    for action, why in (
        ("retry", "No item has failed"),
        ("suspend", "All items have finished"),
        ("resume", "No item is suspended"),
    ):
        button = f"document.querySelector('[data-action={action}]')"
        browser.until(f"{button}.getAttribute('aria-disabled') === 'true'")
        assert browser.evaluate(f"{button}.title") == why
        browser.evaluate(f"{button}.focus()")
        browser.press("Enter")
        assert browser.evaluate(f"document.activeElement === {button}")
        assert not browser.evaluate("at('action').open")
    run_group(stage.folder, stage.server.state, "bad", "exit 1", "a")
    stage.show("bad")
    browser.until("document.querySelector('[data-action=retry]').getAttribute('aria-disabled') === null")
    assert browser.evaluate("document.querySelector('[data-action=retry]').title") == ""


@pytest.mark.parametrize(
    ("local", "states", "job", "disabled"),
    [
        ("false", ["Active"], "t", ["retry", "resume"]),
        ("true", ["Active"], "t", ["resume"]),  # a retry here finishes a run that was interrupted
        ("false", ["Complete"], "nightly-29876543", ["retry"]),  # of a CronJob, which may be suspended
        ("false", ["Complete", "Suspended"], "t", ["retry", "suspend"]),
        ("false", ["Complete", "Suspended", "Pending"], "t", ["retry"]),
        ("false", ["Failed", "Complete"], "t", ["suspend", "resume"]),
        ("false", ["Skipped"], "t", ["suspend", "resume"]),
        ("false", [], "t", ["retry"]),  # there may be a CronJob that has made no Job yet
        ("true", [], "t", ["retry", "suspend", "resume"]),
    ],
)
def test_an_action_that_may_find_something_is_offered(
    stage: Stage, local: str, states: list[str], job: str, disabled: list[str]
) -> None:
    found = stage.browser.evaluate(
        f"idleActions({json.dumps(states)}.map((name) => ({{ [STATE]: data.states.indexOf(name), [JOB]: {job!r} }})), {local})"
    )
    assert [*found] == disabled


def test_a_connection_that_is_lost_is_said_and_what_happened_meanwhile_is_shown_when_it_is_back(
    stage: Stage,
) -> None:
    browser = stage.browser
    run = stage.begin("away", "a")
    until(lambda: (stage.server.state / "away" / "state.db").exists())
    stage.show("away")
    until(lambda: stage.states() == ["a Active"])
    stage.server.process.send_signal(signal.SIGSTOP)  # as a connection that has nothing to say any more
    browser.until("at('link').dataset.state === 'lost'")
    assert browser.evaluate("at('link').textContent") == "Connection lost; connecting again"
    assert {*offered(browser).values()} == {"There is no connection to the server"}
    stage.touch("away.gate")
    assert run.wait() == 0
    assert stage.states() == ["a Active"]  # what is known stays
    stage.server.process.send_signal(signal.SIGCONT)
    browser.until("at('link').dataset.state === 'live'")
    until(lambda: stage.states() == ["a Complete"])
    until(lambda: offered(browser)["cleanup"] == "")


def test_a_server_that_was_started_again_wants_its_new_address(stage: Stage) -> None:
    browser = stage.browser
    stage.show("done")
    stage.server.kill()
    browser.until("at('link').dataset.state === 'lost'")
    stage.server.start()
    browser.until("at('link').dataset.state === 'refused'")
    assert "open the one that it prints now" in browser.evaluate("at('problem').textContent")
    assert browser.evaluate("data.items.length") == 2
    browser.evaluate(f"location.hash = '#local=true&group=done&token={stage.server.token}'")
    browser.until("at('link').dataset.state === 'live'")
    assert browser.evaluate("location.hash") == "#local=true&group=done"
    assert browser.evaluate("at('problem').hidden")


def test_a_cleanup_asks_first_and_deletes_only_then(stage: Stage) -> None:
    browser = stage.browser
    stage.show("night")
    folder = stage.server.state / "night"
    click = "document.querySelector('[data-action=cleanup]').click()"
    browser.evaluate(click)
    browser.until("at('action').dataset.state === 'done'")
    assert browser.evaluate("at('action-output').textContent") == "2 Jobs, 2 Pods would be deleted\n"
    assert browser.evaluate("document.activeElement.id") == "action-no"
    browser.press("Enter")  # which cancels
    browser.until("!at('action').open")
    assert folder.exists()
    browser.evaluate(click)
    browser.until("at('action').dataset.state === 'done' && !at('action-go').disabled")
    browser.evaluate("at('action-go').click()")
    browser.until("document.title === 'night: No items'")
    until(lambda: not folder.exists())
    browser.until("at('problem').textContent === 'The Jobs of this group have been deleted.'")
    browser.evaluate("at('action-no').click()")  # which closes now
    browser.until("!at('groups').hidden && document.title === 'expander'")
    browser.until("![...document.querySelectorAll('#groups-rows a')].some(a => a.textContent === 'night')")
    assert browser.evaluate("at('problem').hidden")


def test_what_is_suspended_stops_and_goes_on_when_it_is_resumed(stage: Stage) -> None:
    browser = stage.browser
    run = stage.begin("pause", "a", "b")
    until(lambda: (stage.server.state / "pause" / "state.db").exists())
    stage.show("pause")
    until(lambda: stage.states() == ["a Active", "b Active"])
    for action, told, state in (
        ("suspend", "2 Jobs: 2 would be suspended", "Suspended"),
        ("resume", "2 Jobs: 2 would be resumed", "Active"),
    ):
        before = stage.states()
        browser.evaluate(f"document.querySelector('[data-action={action}]').click()")
        browser.until("at('action').dataset.state === 'done'")
        assert f"expander {action} --group=pause" in browser.evaluate("at('action-command').textContent")
        assert told in browser.evaluate("at('action-output').textContent")
        assert stage.states() == before
        browser.press("Enter")
        until(lambda wanted=state: stage.states() == [f"a {wanted}", f"b {wanted}"])
        browser.until("at('action-output').textContent.endsWith('Done\\n')")
        browser.evaluate("at('action').close()")
    stage.touch("pause.gate")
    stage.touch("pause.mended")
    until(lambda: stage.states() == ["a Complete", "b Complete"])
    assert run.wait() == 0


def test_a_group_that_is_deleted_elsewhere_is_said_to_be_gone(stage: Stage) -> None:
    browser, state = stage.browser, stage.server.state
    run_group(stage.folder, state, "brief", "exit 0", "a")
    stage.show("brief")
    assert browser.evaluate("at('problem').hidden")
    assert run_expander("cleanup", "--group", "brief", "--state", str(state), "--yes", "-q").code == 0
    browser.until("at('problem').textContent === 'The Jobs of this group have been deleted.'")
    stage.show("done")
    assert browser.evaluate("at('problem').hidden")


def test_a_group_without_jobs_is_said_to_have_none_until_it_has(stage: Stage) -> None:
    browser, state = stage.browser, stage.server.state
    browser.evaluate("location.hash = '#local=true&group=none-yet'")
    browser.until("at('problem').textContent === 'This group has no Jobs yet.'")
    assert browser.evaluate("'quiet' in at('problem').dataset")
    assert browser.evaluate("at('rows').innerText") == "No items."
    none = "The group has no Jobs"
    assert offered(browser) == {"retry": none, "suspend": none, "resume": none, "cleanup": ""}
    run_group(stage.folder, state, "none-yet", "exit 0", "a")
    browser.until("at('problem').hidden && data.items.length === 1")


def test_what_is_said_of_a_group_that_is_deleted_stays_on_its_page(stage: Stage) -> None:
    browser, state = stage.browser, stage.server.state
    run_group(stage.folder, state, "short", "exit 0", "a")
    stage.show("short")
    assert run_expander("cleanup", "--group", "short", "--state", str(state), "--yes", "-q").code == 0
    browser.until("data.items.every((item) => item.gone)")
    browser.evaluate("at('back').click()")
    browser.evaluate("new Promise((done) => setTimeout(done, 2500))")
    assert browser.evaluate("at('problem').hidden")


def test_pods_that_run_are_counted_as_running_at_once(stage: Stage) -> None:
    run = stage.begin("busy", "a", "b")
    stage.show("busy")
    tile = (
        "[...document.querySelectorAll('.tiles div')].find((each) => /Peak/.test(each.textContent)).innerText"
    )
    stage.browser.until(f"/\\b2\\b/.test({tile})")
    stage.touch("busy.gate")
    stage.touch("busy.mended")
    assert run.wait() == 0


def test_what_took_no_time_took_less_than_the_times_can_tell(stage: Stage) -> None:
    stage.show("done")
    for begin, words in ((1_700_000_000.035, "< 1 ms"), (1_700_000_000, "< 1 s")):
        told = stage.browser.evaluate(
            f"((kept) => {{ data.begin = {begin}; const told = [lasted(0, 0), lasted(0, 2), lasted(2, 0), lasted(null, null)]; data.begin = kept; return told; }})(data.begin)"
        )
        assert told == [words, words, "2 s", ""]
