# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments while much is going on: forks, threads that allocate, full blocks.

6 moments of each kind with MEMWHY_FULL_TESTS=1, else one.
"""

import time

import pytest
from conftest import is_alive, processes_with, wait_for
from survival import Run, cases, check_damage, check_session, chosen, kill


@pytest.mark.parametrize("seed", cases(6, 1))
@pytest.mark.parametrize("load", ["forks", "threads", "flood"])
@pytest.mark.parametrize("victim", ["target", "recorder", "both"])
def test_a_kill_in_a_storm(memwhy, tmp_path, marked, victim, load, seed):
    chance, after, pause = chosen(victim, load, seed)
    run = Run(memwhy, tmp_path, marked, after + 1, pause, code=7, load=load)
    target = run.target()
    time.sleep(after)
    victims = {"target": [target], "recorder": [run.recorder.pid]}
    victims["both"] = chance.sample([target, run.recorder.pid], 2)
    killed_ns = time.monotonic_ns()
    for pid in victims[victim]:
        kill(pid)
        time.sleep(chance.choice([0, 0.01]))
    run.recorder.wait(60)
    wait_for(lambda: not is_alive(target), what="end of the target")
    # Children of the program end by themselves; what they write belongs to the session too.
    wait_for(lambda: not processes_with(f"INTEGRATION_TEST={tmp_path}"), what="end of all")
    if victim == "recorder":
        assert run.output() == f"done: {len(run.blocks()) - 1}\n", run.errors()
    stats = check_session(memwhy, run, killed_ns)
    check_damage(stats)
    expected = {"target": ["signal:9"], "recorder": ["recorder_lost"]}
    # The recorder may have had the time to see the end, if the program went first.
    assert stats["session"]["ended"] in expected.get(victim, ["signal:9", "recorder_lost"])
