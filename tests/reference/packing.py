"""Packs recorded answers into this folder, and unpacks them for the tests.

    python tests/reference/packing.py unpack FOLDER
    python tests/reference/packing.py pack FOLDER

``README.md`` beside this file says what they are.
"""

from __future__ import annotations

import lzma
import sys
from pathlib import Path
from typing import Final

RECORDED: Final = Path(__file__).resolve().parent / "recorded"
LARGE: Final = 8192
"""Bytes from which on a file is compressed; smaller ones stay as they are."""

_PRESET: Final = 6 | lzma.PRESET_EXTREME
_SUFFIX: Final = ".xz"


def unpack(folder: Path, recorded: Path = RECORDED) -> None:
    """Write every recorded file into ``folder``, under its own name and as it was before packing."""
    for path in _files(recorded):
        _write(folder / _plain(path.relative_to(recorded)), _content(path))


def pack(folder: Path, recorded: Path = RECORDED) -> list[Path]:
    """Make ``recorded`` hold the plain files of ``folder`` and nothing else.

    Returns the paths that were written or removed, relative to ``recorded``. A file that holds the
    right content is left alone, since other releases of liblzma may compress it differently.
    """
    changed = []
    packed = {_packed(path.relative_to(folder), path.stat().st_size): path for path in _files(folder)}
    for name, source in packed.items():
        target, data = recorded / name, source.read_bytes()
        if not target.exists() or _content(target) != data:
            compressed = lzma.compress(data, preset=_PRESET) if name.suffix == _SUFFIX else data
            _write(target, compressed)
            changed.append(name)
    for path in _files(recorded):
        if path.relative_to(recorded) not in packed:
            path.unlink()
            changed.append(path.relative_to(recorded))
    return changed


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _packed(name: Path, size: int) -> Path:
    return name.with_name(name.name + _SUFFIX) if size >= LARGE else name


def _plain(name: Path) -> Path:
    return name.with_suffix("") if name.suffix == _SUFFIX else name


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == _SUFFIX else data


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["pack", given] if Path(given).is_dir():
            for changed in pack(Path(given)):
                print(changed)
        case ["unpack", given]:
            unpack(Path(given))
        case _:
            sys.exit(__doc__)
