# SPDX-License-Identifier: Apache-2.0
"""tools/check_layers finds planted breaches and is content with the tree."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "check_layers"


def run(root):
    return subprocess.run([sys.executable, TOOL, root], capture_output=True, text=True)


def plant(root, path, text):
    file = root / "src" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_tree_is_clean():
    result = run(ROOT)
    assert result.stdout == ""
    assert result.returncode == 0


def test_breach_is_named_with_file_and_line(tmp_path):
    plant(tmp_path, "analysis/growth.cc", '// x\n#include "model/frame.h"\n#include "os/smaps.h"\n')
    result = run(tmp_path)
    assert result.returncode == 1
    assert result.stdout == (
        'src/analysis/growth.cc:3: analysis must not include os ("os/smaps.h")\n')


def test_wire_and_agent_must_not_allocate(tmp_path):
    plant(tmp_path, "wire/ring.h", "#include <atomic>\n#include <string>\n")
    plant(tmp_path, "agent/ground/hook.cc", '#include <vector>\n#include "base/bytes.h"\n')
    plant(tmp_path, "wire/ring_test.cc", "#include <string>\n")
    lines = run(tmp_path).stdout.splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        "src/agent/ground/hook.cc:1", "src/agent/ground/hook.cc:2", "src/wire/ring.h:2"]


def test_probes_must_not_include_each_other(tmp_path):
    plant(tmp_path, "probes/native/a.cc",
          '#include "probes/native/a.h"\n#include "probes/python/b.h"\n#include "os/smaps.h"\n')
    lines = run(tmp_path).stdout.splitlines()
    assert lines == [
        'src/probes/native/a.cc:2: probes/native must not include probes/python '
        '("probes/python/b.h")']


def test_report_may_see_results_but_not_the_system(tmp_path):
    plant(tmp_path, "report/html.cc",
          '#include "analysis/finding.h"\n#include "readers/gclog.h"\n')
    lines = run(tmp_path).stdout.splitlines()
    assert lines == ['src/report/html.cc:2: report must not include readers ("readers/gclog.h")']


def test_a_type_has_one_definition(tmp_path):
    text = "namespace memwhy::base {{\nstruct One {{}};\n{}class Own;\n}}  // namespace memwhy::base\n"
    plant(tmp_path, "base/a.h", text.format("class Two : Three {\n};\n"))
    plant(tmp_path, "base/b.h", text.format("namespace {\nclass Two {};\n}  // namespace\n"))
    lines = run(tmp_path).stdout.splitlines()
    assert lines == ["src/base/b.h:2: src/base/a.h defines memwhy::base::One, too"]


def test_rooms_are_storeys(tmp_path):
    plant(tmp_path, "agent/capture/hook.cc",
          '#include "agent/ground/agent.h"\n#include "agent/dump/heap_dump.h"\n')
    plant(tmp_path, "agent/loose.cc", "\n")
    plant(tmp_path, "report/attic/a.cc", "\n")
    plant(tmp_path, "report/views/a.cc", '#include "report/heap/b.h"\n#include "report/c.h"\n')
    lines = run(tmp_path).stdout.splitlines()
    assert lines == [
        "src/agent/capture/hook.cc:2: agent/capture must not include agent/dump",
        "src/agent/loose.cc:1: no known room of src/agent",
        "src/report/attic/a.cc:1: no known room of src/report",
        "src/report/views/a.cc:1: report/views must not include report/heap",
    ]


def test_only_terminal_text_prints(tmp_path):
    plant(tmp_path, "cli/a.cc",
          'void A() { fmt::print("{}", name); }\n// fmt::print\nstd::puts(name);\n')
    plant(tmp_path, "base/terminal_text.cc", "void A() { std::fwrite(a, 1, 2, stdout); }\n")
    plant(tmp_path, "cli/a_test.cc", "void A() { std::fwrite(a, 1, 2, file); }\n")
    lines = run(tmp_path).stdout.splitlines()
    assert lines == [
        "src/cli/a.cc:1: print through base/terminal_text.h",
        "src/cli/a.cc:3: print through base/terminal_text.h",
    ]
