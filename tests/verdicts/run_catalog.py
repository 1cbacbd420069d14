#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs `memwhy diagnose` on the programs of catalog.toml and counts hits, misses and false blames.

usage: run_catalog.py [--python EXE] [--seconds S] [--jobs N] [--only TEXT] [--twins no|yes]

A hit names rule, layer, line and, where the catalog has them, type and holder, all in the first
finding. Blame of a healthy program or of a clean twin is false. Exit code 1 if something was missed
or blamed falsely.
"""

import argparse
import collections
import concurrent.futures
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from diagnosis import ROOT, diagnose

HERE = Path(__file__).resolve().parent
REFERENCES = ROOT / "tests" / "integration" / "heap" / "references.c"


def made_at(program):
    """The line that makes what stays."""
    lines = (HERE / "programs" / f"{program}.py").read_text(encoding="utf-8").splitlines()
    return next((i for i, line in enumerate(lines, 1) if line.endswith("# MAKES")), None)


def lines_of(finding):
    """All lines that a finding names as those where it comes from."""
    places = [finding.get("who_allocated") or {}, (finding.get("who_holds") or {}).get("filled_by") or {}]
    return {(Path(p["file"]).name, p["line"]) for p in places if p.get("file")}


def faults_of(program, wanted, diagnosis):
    """What of the first finding is not as the catalog says."""
    findings = diagnosis.findings["findings"]
    if not findings:
        return [f"silent ({diagnosis.verdict})"]
    first = findings[0]
    faults = []
    if first["id"] not in wanted["id"]:
        faults.append(f"rule {first['id']}")
    if "layer" in wanted and first["layer"] != wanted["layer"]:
        faults.append(f"layer {first['layer']}")
    if "type" in wanted and wanted["type"] not in str(first["what"]["type"]):
        faults.append(f"type {first['what']['type']}")
    path = "".join((first.get("who_holds") or {}).get("path") or [])
    if "holder" in wanted and wanted["holder"] not in path + str((first.get("who_holds") or {}).get("holder")):
        faults.append(f"holder {path or 'none'}")
    if wanted.get("line", True) and (f"{program}.py", made_at(program)) not in lines_of(first):
        faults.append(f"line {sorted(lines_of(first)) or 'none'}, not {made_at(program)}")
    return faults


def faults_of_screen(program, wanted, diagnosis):
    """What the first 24 lines of 80 columns lack: how it stands, who, where, what next."""
    lines = diagnosis.text.splitlines()
    screen = "\n".join(lines[:24])
    faults = [f"{len(line)} columns" for line in lines if len(line) > 80][:1]
    wants = [diagnosis.verdict.upper(), "   holder    ", "   fix       ", "   next      "]
    if wanted.get("line", True):
        wants.append(f"{program}.py:{made_at(program)}")
    joined = "".join(line.strip() for line in lines[:24])  # a long path is broken
    return faults + [f"first screen: no {w.strip()}" for w in wants if w not in screen and w not in joined]


def look(job):
    """(kind, program, layer, faults, text) of one run."""
    kind, program, wanted, options = job
    clean = ["--clean"] if kind == "clean twin" else []
    with tempfile.TemporaryDirectory(prefix="memwhy-verdicts-") as folder:
        diagnosis = diagnose(
            Path(folder), "--for", options.seconds, "-o", Path(folder) / "s.mwy", "--",
            options.python, HERE / "drive.py", program, "--seconds", options.seconds + 60, *clean,
        )  # fmt: skip
    if kind == "leaking":
        faults = faults_of(program, wanted, diagnosis) + faults_of_screen(program, wanted, diagnosis)
    else:
        faults = [f"blames {f['id']}: {f['title']}" for f in diagnosis.blamed()]
    return kind, program, wanted.get("layer", "native"), faults, diagnosis.text


def build_extension(python, folder):
    say = "import sysconfig; print(sysconfig.get_path('include'))"
    include = subprocess.check_output([python, "-c", say], text=True).strip()
    library = Path(folder) / "references.so"
    subprocess.run(
        ["cc", "-O2", "-shared", "-fPIC", f"-I{include}", REFERENCES, "-o", library], check=True
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default="/usr/bin/python3")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", default="", help="programs whose name contains TEXT")
    parser.add_argument("--twins", choices=["yes", "no"], default="yes")
    parser.add_argument("--show", action="store_true", help="print the text of what is wrong")
    options = parser.parse_args()
    catalog = tomllib.loads((HERE / "catalog.toml").read_text(encoding="utf-8"))
    jobs = [("leaking", name, row, options) for name, row in catalog["leaking"].items()]
    if options.twins == "yes":
        jobs += [("clean twin", name, row, options) for name, row in catalog["leaking"].items()]
    jobs += [("healthy", name, {}, options) for name in catalog["healthy"]["programs"]]
    jobs = [job for job in jobs if options.only in job[1]]
    counts = collections.defaultdict(collections.Counter)
    with tempfile.TemporaryDirectory(prefix="memwhy-verdicts-") as folder:
        build_extension(options.python, folder)
        os.environ["PYTHONPATH"] = folder
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for kind, program, layer, faults, text in pool.map(look, jobs):
                good, bad = ("hit", "miss") if kind == "leaking" else ("silent", "false blame")
                counts[kind, layer if kind == "leaking" else "all"][bad if faults else good] += 1
                print(f"{bad if faults else good:11} {kind:10} {program:22} {'; '.join(faults)}", flush=True)
                if faults and options.show:
                    print(text, flush=True)
    print()
    wrong = 0
    for (kind, layer), count in sorted(counts.items()):
        print(f"{kind:10} {layer:10} " + ", ".join(f"{n} {what}" for what, n in sorted(count.items())))
        wrong += count["miss"] + count["false blame"]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
