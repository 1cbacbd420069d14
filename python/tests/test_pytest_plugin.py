# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin on tests with a planted leak, and on those without."""

import sys
from importlib.metadata import distributions

import pytest

pytest_plugins = ["pytester"]


def plugin_arguments():
    """Nothing where the package is installed: its entry point loads the plugin."""
    names = [entry.value for one in distributions() for entry in one.entry_points
             if entry.group == "pytest11"]
    return [] if "memwhy.pytest_plugin" in names else ["-p", "memwhy.pytest_plugin"]


@pytest.fixture
def run(pytester):
    """Runs a test file with the plugin, in a process of its own."""

    def run_file(source, *arguments):
        pytester.makepyfile(test_inner=source)
        return pytester.runpytest_subprocess(*plugin_arguments(), "-p", "no:cacheprovider",
                                             *arguments)

    return run_file


def test_a_test_within_its_limit_passes(run):
    result = run("""
        import pytest

        @pytest.mark.limit_memory("24 MB")
        def test_small():
            assert len(bytearray(8 << 20)) > 0
    """)
    result.assert_outcomes(passed=1)


def test_a_peak_above_the_limit_fails_and_names_the_line(run):
    result = run("""
        import pytest

        @pytest.mark.limit_memory("24 MB")
        def test_large():
            kept = [bytearray(1 << 20) for _ in range(40)]
            test_large.kept = kept
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*took 4* MiB at its peak, the limit is 24 MiB*"])
    result.stdout.fnmatch_lines(["*test_inner.py:5*"])


def test_native_memory_counts(run):
    result = run("""
        import ctypes
        import pytest

        libc = ctypes.CDLL(None)
        libc.calloc.restype = ctypes.c_void_p
        libc.calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
        libc.free.argtypes = [ctypes.c_void_p]

        @pytest.mark.limit_memory("8 MB")
        def test_native():
            block = libc.calloc(1, 32 << 20)
            ctypes.memset(block, 1, 32 << 20)
            libc.free(block)
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*took 3* MiB at its peak, the limit is 8 MiB*"])


def test_growth_is_found_and_its_line_is_named(run):
    result = run("""
        import pytest

        class Session:
            pass

        KEPT = []

        @pytest.mark.no_growth(iterations=20, warmup=3)
        def test_grows():
            KEPT.append(Session())
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*+1 objects of type test_inner.Session per iteration*"])
    result.stdout.fnmatch_lines(["*test_inner.py:10*"])


def test_a_native_leak_is_growth(run):
    result = run("""
        import ctypes
        import pytest

        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p
        libc.malloc.argtypes = [ctypes.c_size_t]

        @pytest.mark.no_growth(iterations=40, warmup=10)
        def test_leaks():
            libc.malloc(1000)
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*bytes of malloc per iteration*"])


def test_a_descriptor_that_stays_open_is_growth(run):
    result = run("""
        import os
        import pytest

        @pytest.mark.no_growth(iterations=12, warmup=2)
        def test_opens():
            os.open("/dev/null", os.O_RDONLY)
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*+1 file descriptors per iteration*"])


def test_work_without_growth_passes(run):
    result = run("""
        import json
        import pytest

        CACHE = {}

        @pytest.mark.no_growth(iterations=40, warmup=5)
        def test_work(tmp_path):
            data = {str(i): [i] * 10 for i in range(200)}
            (tmp_path / "file").write_text(json.dumps(data))
            assert json.loads((tmp_path / "file").read_text()) == data

        @pytest.mark.no_growth(iterations=20, warmup=120)
        def test_cache_that_is_warm_after_100_calls():
            if len(CACHE) < 100:
                CACHE[len(CACHE)] = object()

        @pytest.mark.no_growth(iterations=20, warmup=3)
        def test_cycles():
            cycle = []
            cycle.append(cycle)
    """)
    result.assert_outcomes(passed=3)


def test_leaked_objects_are_counted(run):
    result = run("""
        import pytest

        KEPT = []

        @pytest.mark.limit_leaked_objects(5)
        def test_leaks():
            KEPT.extend([] for _ in range(50))

        @pytest.mark.limit_leaked_objects(5)
        def test_does_not():
            [[] for _ in range(50)]
    """)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*5* objects are left behind, the limit is 5:*", "*50 list*"])


def test_tensors_left_behind_are_counted(run, pytester):
    # A stand-in for torch: what counts is the class torch.Tensor and what derives from it.
    pytester.makepyfile(torch="class Tensor:\n    pass\n")
    result = run("""
        import pytest
        import torch

        class Parameter(torch.Tensor):
            pass

        KEPT = []

        @pytest.mark.limit_tensors(1)
        def test_keeps_two():
            KEPT.extend([torch.Tensor(), Parameter()])

        @pytest.mark.limit_tensors(1)
        def test_keeps_one():
            KEPT.append(torch.Tensor())
    """)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*2 tensors are left behind, the limit is 1*"])


def test_a_failed_test_stays_the_failure_that_it_was(run):
    result = run("""
        import pytest

        @pytest.mark.limit_memory("1 KB")
        def test_fails():
            kept = bytearray(1 << 20)
            assert False, "its own reason"
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*its own reason*"])
    assert "at its peak" not in result.stdout.str()


def test_wrong_markers_are_errors(run):
    result = run("""
        import pytest

        @pytest.mark.limit_memory("many")
        def test_size():
            pass

        @pytest.mark.no_growth(iterations=3)
        def test_few():
            pass

        @pytest.mark.no_growth(iteration=30)
        def test_typo():
            pass
    """)
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["*'many' is no size*", "*needs 8 iterations at least*",
                                 "*takes iterations= and warmup= only*"])


def test_the_table_lists_every_test(run):
    result = run("""
        import pytest

        def test_plain():
            pass

        @pytest.mark.limit_memory("24 MB")
        def test_limited():
            bytearray(8 << 20)
    """, "--memwhy")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*memory of the tests (memwhy)*", "*24 MiB*test_limited*"])
    result.stdout.fnmatch_lines(["*test_plain*"])


def test_the_markers_are_registered(run):
    result = run("""
        import pytest

        @pytest.mark.limit_memory("24 MB")
        def test_marked():
            pass
    """, "--strict-markers", "-W", "error")
    result.assert_outcomes(passed=1)


def test_xdist_workers_report_to_the_table(run):
    pytest.importorskip("xdist")
    result = run("""
        import pytest

        @pytest.mark.limit_memory("4 MB")
        @pytest.mark.parametrize("n", range(4))
        def test_many(n):
            bytearray(n * (3 << 20))
    """, "--memwhy", "-n", "2")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["*4 MiB*test_many?3?*"])


def test_unittest_classes_are_measured(run):
    result = run("""
        import unittest
        import pytest

        class TestCase(unittest.TestCase):
            @pytest.mark.limit_memory("4 MB")
            def test_large(self):
                self.kept = bytearray(32 << 20)
    """)
    result.assert_outcomes(failed=1)


@pytest.mark.skipif(sys.version_info < (3, 9), reason="the package needs Python 3.9")
def test_parse_size():
    from memwhy.pytest_plugin import parse_size, size_text

    assert parse_size("24 MB") == 24 << 20
    assert parse_size("1.5 GiB") == 3 << 29
    assert parse_size("64k") == 64 << 10
    assert parse_size(4096) == 4096
    assert size_text(24 << 20) == "24 MiB"
    assert size_text(-5 << 20) == "-5 MiB"


def test_a_mapping_that_is_lost_is_found_and_a_cache_that_fills_up_is_not(run):
    result = run("""
        import ctypes
        import mmap
        import pytest

        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int,
                              ctypes.c_int, ctypes.c_long]
        cache = {}

        @pytest.mark.no_growth
        def test_loses_a_mapping():
            libc.mmap(None, 16384, mmap.PROT_READ | mmap.PROT_WRITE,
                      mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)

        @pytest.mark.no_growth
        def test_cache_of_100():
            cache[len(cache) % 100] = bytearray(2000)
            if len(cache) == 100:
                cache[99] = bytearray(2000)
    """)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*+1.64e+04 bytes of mappings per iteration*"])


def test_places_that_leave_too_much_behind(run):
    result = run("""
        import ctypes
        import pytest

        libc = ctypes.CDLL(None)
        libc.malloc.argtypes = [ctypes.c_size_t]
        kept = []

        def keep(size):
            kept.append(bytearray(size))

        @pytest.mark.limit_leaks("1 MB")
        def test_keeps_little():
            keep(1000)
            bytearray(8 << 20)

        @pytest.mark.limit_leaks("1 MB")
        def test_keeps_much():
            keep(2 << 20)

        @pytest.mark.limit_leaks("1 MB", filter_fn=lambda stack: stack.frames[0].lineno != 9)
        def test_keeps_what_may_be_kept():
            keep(2 << 20)

        @pytest.mark.limit_leaks("1 MB")
        def test_native():
            for _ in range(64):
                libc.malloc(32 << 10)
    """)
    result.assert_outcomes(failed=2, passed=2)
    result.stdout.fnmatch_lines(["*2 MiB are left behind by one place, the limit is 1 MiB*",
                                 "*test_inner.py:9*", "*test_inner.py:18*"])
    result.stdout.fnmatch_lines(["*native code, beyond what Python's allocators know*"])


def test_objects_may_be_filtered(run):
    result = run("""
        import pytest

        class Row:
            pass

        kept = []

        def is_row(one):
            return type(one) is Row

        @pytest.mark.limit_leaked_objects(filter_fn=is_row)
        def test_keeps_other_things():
            kept.append([Row])
            Row()

        @pytest.mark.limit_leaked_objects(filter_fn=is_row)
        def test_keeps_a_row():
            kept.append(Row())

        @pytest.mark.limit_leaked_objects(filter_fn=lambda one: True)
        def test_keeps_nothing():
            Row().itself = [Row()]

        @pytest.mark.limit_leaked_objects()
        def test_keeps_nothing_either():
            pass
    """)
    result.assert_outcomes(failed=1, passed=3)
    result.stdout.fnmatch_lines(["*1 objects are left behind, the limit is 0:*",
                                 "*1 test_inner.Row*"])


@pytest.mark.parametrize("marker, words", [
    ('limit_leaks("1 MB", current_thread_only=True)', "counts all threads"),
    ('limit_leaks()', "takes one argument and filter_fn="),
    ('limit_leaked_objects(filter_fn=3)', "is a callable"),
    ('limit_memory("1 MB", filter_fn=len)', "takes one argument"),
])
def test_arguments_that_cannot_be_kept_are_named(run, marker, words):
    result = run(f"""
        import pytest

        @pytest.mark.{marker}
        def test_any():
            pass
    """)
    assert result.ret != 0
    result.stdout.fnmatch_lines([f"*{words}*"])
