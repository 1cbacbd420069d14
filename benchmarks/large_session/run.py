# SPDX-License-Identifier: Apache-2.0
"""Records very many events and measures what reading them takes: memory and records per second.

    python benchmarks/large_session/run.py [--events N]

Four threads make malloc and free calls (benchmarks/threads/churn.c) under `memwhy run`; then
`memwhy stats` reads the session from start to end. Needs about 4 bytes of disk per event.
Exit code 0; 1 when a run failed or events were lost; 3 without a compiler or a built memwhy.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks" / "threads"))
from run import MEMWHY, TARGET  # noqa: E402

SCRATCH = ROOT / "build" / "bench-large-session"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=300_000_000, help="(default 300M)")
    arguments = parser.parse_args()
    compiler = shutil.which("cc")
    if compiler is None or not os.access(MEMWHY, os.X_OK):
        print("needs cc and a built memwhy (make build)", file=sys.stderr)
        return 3
    SCRATCH.mkdir(parents=True, exist_ok=True)
    library, session = SCRATCH / "churn.so", SCRATCH / "s.mwy"
    shutil.rmtree(session, ignore_errors=True)
    source = ROOT / "benchmarks" / "threads" / "churn.c"
    command = [compiler, "-O2", "-shared", "-fPIC", str(source), "-o", str(library)]
    subprocess.run(command, check=True)
    program = [sys.executable, "-c", TARGET, str(library), "4", str(arguments.events // 2)]
    try:
        begun = time.perf_counter()
        subprocess.run(
            [str(MEMWHY), "run", "-o", str(session), "--", *program],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        recorded = time.perf_counter() - begun
        size = sum(file.stat().st_size for file in session.iterdir())
        output = SCRATCH / "stats.json"
        with output.open("wb") as stream:
            reader = subprocess.Popen(
                [str(MEMWHY), "stats", "--json", "--top", "1", str(session)], stdout=stream
            )
            _, status, usage = os.wait4(reader.pid, 0)
            reader.returncode = os.waitstatus_to_exitcode(status)
        document = json.loads(output.read_text(encoding="utf-8"))
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        print(f"failed: {error}")
        return 1
    finally:
        shutil.rmtree(session, ignore_errors=True)
    totals = document["totals"]
    events = totals["allocated"]["blocks"] + totals["released"]["blocks"]
    cpu = usage.ru_utime + usage.ru_stime
    print(
        f"recorded {events:,} events in {recorded:.0f} s, {size / events:.2f} bytes each\n"
        f"read in {cpu:.0f} s of CPU time: {events / cpu / 1e6:.1f} million events per second "
        f"(checked, then replayed)\n"
        f"peak {totals['peak']['bytes']:,} bytes at {totals['peak']['at']:.3f} s; "
        f"reader's largest rss {usage.ru_maxrss / 1024:.0f} MiB; "
        f"lost events {document['session']['lost_events']}"
    )
    return 1 if document["session"]["lost_events"] or reader.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
