# SPDX-License-Identifier: Apache-2.0
"""Finds the native `memwhy` command that belongs to this package."""

import os
from pathlib import Path
from typing import List, Mapping, Optional

BUILT_COMMAND = Path("build", "release", "bin", "memwhy")


class CommandNotFound(Exception):
    """No native command; the message says where it was looked for and what to do."""


def find_command(environment: Mapping[str, str], package_dir: Path) -> Path:
    """Returns the path of an executable native command.

    Looks at MEMWHY_BIN (alone, if set), then into the package, then at the build of the source
    tree that the package was installed from. Raises CommandNotFound.
    """
    chosen = environment.get("MEMWHY_BIN")
    if chosen:
        if _is_executable(Path(chosen)):
            return Path(chosen)
        raise CommandNotFound(f"MEMWHY_BIN is {chosen!r}, which is not an executable file")

    candidates: List[Path] = [package_dir / "bin" / "memwhy"]
    tree = source_tree(package_dir)
    if tree is not None:
        candidates.append(tree / BUILT_COMMAND)
    for candidate in candidates:
        if _is_executable(candidate):
            return candidate
    looked_at = ", ".join(str(candidate) for candidate in candidates)
    raise CommandNotFound(
        f"the native command was not found; looked at {looked_at}. "
        "Build it in the source tree, or set MEMWHY_BIN to its path"
    )


def source_tree(package_dir: Path) -> Optional[Path]:
    """Returns the memwhy source tree that the package came from, or None when it is unknown.

    A plain install notes it in _source_tree.txt; an editable install lies in <tree>/python/memwhy.
    """
    note = package_dir / "_source_tree.txt"
    if note.is_file():
        return Path(note.read_text(encoding="utf-8").strip())
    if package_dir.parent.name == "python":
        tree = package_dir.parent.parent
        if (tree / "python" / "pyproject.toml").is_file():
            return tree
    return None


def _is_executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
