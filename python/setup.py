# SPDX-License-Identifier: Apache-2.0
"""Records, in a package built inside the source tree, where that tree is.

A plain `pip install ./python` copies the package away from the native command that the tree
builds; the note lets `memwhy` find it again. Outside of the tree (an sdist) no note is written.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SOURCE_TREE = Path(__file__).resolve().parent.parent


class BuildWithSourceTree(build_py):
    """build_py that adds memwhy/_source_tree.txt, one absolute path, to the built package."""

    def run(self):
        super().run()
        in_tree = (SOURCE_TREE / "CMakeLists.txt").is_file() and (SOURCE_TREE / "src").is_dir()
        if in_tree and not getattr(self, "editable_mode", False):
            note = Path(self.build_lib) / "memwhy" / "_source_tree.txt"
            note.write_text(f"{SOURCE_TREE}\n", encoding="utf-8")


setup(cmdclass={"build_py": BuildWithSourceTree})
