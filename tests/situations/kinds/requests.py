# SPDX-License-Identifier: Apache-2.0
"""Heap dumps asked of processes that must not, or cannot, be woken by a signal.

The driver asks only of a recorded program; what the program does is the same without.
"""

import platform
from pathlib import Path

from situation import PYTHON, Situation, needs_root

HELPER = {"seccomp_filter.py": (Path(__file__).parents[1] / "seccomp_filter.py").read_text()}


def needs_x86():
    return None if platform.machine() == "x86_64" else "the filter is written for x86-64"


DRIVER = """
import ctypes, os, signal, subprocess, sys, time
COMMAND = sys.argv[1:]
RECORDS = COMMAND[1] == "run"
def start(command=COMMAND, **options):
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                             bufsize=1, **options)
    return child, int(line(child))
def line(child): return child.stdout.readline().strip()
def begin_dump(pid):
    path = os.environ["SITUATION"] + f"/{time.monotonic_ns()}.heap"
    return subprocess.Popen([COMMAND[0], "heap", "dump", str(pid), "-o", path],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
def end_dump(asked, status, *words):
    said = asked.communicate()[1]
    if asked.returncode != status or not all(word in said for word in words):
        print("dump:", asked.returncode, said)
def dump(pid, status, *words):
    if RECORDS: end_dump(begin_dump(pid), status, *words)
def state(pid): return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0]
def await_state(pid, wanted):
    while state(pid) not in wanted: time.sleep(0.005)
"""

# Sleeps between lines that it reads, and allocates for each.
READS = """
import os, signal, sys, threading
{before}
print(os.getpid(), flush=True)
for text in sys.stdin:
    kept = [bytes(5000) for _ in range(100)]
    print("read", text.strip(), flush=True)
"""

# By the system call itself, which no library sees: signal 20 and more from the top.
RAW = """
import ctypes
def set_raw(handler):
    action = (ctypes.c_uint64 * 4)(handler, 0, 0, 0)
    for number in range(signal.SIGRTMIN, signal.SIGRTMAX + 1):
        ctypes.CDLL(None).syscall(13, number, action, None, 8)
set_raw({handler})
"""

TALK = """
child, pid = start()
{dumps}
print("a line", file=child.stdin)
print(line(child))
child.stdin.close()
print(child.wait())
"""

# Lines go to the program until the dump has ended.
FED = """
child, pid = start()
if RECORDS:
    asked = begin_dump(pid)
    while asked.poll() is None:
        print("a line", file=child.stdin)
        line(child)
    end_dump(asked, 0, "pause")
print("the end", file=child.stdin)
print(line(child))
child.stdin.close()
print(child.wait())
"""


# Reads lines behind a filter that ends it at any call that this does not need.
FILTERED = READS.format(before="""
import seccomp_filter
CALLS = seccomp_filter.MEMORY + ("futex", "madvise", "getpid", "close")
""").replace("print(os.getpid()", """seccomp_filter.enter(CALLS, how="{how}")
print(os.getpid()""").replace("in sys.stdin", 'in iter(sys.stdin.readline, "")') + "os._exit(4)\n"
NO_DUMP = TALK.format(dumps='dump(pid, 3, "is left alone", "seccomp")')


def behind(name, what, answer, call, dumps):
    """The whole command stands behind a filter, as in a container."""
    return entry(name, what, READS.format(before=""), TALK.format(dumps=dumps), files=HELPER,
                 needs=(needs_x86,),
                 outside=(PYTHON, "-I", "-S", "{folder}/seccomp_filter.py", answer, call))


def entry(name, what, program, driver, **options):
    return Situation(name, what, program, driver=DRIVER + driver, **options)


SITUATIONS = [
    entry("default", "a dump of a service that has set all its signals to their defaults",
          READS.format(before="""
for number in sorted(signal.valid_signals()):
    if number not in (9, 19, signal.SIGINT, signal.SIGPIPE): signal.signal(number, signal.SIG_DFL)
"""), TALK.format(dumps='dump(pid, 0, "pause")')),
    entry("default_raw", "the same by system calls: a signal would end it",
          READS.format(before=RAW.format(handler=0)),
          TALK.format(dumps='dump(pid, 3, "back to its default", "try again")')),
    entry("ignored_raw", "signals ignored by system calls",
          READS.format(before=RAW.format(handler=1)),
          TALK.format(dumps='dump(pid, 3, "ignores signal", "try again")')),
    entry("default_works", "signals at their defaults, but the program works: it is dumped",
          READS.format(before=RAW.format(handler=0)), FED),
    entry("takes_all", "a program that handles every signal by itself sees none of ours",
          READS.format(before="""
def seen(*_): print("seen", _, flush=True)
for number in sorted(signal.valid_signals()):
    if number not in (9, 19): signal.signal(number, seen)
"""), TALK.format(dumps='dump(pid, 3, "uses all signals")')),
    entry("takes_one", "a program that handles the signal that would have been ours",
          READS.format(before="""
print([signal.getsignal(number) for number in range(signal.SIGRTMIN, signal.SIGRTMAX + 1)],
      repr(signal.signal(signal.SIGRTMAX - 3, lambda *_: os.write(1, b"mine\\n"))),
      file=sys.stderr)
"""), """
child, pid = start()
dump(pid, 0, "pause")
for _ in range(20):
    os.kill(pid, signal.SIGRTMAX - 3)
    print(line(child))
dump(pid, 0, "pause")
child.stdin.close()
print(child.wait())
"""),
    entry("killed_by_it", "a real-time signal that a program has no handler for ends it",
          READS.format(before=""), """
for number in range(signal.SIGRTMIN, signal.SIGRTMAX + 1):
    if number in (signal.SIGRTMIN, signal.SIGRTMAX - 3):
        child, pid = start()
        os.kill(pid, number)
        print(number, child.wait())
        if RECORDS: os.rename(COMMAND[COMMAND.index("-o") + 1], os.environ["SITUATION"] + f"/{number}")
child, pid = start()
child.stdin.close()
print(child.wait())
"""),
    entry("waits_for_signals", "a program whose loop waits for all signals (sigwait)", """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
print(os.getpid(), flush=True)
while True:
    number = signal.sigwait(signal.valid_signals())
    print("signal", int(number), flush=True)
    if number == signal.SIGTERM: break
""", """
child, pid = start()
dump(pid, 3, "try again")
for number in (signal.SIGUSR1, signal.SIGRTMAX - 3, signal.SIGTERM):
    os.kill(pid, number)
    print(line(child))
print(child.wait())
"""),
    entry("workers_behind_sigwait", "the same while another thread works: it is dumped", """
import os, signal, threading
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
ends = threading.Event()
def work():
    while not ends.is_set():
        kept = [bytes(5000) for _ in range(100)]
        ends.wait(0.01)
worker = threading.Thread(target=work)
worker.start()
print(os.getpid(), flush=True)
print("signal", int(signal.sigwait(signal.valid_signals())), flush=True)
ends.set()
worker.join()
""", """
child, pid = start()
dump(pid, 0, "pause")
os.kill(pid, signal.SIGTERM)
print(line(child))
print(child.wait())
"""),
    entry("stopped", "a program that is stopped", READS.format(before=""), """
child, pid = start()
os.kill(pid, signal.SIGSTOP)
await_state(pid, "T")
dump(pid, 3, "it is stopped")
os.kill(pid, signal.SIGCONT)
dump(pid, 0, "pause")
child.stdin.close()
print(child.wait())
"""),
    entry("traced", "a program that a debugger has stopped", READS.format(before=""), """
child, pid = start()
libc = ctypes.CDLL(None)
if libc.ptrace(16, pid, None, None) != 0: print("no ptrace")
await_state(pid, "t")
os.waitpid(pid, 0x40000000)
dump(pid, 3, f"process {os.getpid()} traces it")
libc.ptrace(17, pid, None, None)
dump(pid, 0, "pause")
child.stdin.close()
print(child.wait())
"""),
    entry("zombie", "a child that has ended and is not waited for", """
import os, sys
child = os.fork()
if child == 0:
    kept = [bytes(5000) for _ in range(1000)]
    os._exit(0)
print(child, flush=True)
sys.stdin.readline()
""", """
child, pid = start()
await_state(pid, "Z")
dump(pid, 3, "has ended")
child.stdin.close()
print(child.wait())
"""),
    entry("filter_raw", "a filter on system calls that no library has seen: a signal would end it",
          FILTERED.replace("{how}", "raw"), NO_DUMP, files=HELPER, needs=(needs_x86,)),
    entry("filter", "the same filter set through the C library",
          FILTERED.replace("{how}", "prctl"), NO_DUMP, files=HELPER, needs=(needs_x86,)),
    behind("container", "a filter that was there before and refuses a call: it is dumped",
           "errno", "kexec_load", 'dump(pid, 0, "pause")'),
    behind("container_kills", "a filter that was there before and ends who makes a call of a dump",
           "kill", "sched_setscheduler", 'dump(pid, 3, "is left alone", "seccomp")'),
    entry("namespace", "a program of a PID namespace, dumped from outside by its pid there",
          READS.format(before=""), """
child, inner = start(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *COMMAND])
def find(pid):
    try: text = open(f"/proc/{pid}/status").read()
    except OSError: return False
    pids = text.partition("NSpid:")[2].split("\\n")[0].split()
    return len(pids) > 1 and int(pids[-1]) == inner and "python" in text.split()[1] and (
        os.environ["SITUATION"].encode() in open(f"/proc/{pid}/environ", "rb").read())
pid, = [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and find(entry)]
dump(pid, 0, "pause")
child.stdin.close()
print(child.wait())
""", needs=(needs_root,), complete=None),
]
