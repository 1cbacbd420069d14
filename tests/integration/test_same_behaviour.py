# SPDX-License-Identifier: Apache-2.0
"""A program does with `memwhy run` what it does without: output, exit, signals, threads, errno."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys

import pytest
from conftest import clean_environment, stats_of

# Programs, each for `python -c`. What they print is the same in every run.
PROGRAMS = {
    "exit 0": "print('fine')",
    "exit 3": "import sys; print('three'); sys.exit(3)",
    "exit with text": "import sys; sys.exit('a reason')",
    "uncaught exception": "def f(): raise KeyError('x')\nf()",
    "os._exit": "import os; print('at once', flush=True); os._exit(9)",
    "SIGTERM": "import os; print('x', flush=True); os.kill(os.getpid(), 15)",
    "SIGKILL": "import os; os.kill(os.getpid(), 9)",
    "SIGSEGV": "import ctypes; ctypes.string_at(8)",
    "SIGABRT": "import os; os.abort()",
    "SIGINT": "import os, time; os.kill(os.getpid(), 2); time.sleep(9)",
    "SIGPIPE": "import os, signal; signal.signal(13, signal.SIG_DFL)\n"
    "r, w = os.pipe(); os.close(r); os.write(w, b'x')",
    "sys.exit in a thread": """
import sys, threading
t = threading.Thread(target=sys.exit, args=(4,)); t.start(); t.join()
print('main goes on'); sys.exit(2)""",
    "daemon threads at exit": """
import threading, time
def work():
    while True: [bytes(3000) for _ in range(50)]
for _ in range(4): threading.Thread(target=work, daemon=True).start()
time.sleep(0.2); print('end')""",
    "atexit and destructors": """
import atexit, threading
class Last:
    def __del__(self): print('deleted', bytes(2000)[:1])
keep = Last(); keep.me = keep
atexit.register(print, 'first in, last out'); atexit.register(print, 'second')
t = threading.Thread(target=lambda: print('thread')); t.start()""",
    "stdin": "import sys; print(sys.stdin.read().upper())",
    "much output": "for n in range(20000): print(n, 'x' * 50)",
    "descriptors": "import os; print(sorted(os.listdir('/proc/self/fd')))",
    "signal state": """
import signal
print([(s, signal.getsignal(s)) for s in range(1, 32) if s not in (9, 19)])
print(signal.pthread_sigmask(signal.SIG_BLOCK, []))""",
    "environment": """
import os
ours = ('MEMWHY_', 'LD_PRELOAD', '_', 'SHLVL')
print(sorted((k, v) for k, v in os.environ.items() if not k.startswith(ours)))""",
    "arguments": "import sys; print(sys.argv, sys.flags, sys.executable)",
    "limits and ids": """
import os, resource
print([resource.getrlimit(n) for n in range(16)], os.getpgrp() == os.getpid())
print(os.umask(0), os.getpriority(0, 0), os.sched_getaffinity(0), os.getcwd())
print(open('/proc/self/oom_score_adj').read())""",
    "threads": """
import os, threading
def count(): return len(os.listdir('/proc/self/task'))
print(count()); e = threading.Event()
ts = [threading.Thread(target=e.wait) for _ in range(3)]; [t.start() for t in ts]
print(count(), len(bytes(10**7))); e.set(); [t.join() for t in ts]
import time
while count() > 1: time.sleep(0.01)
print(count())""",
    "fork": """
import os, sys
for code in (0, 5):
    pid = os.fork()
    if pid == 0:
        kept = [bytes(5000 + n) for n in range(2000)]; del kept[::2]
        os._exit(code)
    print(os.waitpid(pid, 0)[1])
pid = os.fork()
if pid == 0: os.kill(os.getpid(), 11)
print(os.waitpid(pid, 0)[1])
pid = os.fork()
if pid == 0:
    grand = os.fork()
    if grand == 0: sys.exit(len([bytes(4000) for _ in range(100)]) - 97)
    sys.exit(os.WEXITSTATUS(os.waitpid(grand, 0)[1]) + 1)
print(os.waitpid(pid, 0)[1])""",
    "fork while threads allocate": """
import os, threading
stop = False
def churn():
    kept = []
    while not stop: kept.append(bytes(2000)); kept = kept[-200:]
ts = [threading.Thread(target=churn) for _ in range(3)]; [t.start() for t in ts]
codes = []
for n in range(20):
    pid = os.fork()
    if pid == 0:
        x = [bytes(1000 + i) for i in range(500)]
        t = threading.Thread(target=lambda: [bytes(3000) for _ in range(100)])
        t.start(); t.join(); os._exit(n)
    codes.append(os.WEXITSTATUS(os.waitpid(pid, 0)[1]))
stop = True; [t.join() for t in ts]; print(codes)""",
    "subprocess": """
import subprocess, sys
run = lambda *a: subprocess.run(a, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
r = run(sys.executable, '-c', 'print(len(bytes(10**6))); raise SystemExit(4)')
print(r.returncode, r.stdout)
r = run('/bin/sh', '-c', 'echo shell; exit 6'); print(r.returncode, r.stdout)
r = run('/bin/sh', '-c', 'kill -9 $$'); print(r.returncode, r.stdout)
print(run('/bin/true').returncode)""",
    "exec of a shell": "import os; os.execv('/bin/sh', ['sh', '-c', 'echo shell; exit 6'])",
    "exec of itself": """
import os, sys
if len(sys.argv) > 1: print('again', len([bytes(5000) for _ in range(99)])); sys.exit(8)
os.execv(sys.executable, [sys.executable, '-c', "print('second'); raise SystemExit(8)"])""",
    "warnings are errors": """
import os, warnings
warnings.simplefilter('error')
pid = os.fork()
if pid == 0: os._exit(3)
print(os.waitpid(pid, 0)[1])""",
    "tracemalloc": """
import tracemalloc
tracemalloc.start(); x = [bytes(1000) for _ in range(10)]
print(tracemalloc.get_traced_memory()[0] > 10000)""",
    "limited address space": """
import resource
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
try: bytes(4 << 30)
except MemoryError: print('MemoryError')
print(len(bytes(10 << 20)))""",
}
MULTIPROCESSING = """
import multiprocessing, os, sys
def work(n):
    kept = [bytes(5000 + n) for _ in range(200)]
    return n * n + len(kept)
if __name__ == '__main__':
    for way in ('fork', 'spawn', 'forkserver'):
        with multiprocessing.get_context(way).Pool(2) as pool:
            print(way, sum(pool.map(work, range(20))))
    p = multiprocessing.get_context('fork').Process(target=sys.exit, args=(7,))
    p.start(); p.join(); print(p.exitcode)
"""


def run(command, marked, **options):
    options.setdefault("env", clean_environment(**marked))
    return subprocess.run(
        command, capture_output=True, input=b"some input", timeout=120, **options
    )


def without_ours(text):
    """stderr without our lines and without what differs in any two runs."""
    lines = [line for line in text.split(b"\n") if not line.startswith(b"memwhy: ")]
    return re.sub(rb"0x[0-9a-f]+|Thread-\d+|pid=\d+", b"", b"\n".join(lines))


def assert_same(memwhy, tmp_path, marked, command, **options):
    plain = run(command, marked, **options)
    recorded = run(
        [memwhy, "run", "-o", str(tmp_path / "s.mwy"), "--", *command], marked, **options
    )
    assert recorded.stdout == plain.stdout
    assert recorded.returncode == plain.returncode
    assert without_ours(recorded.stderr) == without_ours(plain.stderr)
    return plain


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_behaves_the_same(python, memwhy, tmp_path, marked, name):
    assert_same(memwhy, tmp_path, marked, [python.path, "-c", PROGRAMS[name]])
    stats = stats_of(memwhy, tmp_path / "s.mwy")
    assert stats["session"]["lost_events"] == 0


def test_multiprocessing_behaves_the_same(python, memwhy, tmp_path, marked):
    program = tmp_path / "program.py"
    program.write_text(MULTIPROCESSING)
    plain = assert_same(memwhy, tmp_path, marked, [python.path, str(program)])
    assert plain.returncode == 0, plain.stderr


def test_how_it_ended_is_said(python, memwhy, tmp_path, marked):
    known = {"exit 3": "exit:3", "os._exit": "exit:9"}
    known.update({"SIGTERM": "signal:15", "SIGSEGV": "signal:11"})
    for number, (name, ended) in enumerate(known.items()):
        session = str(tmp_path / f"{number}.mwy")
        run([memwhy, "run", "-o", session, "--", python.path, "-c", PROGRAMS[name]], marked)
        assert stats_of(memwhy, session)["session"]["ended"] == ended


def test_a_signal_to_the_recorder_reaches_the_program(memwhy, tmp_path, marked):
    program = """if 1:
        import os, signal, sys, time
        signal.signal(signal.SIGTERM, lambda *a: (os.write(1, b'told\\n'), sys.exit(5)))
        os.write(1, b'up\\n')  # print is not reentrant
        while True: time.sleep(0.01)"""
    process = subprocess.Popen(
        [memwhy, "run", "-o", str(tmp_path / "s.mwy"), "--", sys.executable, "-c", program],
        env=clean_environment(**marked),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"up\n"
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (5, b"told\n"), errors


def test_a_shell_script_that_starts_python(python, memwhy, tmp_path, marked):
    script = tmp_path / "start.sh"
    script.write_text(
        f"#!/bin/sh\necho starting\n'{python.path}' -c 'x = [bytes(7000) for _ in range(300)];"
        " raise SystemExit(3)'\necho $?\nexit 12\n"
    )
    script.chmod(0o755)
    assert_same(memwhy, tmp_path, marked, [str(script)])
    stats = stats_of(memwhy, tmp_path / "s.mwy")
    assert stats["totals"]["allocated"]["bytes"] > 300 * 7033


def test_a_console_script_by_its_first_line(python, memwhy, tmp_path, marked):
    script = tmp_path / "tool"
    script.write_text(f"#!{python.path}\nimport sys\nprint(sys.argv[1:], len(bytes(9000)))\n")
    script.chmod(0o755)
    assert_same(memwhy, tmp_path, marked, [str(script), "a", "--json", "-o", "x", "--"])
    assert stats_of(memwhy, tmp_path / "s.mwy")["totals"]["allocated"]["blocks"] > 0


@pytest.mark.parametrize(
    "command",
    [["/bin/echo", "hello"], ["/bin/sh", "-c", "exit 9"], ["/bin/sh", "-c", "kill -9 $$"]],
)
def test_a_program_that_is_no_python(memwhy, tmp_path, marked, command):
    assert_same(memwhy, tmp_path, marked, command)


def test_few_descriptors(python, memwhy, tmp_path, marked):
    program = """if 1:
        import os
        opened = []
        try:
            while True: opened.append(os.open('/dev/null', 0))
        except OSError as error: print(error, len(opened))"""
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))  # noqa: E731
    assert_same(memwhy, tmp_path, marked, [python.path, "-c", program], preexec_fn=limit)


def test_small_address_space_from_the_start(python, memwhy, tmp_path, marked):
    program = "print(len(bytes(30 << 20)), len([bytes(n) for n in range(5000)]))"
    script = f"ulimit -v 500000; exec '{python.path}' -c '{program}'"
    assert_same(memwhy, tmp_path, marked, ["/bin/sh", "-c", script])


def test_disabled_is_inert(python, memwhy, agent, tmp_path, marked):
    program = "import ctypes; print(ctypes.CDLL(None).memwhy_enabled(), len(bytes(5000)))"
    folder = tmp_path / "session"
    folder.mkdir()
    environment = clean_environment(
        LD_PRELOAD=agent, MEMWHY_SESSION=str(folder), MEMWHY_DISABLE="1", **marked
    )
    done = run([python.path, "-c", program], marked, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"0 5000\n", b"")
    assert list(folder.iterdir()) == []
    del environment["MEMWHY_DISABLE"]
    done = run([python.path, "-c", program], marked, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"1 5000\n", b"")
    assert len(list(folder.iterdir())) == 1


def test_an_agent_without_a_session_is_inert(python, agent, tmp_path, marked):
    for session in ("", "relative", str(tmp_path / "missing"), "/proc/self/nowhere"):
        environment = clean_environment(LD_PRELOAD=agent, MEMWHY_SESSION=session, **marked)
        done = run([python.path, "-c", "print('fine')"], marked, env=environment)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"fine\n", b"")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["read-only", "file", "taken", "missing"])
def test_a_session_that_cannot_be_made_is_refused(memwhy, tmp_path, marked, place):
    witness = tmp_path / "ran"
    session = tmp_path / "s.mwy"
    if place == "read-only":  # also for root
        session = "/proc/self/s.mwy"
    elif place == "file":
        session.write_text("")
        session = session / "below.mwy"
    elif place == "taken":
        session.mkdir()
        (session / "mine").write_text("")
    else:
        session = tmp_path / "no" / "such" / "s.mwy"
    before = sorted(tmp_path.rglob("*"))
    done = run([memwhy, "run", "-o", str(session), "--", "/bin/touch", str(witness)], marked)
    assert done.returncode == 3
    assert done.stdout == b""
    assert done.stderr.startswith(b"memwhy: ") and b"not run" in done.stderr
    assert sorted(tmp_path.rglob("*")) == before, "the program ran, or something was left behind"


def test_a_program_that_does_not_exist(memwhy, tmp_path, marked):
    for command in (["/no/such/program"], ["no-such-program-at-all"], [str(tmp_path)]):
        done = run([memwhy, "run", "-o", str(tmp_path / "s.mwy"), "--", *command], marked)
        assert done.returncode == 3
        assert list(tmp_path.iterdir()) == []
    done = run([memwhy, "run", "-o", str(tmp_path / "s.mwy"), "--"], marked)
    assert done.returncode == 2


ERRNO = """if 1:
    import ctypes, errno, mmap
    c = ctypes.CDLL(None, use_errno=True)
    size, pointer = ctypes.c_size_t, ctypes.c_void_p
    for name in ('malloc calloc realloc reallocarray memalign aligned_alloc valloc pvalloc mmap '
                 'mremap sbrk').split():
        getattr(c, name).restype = pointer
    def errno_of(name, *arguments):
        ctypes.set_errno(77)
        value = getattr(c, name)(*arguments)
        print(name, arguments[-1].value if hasattr(arguments[-1], 'value') else '', value is None,
              errno.errorcode.get(ctypes.get_errno(), ctypes.get_errno()))
        return pointer(value)
    huge, out = size((1 << 63) - 1), pointer(5)
    c.free(errno_of('malloc', size(100))); errno_of('malloc', huge)
    c.free(errno_of('calloc', size(3), size(100))); errno_of('calloc', huge, size(100))
    block = errno_of('realloc', None, size(100)); block = errno_of('realloc', block, size(300000))
    errno_of('realloc', block, huge); errno_of('reallocarray', block, huge, size(16))
    block = errno_of('reallocarray', block, size(3), size(100))
    ctypes.set_errno(77); c.free(block); print('free', ctypes.get_errno())
    ctypes.set_errno(77); c.free(None); print('free', ctypes.get_errno())
    c.free(errno_of('memalign', size(64), size(100))); errno_of('memalign', size(64), huge)
    c.free(errno_of('aligned_alloc', size(64), size(128)))
    errno_of('aligned_alloc', size(64), huge)
    c.free(errno_of('valloc', size(100))); errno_of('valloc', huge)
    c.free(errno_of('pvalloc', size(100))); errno_of('pvalloc', huge)
    for arguments in ((size(3), size(64)), (size(64), huge), (size(64), size(64))):
        ctypes.set_errno(77)
        print('posix_memalign', c.posix_memalign(ctypes.byref(out), *arguments), out.value == 5,
              ctypes.get_errno())
    errno_of('mmap', None, size(0), 3, 34, -1, ctypes.c_long(0))
    at = errno_of('mmap', None, size(8192), 3, 34, -1, ctypes.c_long(0))
    errno_of('mremap', at, size(4096), huge, 0)
    errno_of('munmap', pointer(at.value + 1), size(4096)); errno_of('munmap', at, size(8192))
    errno_of('madvise', at, size(4096), 4); errno_of('madvise', pointer(1), size(4096), 4)
    errno_of('sbrk', ctypes.c_long(1 << 62)); errno_of('brk', pointer(8))
    errno_of('sbrk', ctypes.c_long(0))
"""


def test_errno_is_what_the_call_left(python, memwhy, tmp_path, marked):
    program = ERRNO.replace("errno_of('sbrk', ctypes.c_long(0))", "pass")
    plain = assert_same(memwhy, tmp_path, marked, [python.path, "-c", program])
    assert plain.returncode == 0, plain.stderr
    assert b"ENOMEM" in plain.stdout and b" 77" in plain.stdout


NEXT = """
#define _GNU_SOURCE
#include <dlfcn.h>
int puts(const char* text) {
  int (*next)(const char*) = (int (*)(const char*))dlsym(RTLD_NEXT, "puts");
  return next == puts ? -1 : next(text);
}
"""


def test_a_library_finds_the_next_symbol(memwhy, tmp_path, marked):
    """dlsym answers by who calls it: a library after the agent in the loader's order."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    library = tmp_path / "next.so"
    (tmp_path / "next.c").write_text(NEXT)
    command = [compiler, "-shared", "-fPIC", "-o", library, tmp_path / "next.c"]
    subprocess.run(command, check=True)
    program = """if 1:
        import ctypes
        everything = ctypes.CDLL(None)
        print(everything.puts(b"said") >= 0, everything.dlsym is not None)
        for library in (everything, ctypes.CDLL("libc.so.6")):
            try:
                library.no_such_function
            except AttributeError as error:
                print("no_such_function" in str(error))
    """
    plain = assert_same(
        memwhy,
        tmp_path,
        dict(marked, LD_PRELOAD=str(library)),
        ["/usr/bin/python3", "-u", "-c", program],
    )
    assert plain.returncode == 0 and b"True True" in plain.stdout, plain.stderr


EXPORTED = """malloc calloc realloc reallocarray free posix_memalign aligned_alloc memalign valloc
    pvalloc mmap mmap64 munmap mremap brk sbrk madvise
    _exit _Exit execve execv execvp execvpe execl execle execlp fexecve execveat
    posix_spawn posix_spawnp prctl syscall dlsym setrlimit setrlimit64 prlimit prlimit64
    dlclose sigaction signal bsd_signal ssignal sysv_signal __sysv_signal sigset sigignore
    memwhy_abi_version memwhy_enabled memwhy_mark"""
# Of libc; none of them allocates, takes a lock that a forked child could inherit held, or unwinds,
# when called where the agent calls it.
UNDEFINED = """__environ __errno_location __libc_current_sigrtmax __libc_current_sigrtmin
    __progname_full __register_atfork __sigsetjmp access clock_gettime close dlvsym environ fcntl
    flock fstat getauxval getegid getenv geteuid getpid getppid getrlimit gnu_get_libc_version memchr memcmp memcpy
    memmem memmove memset nanosleep on_exit open openat posix_fallocate pread
    program_invocation_name program_invocation_short_name __progname pthread_attr_destroy pthread_attr_init pthread_attr_setdetachstate
    pthread_attr_setstack pthread_create pthread_getcpuclockid pthread_getspecific pthread_join pthread_key_create pthread_self
    pthread_setspecific pthread_sigmask pwrite read readlink rename setitimer sigaction sigaddset sigaltstack
    sigemptyset sigfillset siglongjmp sigprocmask stat statfs strchr strchrnul strcmp strlen strncmp
    strnlen strrchr strstr strtol strtoul strtoull unlink write"""
WEAK = set(
    "_ITM_deregisterTMCloneTable _ITM_registerTMCloneTable __cxa_finalize __gmon_start__".split()
)


def test_symbols_of_the_agent(agent):
    if shutil.which("nm") is None:
        pytest.skip("no nm (binutils)")
    text = subprocess.run(["nm", "-D", agent], capture_output=True, text=True, check=True).stdout
    exported, undefined = set(), set()
    for line in text.splitlines():
        kind, name = line.split()[-2:]
        (undefined if kind in "Uw" else exported).add(name.split("@")[0])
    assert exported == set(EXPORTED.split())
    assert not undefined - WEAK - set(UNDEFINED.split())


def test_the_agent_needs_libc_alone(agent):
    if shutil.which("readelf") is None:
        pytest.skip("no readelf (binutils)")
    command = ["readelf", "-dW", agent]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    needed = re.findall(r"NEEDED.*\[(.*)\]", text)
    assert set(needed) <= {"libc.so.6", "libdl.so.2", "libpthread.so.0", "ld-linux-x86-64.so.2"}
