"""Short logs of complete Jobs as rows of the state file: a file of one line takes a block of the disk.

`expander run` packs them when all has ended and is printed. A row is durable before its file goes, so a kill
leaves the file, the row or both, and who reads a log takes the file first. Logs of what has failed or not
ended, long ones and rotated ones stay files, as do all logs for an executor that gives out their paths.
"""

from __future__ import annotations

from typing import Final

MAX_PACKED_BYTES: Final = 4096
"""A longer log wastes less than half of its blocks."""

LOGS_PER_COMMIT: Final = 1000

_COMPLETE: Final = """
SELECT pod.uid FROM objects AS pod JOIN objects AS job ON job.uid = pod.owner
WHERE pod.kind = 'Pod' AND pod.state = 'closed' AND job.kind = 'Job' AND job.state = 'succeeded'
"""
