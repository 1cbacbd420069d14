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

# All that a process and its children have of signals and limits, in their own eyes and in the
# kernel's. The kernel's set of caught signals is compared where nothing of ours can be: behind an
# exec of a program that is no CPython.
TRAITS = """
import os, resource, signal, subprocess, sys
KERNEL = 'grep -E "^(Sig[PBIC]|Shd)" /proc/self/status; cat /proc/self/limits'
WRITES = 'ulimit -S -f 1; exec head -c 1000000 /dev/zero >large'
def own(who):
    lines = open("/proc/self/status").read().splitlines()
    print(who, {int(number): str(signal.getsignal(number)).partition(" at ")[0]
                for number in sorted(signal.valid_signals())
                if signal.getsignal(number) is not signal.SIG_DFL},
          [line for line in lines if line.startswith(("SigIgn", "SigBlk", "SigPnd", "ShdPnd"))],
          sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
          open("/proc/self/limits").read(), flush=True)
kept = [known_block() for _ in range(5)]
own("program" if len(sys.argv) == 1 else "executed")
if len(sys.argv) > 1:
    sys.exit(0)
child = os.fork()
if child == 0:
    kept += [known_block() for _ in range(5)]
    own("forked")
    os._exit(0)
os.waitpid(child, 0)
for restores in (True, False):
    for command in (["sh", "-c", KERNEL], [sys.executable, __file__, "again"],
                    ["sh", "-c", WRITES]):
        done = subprocess.run(command, restore_signals=restores, capture_output=True, text=True)
        print(restores, command[-1] == WRITES, done.returncode, done.stdout, done.stderr)
shell = ["/bin/sh", "-c", KERNEL]
sys.stdout.flush()
os.waitpid(os.posix_spawn(shell[0], shell, os.environ), 0)
os.waitpid(os.posix_spawn(shell[0], shell, os.environ, setsigdef=[signal.SIGXFSZ]), 0)
os.system(KERNEL)
try:
    open("large", "wb", buffering=0).write(bytes(2 << 30))
except OSError as error:
    print(error.errno)
"""

# Executes the command with signals ignored and blocked, and limits of its own.
PREPARES = """
import os, resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.{disposition})
for number in (signal.SIGHUP, signal.SIGTTIN, signal.SIGRTMIN + 2):
    signal.signal(number, signal.SIG_IGN)
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_BLOCK, [{blocked}])
for name, value in (("NOFILE", 200), ("FSIZE", 100_000_000), ("CORE", 0), ("NPROC", 5000)):
    hard = resource.getrlimit(getattr(resource, "RLIMIT_" + name))[1]
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(getattr(resource, "RLIMIT_" + name), (soft, hard))
os.execvp(sys.argv[1], sys.argv[1:])
"""


def traits(name, what, disposition, blocked=""):
    driver = PREPARES.format(disposition=disposition, blocked=blocked)
    return Situation(name=name, what=what, program=TRAITS, driver=driver, known=20)


SITUATIONS = [
    Situation(name="traits", what="signals and limits of a program and of all its children",
              program=TRAITS.replace("2 << 30", "10"), known=20),
    traits("traits-prepared", "the same with signals and limits set before the command", "SIG_DFL"),
    traits("traits-ignored", "the same with too large files ignored (SIGXFSZ)", "SIG_IGN"),
    traits("traits-blocked", "the same with signals blocked, SIGXFSZ among them", "SIG_DFL",
           "signal.SIGXFSZ, signal.SIGUSR1, signal.SIGRTMIN"),
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
