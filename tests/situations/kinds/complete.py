# SPDX-License-Identifier: Apache-2.0
"""A session is complete when every CPython of the tree is in it, and names those that are not."""

import contextlib
from pathlib import Path

from build import launcher, own_malloc
from situation import MEMWHY, Situation, needs_root

SANITIZERS = sorted(Path("/usr/lib").glob("*/libasan.so.*"))
ALLOCATORS = sorted(Path("/usr/lib").glob("*/libjemalloc.so.2"))


def needs_asan():
    return None if SANITIZERS else "no libasan"


def needs_jemalloc():
    return None if ALLOCATORS else "no libjemalloc.so.2"


# A child of every way that loses the environment; each makes one known block.
EMPTIED = """
import os, subprocess, sys
known_block()
if len(sys.argv) > 1:
    sys.exit(0)
again = [sys.executable, os.path.abspath(__file__), "child"]
subprocess.run(again, env={})
subprocess.run(again, env={"A": "1"})
subprocess.run(["env", "-i", *again])
subprocess.run(["sh", "-c", 'env -i sh -c \\'"$@"\\' sh "$@"', "sh", *again])
subprocess.run(["sh", "-c", 'unset LD_PRELOAD; exec "$@"', "sh", *again])
os.waitpid(os.posix_spawn(again[0], again, {}), 0)
for call in (os.execve, os.execvpe):
    pid = os.fork()
    if pid == 0:
        call(again[0], again, {})
    os.waitpid(pid, 0)
pid = os.fork()
if pid == 0:
    os.execve(os.open(again[0], os.O_RDONLY), again, {})
os.waitpid(pid, 0)
"""
DISABLED = """
import os, subprocess, sys
if len(sys.argv) == 1:
    known_block()
    again = [sys.executable, os.path.abspath(__file__), "child"]
    subprocess.run(again, env={"MEMWHY_DISABLE": "1"})
    subprocess.run(again, env=dict(os.environ, MEMWHY_DISABLE="1"))
else:
    print(os.environ["MEMWHY_DISABLE"])
"""
OTHER_PRELOAD = """
import os, subprocess, sys
known_block()
if len(sys.argv) == 1:
    again = [sys.executable, os.path.abspath(__file__), "child"]
    os.environ["LD_PRELOAD"] = os.environ["OTHER"]
    subprocess.run(again)
    subprocess.run(again, env={"LD_PRELOAD": os.environ["OTHER"]})
else:
    print(os.environ["LD_PRELOAD"])
"""
SANITIZED = """
import os, subprocess, sys
if len(sys.argv) == 1:
    known_block()
    again = [sys.executable, os.path.abspath(__file__), "child"]
    subprocess.run(again, env={"LD_PRELOAD": os.environ["OTHER"], "ASAN_OPTIONS": "detect_leaks=0"})
else:
    print("child", os.environ["LD_PRELOAD"])
"""
OTHER_USER = """
import os, subprocess, sys
if len(sys.argv) == 1:
    known_block()
    again = [sys.executable, "-c", "import os; print(os.getuid(), len(bytes(10**6)))"]
    subprocess.run(again, user=65534, group=65534, extra_groups=[])
    sys.exit(3)
"""
# The worker is forked first and changes its user then, as servers do.
DROPPED = """
import os
known_block()
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
        blocks = [known_block() for _ in range(10)]
        os._exit(0)
    print(os.waitpid(pid, 0)[1])
"""
CHROOTED = """
import os, subprocess, sys
known_block()
root = os.environ["ROOT"]
pid = os.fork()
if pid == 0:  # a worker that goes on in there
    os.chroot(root); os.chdir("/")
    blocks = [known_block() for _ in range(10)]
    os._exit(0)
print(os.waitpid(pid, 0)[1], flush=True)
for command in (["chroot", root], ["sh", "-c", 'exec chroot "$0" "$@"', root]):
    done = subprocess.run([*command, "/usr/bin/python3", "-I", "-S", "-c",
                           "import os; print(os.listdir('/'), flush=True)"],
                          capture_output=True, text=True)
    print(done, flush=True)
"""
# The child lives until the session says of it, and says so itself.
LAUNCHED = """
import json, os, subprocess, sys
def is_named():
    session = os.environ["SESSION"]
    if not os.path.exists(session):
        return True  # nothing records
    done = subprocess.run([os.environ["MEMWHY_PROGRAM"], "stats", "--json", session],
                          capture_output=True)
    return done.returncode == 0 and not json.loads(done.stdout)["session"]["complete"]
known_block()
read, write = os.pipe()
child = subprocess.Popen([os.environ["TOOL"], sys.executable, "-I", "-S", "-c",
                          "import sys; sys.stdin.read(); print('read')"], stdin=read)
os.close(read)
while not is_named():
    pass
os.close(write)
print(child.wait())
"""
NAMESPACE = """
import ctypes, os, subprocess, sys
def work(seed):
    for _ in range(200):
        known_block(70_000 + seed)
if len(sys.argv) == 1:
    known_block()
    again = [sys.executable, os.path.abspath(__file__), "child"]
    for number in range(2):
        print(subprocess.run([*os.environ["INTO"].split(), *again]).returncode)
else:
    work(1)
    pid = os.fork()
    if pid == 0:
        work(2)
        os._exit(0)
    print(os.waitpid(pid, 0)[1], flush=True)
    # Long enough for the recorder to come by several times.
    for turn in range(40):
        blocks = [bytes(100) for _ in range(20_000)]
    work(3)
"""


@contextlib.contextmanager
def root_folder(folder):
    """A root folder with /usr and no agent; in a mount namespace of its own, which {mounted} makes."""
    root = folder / "root"
    (root / "usr").mkdir(parents=True)
    for name in ("lib", "lib64", "bin"):
        (root / name).symlink_to(f"usr/{name}")
    yield {"root": str(root)}


OWN_MALLOC = """
import os, subprocess
known_block()
print(subprocess.run([os.environ["TOOL"], "-I", "-S", "-c", "print(len(bytes(10**6)))"],
                     capture_output=True))
"""

SITUATIONS = [
    Situation(
        name="a malloc of its own",
        what="A Python that is linked with another malloc works, and the session says so",
        program=OWN_MALLOC,
        setup=own_malloc,
        environment={"TOOL": "{tool}"},
        known=1,
        complete=False,
        notes=("tool", "malloc is not recorded"),
    ),
    Situation(
        name="emptied environments",
        what="Children that are given an empty environment, in nine ways, are recorded",
        program=EMPTIED,
        known=10,
    ),
    Situation(
        name="asked for nothing",
        what="A child with MEMWHY_DISABLE=1 is not recorded, which makes nothing incomplete",
        program=DISABLED,
        known=1,
    ),
    Situation(
        name="another LD_PRELOAD",
        what="A child that is given an LD_PRELOAD of its own is recorded, and sees its own",
        program=OTHER_PRELOAD,
        environment={"OTHER": str(ALLOCATORS[0] if ALLOCATORS else "")},
        needs=(needs_jemalloc,),
        known=3,
    ),
    Situation(
        name="a preloaded sanitizer",
        what="A child under an address sanitizer works, and the session says that it is missing",
        program=SANITIZED,
        environment={"OTHER": str(SANITIZERS[-1] if SANITIZERS else "")},
        needs=(needs_asan,),
        known=1,
        complete=False,
        notes=("python3", "sanitizer"),
    ),
    Situation(
        name="a program of another user",
        what="A child that is executed as another user works, and the session says it is missing",
        program=OTHER_USER,
        needs=(needs_root,),
        known=1,
        complete=False,
        notes=("python3", "may not write"),
    ),
    Situation(
        name="workers that change their user",
        what="Forked workers that change their user are recorded",
        program=DROPPED,
        needs=(needs_root,),
        known=31,
    ),
    Situation(
        name="chroot",
        what="A worker that goes into a chroot is recorded; programs in there work and are named",
        program=CHROOTED,
        outside=("unshare", "--mount", "sh", "-c",
                 'mount --bind /usr "$0/usr" && exec "$@"', "{root}"),
        setup=root_folder,
        environment={"ROOT": "{root}"},
        needs=(needs_root,),
        known=11,
        complete=False,
        notes=("python3", "no agent"),
    ),
    Situation(
        name="a launcher that tells nobody",
        what="A static program executes a CPython without an environment: the session names it",
        program=LAUNCHED,
        setup=launcher,
        environment={"TOOL": "{tool}", "SESSION": "{folder}/s.mwy", "MEMWHY_PROGRAM": MEMWHY},
        known=1,
        complete=False,
        notes=("python3", "without the agent"),
    ),
    Situation(
        name="PID namespaces",
        what="Children in PID namespaces of their own are recorded to their end",
        program=NAMESPACE,
        environment={"INTO": "unshare --pid --fork"},
        needs=(needs_root,),
        known=1 + 2 * 600,
    ),
    Situation(
        name="a PID namespace with its own proc",
        what="The same with a /proc of their own",
        program=NAMESPACE,
        environment={"INTO": "unshare --pid --fork --mount-proc"},
        needs=(needs_root,),
        known=1 + 2 * 600,
    ),
    Situation(
        name="time namespaces",
        what="Children whose clocks are shifted are recorded to their end",
        program=NAMESPACE,
        environment={"INTO": "unshare --time --fork --monotonic 100000 --boottime 500000"},
        needs=(needs_root,),
        known=1 + 2 * 600,
    ),
]
