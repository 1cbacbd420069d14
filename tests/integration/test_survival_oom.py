# SPDX-License-Identifier: Apache-2.0
"""The kernel kills for lack of memory in a real cgroup: the program, the recorder, all of them.

10 kills of each kind with MEMWHY_FULL_TESTS=1, else one.
"""

import os
import signal

import pytest
from conftest import is_alive, wait_for
from memory_cgroup import MemoryCgroup
from survival import Run, cases, check_damage, check_session, chosen

LIMIT = 300 << 20


@pytest.fixture
def cgroup():
    try:
        made = MemoryCgroup(LIMIT)
    except OSError as error:
        pytest.skip(f"no memory cgroup can be made: {error}")
    with made:
        yield made


def killed_at(run):
    """The program grows until the kernel steps in: its last note is the moment."""
    return run.blocks()[-1][1]


@pytest.mark.parametrize("seed", cases(10, 1))
@pytest.mark.parametrize("inside", ["target", "recorder and target"])
def test_the_target_is_the_kernels_choice(memwhy, tmp_path, marked, cgroup, inside, seed):
    _, _, pause = chosen(inside, seed)
    move = f'echo $$ > {cgroup.procs}; exec "$@"'
    place = {"before" if inside != "target" else "wrapped": ["/bin/sh", "-c", move, "sh"]}
    run = Run(memwhy, tmp_path, marked, 60, pause, load="grow", **place)
    assert run.recorder.wait(120) == -signal.SIGKILL, run.errors()
    assert int(cgroup.oom_kills()) == 1
    stats = check_session(memwhy, run, killed_at(run))
    assert stats["session"]["ended"] == "oom"
    assert [process["ended"] for process in stats["processes"]] == ["oom"]
    assert stats["session"]["damage"] is None


@pytest.mark.parametrize("seed", cases(10, 1))
def test_all_of_the_cgroup_is_killed(memwhy, tmp_path, marked, cgroup, seed):
    """The recorder first or with the program, as with memory.oom.group: no survivor of ours."""
    _, _, pause = chosen("all", seed)
    as_group = cgroup.kill_as_group()
    # Without a kill of the group the recorder is made the kernel's first choice, the program,
    # which goes on growing, the second.
    first = "echo 1000 > /proc/self/oom_score_adj"
    last = "echo 0 > /proc/self/oom_score_adj"
    move = f'echo $$ > {cgroup.procs}; {first}; exec "$@"'
    run = Run(
        memwhy,
        tmp_path,
        marked,
        60,
        pause,
        load="grow",
        before=["/bin/sh", "-c", move, "sh"],
        wrapped=["/bin/sh", "-c", f'{last}; exec "$@"', "sh"],
    )
    target = run.target()
    assert run.recorder.wait(120) == -signal.SIGKILL, run.errors()
    wait_for(lambda: not is_alive(target), what="end of the target")
    assert int(cgroup.oom_kills()) >= (1 if as_group else 2)
    stats = check_session(memwhy, run, killed_at(run))
    assert stats["session"]["ended"] == "recorder_lost"
    check_damage(stats)
    assert any(name.startswith("ring.") for name in os.listdir(run.session))
