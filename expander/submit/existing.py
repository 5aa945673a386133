"""Items that need no request: the cluster has them, or had them until their Jobs were collected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from expander.base.option_names import option
from expander.manifests.rerun_choice import FAILED, runs_again
from expander.submit.already_submitted import AlreadySubmitted
from expander.submit.canonical import encode
from expander.submit.delivery import FAILED_BEFORE, KEPT, Finished
from expander.submit.finished import finished_metadata
from expander.submit.journal import mark
from expander.submit.options import SubmitOptions
from expander.submit.request import PreparedRequest
from expander.submit.responses import refused_for_item

RESUMED: Final = "Resumed"
"""The reason of an item of a resumed run that needed no request."""


class ExistingItems:
    """Decides, by what is known of earlier runs and by the options, which items are left as they are.

    ``submitted`` knows of earlier runs; ``record`` is the path of the record of collected Jobs, None without
    a journal. ``failed_before`` counts the items whose collected Jobs had failed. A dry run by the
    server sends every item.
    """

    def __init__(self, submitted: AlreadySubmitted, options: SubmitOptions, record: Path | None) -> None:
        self.submitted = submitted
        self._asks = not options.is_server_dry_run
        self._options = options
        self._record = record
        self._collected: Mapping[bytes, Mapping[str, Any]] | None = None
        self._reason = RESUMED if options.resume else ""
        self.failed_before = 0

    def must_wait(self, prepared: PreparedRequest) -> bool:
        """Whether it will be known soon if the cluster has an item."""
        return self._asks and self.submitted.must_wait(prepared)

    def next_attempt(self, prepared: PreparedRequest) -> PreparedRequest:
        """What an earlier run was about to create for the item, if it ended then; else ``prepared``."""
        if not self._may_exist(prepared):
            return prepared
        uid, tree = self.submitted.take_replacing(prepared) or ("", {})
        return replace(prepared, source=encode(tree), replaces=uid) if uid else prepared

    def collected(self, prepared: PreparedRequest) -> Finished | None:
        """What becomes of an item whose Job was collected; forgets one that is made anew."""
        if not self._may_exist(prepared):
            return None
        options, submitted = self._options, self.submitted
        collected = submitted.collected(prepared)
        if collected is None and options.rerun is None:
            return None
        end, changed = collected or (submitted.state(prepared) if prepared.is_job else "", False)
        rerun = None if submitted.is_new(prepared) else options.rerun  # a run that is resumed runs it once
        if collected is not None and changed and options.keeps_complete and prepared.item is not None:
            there = self._metadata().get(mark(prepared.key.rpartition(" ")[0]), {})
            if (refused := refused_for_item(prepared, there, options)) is not None:
                return refused
        again = options.keeps_complete and runs_again(end, changed=changed, rerun=rerun)
        if again or (changed and not options.keeps_complete):
            submitted.forget(prepared)
        elif collected is not None:
            self.failed_before += end == FAILED
            return Finished("unchanged", KEPT if changed else self._reason)
        return None

    def delivered(self, prepared: PreparedRequest) -> Finished | None:
        """The same for one that the journal of a resumed run says was delivered."""
        found = self._may_exist(prepared) and self.submitted.is_delivered(prepared)
        return Finished("unchanged", self._reason) if found else None

    def listed(self, prepared: PreparedRequest) -> Finished | None:
        """The same for one that a list of its group has, with the same content."""
        submitted = self.submitted
        if not self._may_exist(prepared) or self._options.server_side or not submitted.exists(prepared):
            return None
        failed = FAILED_BEFORE if submitted.has_failed(prepared) else ""
        return Finished("unchanged", self._reason or failed)

    def if_absent(self, prepared: PreparedRequest) -> Finished | None:
        """What becomes of an item that the cluster turns out not to have, though it may have been done.

        None to create it: only where the files that would tell are damaged is there a doubt.
        """
        in_doubt = self.submitted.is_forgetful and prepared.is_job and self._options.on_damage == "refuse"
        if not in_doubt:
            return None
        words = (
            "not in the cluster; it may have finished and been deleted, but the files that would tell are "
            f"damaged; {option('--on-damage create')} creates it"
        )
        return Finished("refused", "JournalDamaged", words, passed=False)

    def _may_exist(self, prepared: PreparedRequest) -> bool:
        return self._asks and not prepared.replaces

    def _metadata(self) -> Mapping[bytes, Mapping[str, Any]]:
        """See `finished_metadata`; read once, when an item has changed since its Job was collected."""
        if self._collected is None:
            self._collected = {} if self._record is None else finished_metadata(self._record)
        return self._collected
