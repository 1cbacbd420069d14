# SPDX-License-Identifier: Apache-2.0
"""Resource limits that a program has, sets for itself, or gives its children."""

from situation import Situation

CHILD = {"child.py": """
import program_preamble
kept = [program_preamble.known_block() for _ in range(5)]
print(len(kept))
""", "program_preamble.py": "def known_block(size=100_000):\n    return bytearray(size)\n"}

FORKS = """
import os, resource
for _ in range(3):
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.{limit}, ({value}, {value}))
        kept = [known_block() for _ in range(5)]
        os._exit(4)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

EXECUTES = """
import resource, subprocess, sys
def limit():
    resource.setrlimit(resource.{limit}, ({value}, {value}))
for _ in range(2):
    done = subprocess.run([sys.executable, __file__.replace("program.py", "child.py")],
                          preexec_fn=limit, capture_output=True, text=True)
    print(done.returncode, done.stdout, done.stderr)
"""

SELF = """
import os, resource
kept = [known_block() for _ in range(5)]
resource.setrlimit(resource.{limit}, ({value}, {value}))
kept += [known_block() for _ in range(5)]
for _ in range(50000):
    bytearray(1000)
print("done")
"""


def limited(name, what, text, limit, value, known, **more):
    program = text.replace("{limit}", limit).replace("{value}", str(value))
    return Situation(name=name, what=what, program=program, known=known, **more)


# A program beside the interpreter: what it ignores, and that too large a file ends it.
WRITES = ("/bin/sh", "-c", 'grep SigIgn /proc/self/status; '
          '(exec head -c 1000000 /dev/zero >large) 2>/dev/null; echo $?; exec "$@"', "sh")


def inherited(name, what, words, known=10, **more):
    return Situation(
        name=name, what=what, outside=("/bin/sh", "-c", f'ulimit {words} && exec "$@"', "sh"),
        known=known, program="""
import os, resource
kept = [known_block() for _ in range(5)]
print(resource.getrlimit(resource.RLIMIT_FSIZE), resource.getrlimit(resource.RLIMIT_AS),
      resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_MEMLOCK))
child = os.fork()
if child == 0:
    kept = [known_block() for _ in range(5)]
    os._exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
""", **more)


SITUATIONS = [
    limited("file-size-of-itself", "a program that limits the size of its files", SELF,
            "RLIMIT_FSIZE", 1000, 10),
    limited("file-size-of-forked", "forked workers that may write no file (RLIMIT_FSIZE 0)", FORKS,
            "RLIMIT_FSIZE", 0, 15),
    limited("file-size-of-executed", "executed children with a small limit on files: not recorded",
            EXECUTES, "RLIMIT_FSIZE", 10_000, 0, files=CHILD, complete=False,
            notes=("its limit on the size of files (ulimit -f)",)),
    limited("descriptors-of-forked", "forked workers without a free descriptor", FORKS,
            "RLIMIT_NOFILE", 3, 15),
    limited("memory-lock-of-executed", "executed children that may lock no memory", EXECUTES,
            "RLIMIT_MEMLOCK", 0, 10, files=CHILD),
    limited("address-space-of-itself", "a program that limits itself to 400 MiB, and takes 250",
            SELF.replace('print("done")', 'print("done", len(bytearray(250 << 20)))'),
            "RLIMIT_AS", 400 << 20, 10),
    limited("address-space-of-executed", "executed children with 512 MiB of address space", EXECUTES,
            "RLIMIT_AS", 512 << 20, 10, files=CHILD),
    inherited("address-space", "the whole command with 2 GiB of address space", "-v 2000000"),
    inherited("file-size", "the whole command may write files of 100 kB: not recorded, and said",
              "-f 200", known=0, complete=False,
              notes=("its limit on the size of files (ulimit -f)",), inside=WRITES),
    inherited("file-size-tiny", "the same with 16 kB", "-f 32", known=0, complete=False,
              notes=("missing: which processes are not recorded",), inside=WRITES),
    inherited("file-size-soft", "the same, which the program may raise again", "-S -f 200",
              known=0, complete=False, notes=("its limit on the size of files (ulimit -f)",),
              inside=WRITES),
    inherited("file-size-of-a-ring", "the whole command may write files of 8 MiB", "-f 16384"),
    inherited("memory-lock", "the whole command may lock no memory", "-l 0"),
]
