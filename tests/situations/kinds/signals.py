# SPDX-License-Identifier: Apache-2.0
"""Signals, stops, streams and files of the command itself: as if memwhy were not there.

A driver starts the command and does to it what a shell, a supervisor or a launcher would.
"""

import signal

from situation import Situation

# Writes the number of each signal that arrives, one a line; the C handler counts, no signal is
# merged by Python. Ends at SIGTERM.
TELLS = """
import os, signal
heard, hears = os.pipe()
os.set_blocking(hears, False)
signal.set_wakeup_fd(hears, warn_on_full_buffer=False)
for number in signal.valid_signals():
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, lambda *_: None)
os.write(1, b"ready\\n")
while True:
    for number in os.read(heard, 1000):
        os.write(1, b"%d\\n" % number)
        if number == signal.SIGTERM:
            os._exit(7)
"""

# What drivers share. A fence: a signal of the command's that the program answers to, twice. The
# second answer comes after all that was sent before the first one has been dealt with.
DRIVER = """
import ctypes, fcntl, os, pty, select, signal, subprocess, sys, termios, time
COMMAND = sys.argv[1:]
def start(**options):
    options.setdefault("process_group", 0)
    return subprocess.Popen(COMMAND, stdout=subprocess.PIPE, **options)
def line(child):
    return child.stdout.readline().decode().strip()
def until(child, word):
    said = []
    while not said or said[-1] != word:
        text = line(child)
        assert text, said
        said.append(text)
    return said
def fence(child):
    heard = []
    for _ in range(2):
        os.kill(child.pid, signal.SIGUSR2)
        heard += until(child, "12")[:-1]
    return heard
def wait_event(pid, events=os.WUNTRACED | os.WCONTINUED):
    pid, status = os.waitpid(pid, events)
    if os.WIFSTOPPED(status): return f"stopped by {os.WSTOPSIG(status)}"
    if os.WIFCONTINUED(status): return "continued"
    return f"ended {os.waitstatus_to_exitcode(status)}"
def states(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"
def await_state(pid, wanted):
    while states(pid) not in wanted: time.sleep(0.005)
NUMBERS = sorted(set(signal.valid_signals()) - {9, 19, 12, 15})
"""


def entry(name, what, program, driver, **options):
    options.setdefault("complete", None)
    return Situation(name, what, program, driver=DRIVER + driver, **options)


# Says what it is told through its terminal and by signals. It waits for both at once: a signal just
# before a read would be handled only after it.
JOB = """
import os, select, signal
heard, hears = os.pipe()
os.set_blocking(hears, False)
signal.set_wakeup_fd(hears)
for number in (signal.SIGCONT, signal.SIGINT{more}):
    signal.signal(number, lambda *_: None)
WORDS = {{signal.SIGCONT: b"continued\\n", signal.SIGINT: b"interrupted\\n",
         signal.SIGTSTP: b"cleans up\\n"}}
os.write(1, b"ready %d\\n" % os.getpid())
while True:
    ready = select.select([0, heard], [], [])[0]
    if heard in ready:
        for number in os.read(heard, 100):
            os.write(1, WORDS[number])
            if number == signal.SIGTSTP:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
                signal.signal(number, lambda *_: None)
    elif 0 in ready:
        text = os.read(0, 1000)
        if not text: break
        os.write(1, b"read " + text)
"""

# A shell with one job in the foreground of a terminal, and who sits there. The shell tells what it
# sees of its job, and does what it is told: fg, bg.
TERMINAL = """
tell_r, tell_w = os.pipe()
order_r, order_w = os.pipe()
shell, master = pty.fork()
if shell == 0:
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.close(tell_r); os.close(order_w)
    settings = termios.tcgetattr(0)
    settings[3] &= ~termios.ECHO
    settings[1] &= ~termios.OPOST
    termios.tcsetattr(0, termios.TCSANOW, settings)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.closerange(3, 100)
        os.execvp(COMMAND[0], COMMAND)
    os.write(tell_w, b"%d\\n" % child)
    while True:
        seen = wait_event(child)
        os.write(tell_w, (seen + "\\n").encode())
        if seen.startswith("ended"): os._exit(0)
        if seen.startswith("stopped"):
            os.tcsetpgrp(0, os.getpid())
            order = os.read(order_r, 2)
            if order == b"fg": os.tcsetpgrp(0, child)
            if order != b"no": os.killpg(child, signal.SIGCONT)
os.close(tell_w); os.close(order_r)
screen = b""
def see(word):
    global screen
    while word not in screen:
        screen += os.read(master, 1000)
    before, _, screen = screen.partition(word)
    return before
def type(text): os.write(master, text)
told = os.fdopen(tell_r)
def heard(): return told.readline().strip()
def order(word): os.write(order_w, word)
job = int(heard())
# Whoever types is slower than the command goes on after a stop: until all of it waits again.
def type_slowly(text):
    def waits(): return all(states(f"{job}/task/{task}") in ("S", "gone")
                            for task in os.listdir(f"/proc/{job}/task"))
    while not waits(): time.sleep(0.005)
    type(text)
see(b"ready ")
program = int(see(b"\\n"))
"""

SITUATIONS = [
    entry(
        "each_to_pid", "every signal sent to the command's process reaches the program once",
        TELLS, """
child = start()
print(line(child))
for number in NUMBERS:
    os.kill(child.pid, number)
    print(line(child), fence(child))
child.terminate()
print(line(child), child.wait())
"""),
    entry(
        "each_to_group", "every signal sent to the process group reaches the program once",
        TELLS, """
child = start()
print(line(child))
for number in NUMBERS * 2:
    os.killpg(child.pid, number)
    print(line(child), fence(child))
os.killpg(child.pid, signal.SIGTERM)
print(line(child), child.wait())
"""),
    entry(
        "interrupts", "SIGINT to the process, and to its group, in turns: each counts once",
        TELLS, """
child = start()
print(line(child))
for turn in range(60):
    (os.killpg if turn % 3 else os.kill)(child.pid, signal.SIGINT)
    print(line(child), fence(child))
child.terminate()
print(line(child), child.wait())
"""),
    entry(
        "every_process", "a supervisor that signals each process of a group by its pid", TELLS, """
child = start()
print(line(child))
os.killpg(child.pid, signal.SIGHUP)
print(line(child), fence(child))
# What waits for a group signal must not hide one that comes later.
for entry in filter(str.isdigit, os.listdir("/proc")):
    try:
        name = open(f"/proc/{entry}/comm").read()
        if name == "group-witness\\n" and os.getpgid(int(entry)) == child.pid:
            os.kill(int(entry), signal.SIGHUP)
    except OSError: pass
fence(child)
os.kill(child.pid, signal.SIGHUP)
print(line(child), fence(child))
child.terminate()
print(line(child), child.wait())
"""),
    entry(
        "timer", "a timer and a file's signals that the launcher has set up for this process", """
import os, signal, sys
print(signal.sigwait({signal.SIGALRM, signal.SIGIO}), flush=True)
print(signal.sigwait({signal.SIGALRM, signal.SIGIO}), flush=True)
print(signal.getitimer(signal.ITIMER_REAL), signal.getitimer(signal.ITIMER_VIRTUAL)[1])
""", """
r, w = os.pipe()
def prepare():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGIO})
    signal.setitimer(signal.ITIMER_VIRTUAL, 1000, 77)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    fcntl.fcntl(r, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(r, fcntl.F_SETFL, fcntl.fcntl(r, fcntl.F_GETFL) | os.O_ASYNC)
child = start(preexec_fn=prepare)
print(line(child))
os.write(w, b"x")
print(line(child), line(child), child.wait())
"""),
    entry(
        "launcher_dies", "a launcher whose end shall be told to this process (PR_SET_PDEATHSIG)",
        TELLS, """
out_r, out_w = os.pipe()
r, w = os.pipe()
def prepare(): ctypes.CDLL(None).prctl(1, signal.SIGUSR1)
launcher = os.fork()
if launcher == 0:
    os.write(w, b"%d" % subprocess.Popen(COMMAND, stdout=out_w, preexec_fn=prepare).pid)
    signal.pause()
os.close(out_w)
pid = int(os.read(r, 100))
print(os.read(out_r, 100))
os.kill(launcher, signal.SIGKILL)
os.waitpid(launcher, 0)
print(os.read(out_r, 100))
os.kill(int(pid), signal.SIGTERM)
print(os.read(out_r, 100), os.read(out_r, 100))
"""),
    entry(
        "masks", "signals that the launcher ignores, blocks, or has sent already", """
import signal
for text in open("/proc/self/status"):
    if text.startswith(("SigPnd", "ShdPnd", "SigBlk", "SigIgn")): print(text.strip())
print(sorted(signal.sigpending()))
""", """
def prepare():
    for number in (signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD, signal.SIGTSTP, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.valid_signals()))
    os.kill(os.getpid(), signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGRTMIN)
child = start(preexec_fn=prepare, restore_signals=False)
print(child.stdout.read().decode(), child.wait())
"""),
    entry(
        "files", "files that the launcher passes on have the same numbers, and no other is there", """
import os
for name in sorted(os.listdir("/proc/self/fd"), key=int):
    try: print(name, os.readlink("/proc/self/fd/" + name).split(":")[0])
    except OSError: pass
""", """
a, b = os.pipe()
null = os.open("/dev/null", os.O_RDONLY)
os.dup2(null, 77); os.dup2(b, 45); os.dup2(a, 200)
child = start(pass_fds=(45, 77, 200))
print(child.stdout.read().decode(), child.wait())
"""),
    entry(
        "closed_streams", "standard files that are closed stay closed", """
import os
open("seen", "w").write(str(sorted(n for n in os.listdir("/proc/self/fd") if n in "012")))
""", """
session = COMMAND.index("-o") + 1 if "-o" in COMMAND else None
for closed in ((0,), (1,), (0, 1), (0, 1, 2)):
    def prepare():
        for fd in closed: os.close(fd)
    command = list(COMMAND)
    if session and len(closed) < 3: command[session] += f".{closed}"
    child = subprocess.run(command, preexec_fn=prepare)
    print(closed, child.returncode, open("seen").read())
"""),
    entry(
        "streams_let_go", "pipes that the program closes are closed for who holds the other end", """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
os.close(0); os.close(1); os.close(60)
signal.sigwait({signal.SIGUSR1})
os.write(2, b"still there\\n")
""", """
r, w = os.pipe()
os.dup2(w, 60)
child = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(60,))
os.close(w); os.close(60)
print(child.stdout.read(), os.read(r, 1))
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
try: print(os.write(child.stdin.fileno(), b"x" * 100))
except OSError as error: print(error)
child.send_signal(signal.SIGUSR1)
child.stdin.detach()
print(child.wait())
"""),
    entry(
        "unread_errors", "standard error is a full pipe that nobody reads before the end", """
import os
os.set_blocking(2, False)
try:
    while True: os.write(2, b"e" * 1000)
except BlockingIOError: pass
try:
    while True: os.write(2, b"e")
except BlockingIOError: pass
os.set_blocking(2, True)
os._exit(3)
""", """
child = start(stderr=subprocess.PIPE)
print(child.wait(), child.stderr.read().strip(b"e"))
"""),
    entry(
        "no_reader", "nobody reads standard output and error any more, SIGPIPE is as usual", """
import os, signal
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
os.write(1, b"x")
""", """
r, w = os.pipe()
os.close(r)
print(subprocess.run(COMMAND, stdout=w, stderr=w).returncode)
"""),
    entry(
        "stops_itself", "a program that stops itself, and is continued through the command", """
import os, signal
for number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
    os.kill(os.getpid(), number)
    os.write(1, b"goes on\\n")
os._exit(5)
""", """
child = start()
for turn in range(4):
    print(wait_event(child.pid, os.WUNTRACED))
    (os.killpg if turn % 2 else os.kill)(child.pid, signal.SIGCONT)
    print(line(child))
print(wait_event(child.pid, os.WUNTRACED))
"""),
    entry(
        "continued_alone", "a stopped program that somebody continues by its own pid", """
import os
kept = [known_block() for _ in range(30)]
os.write(1, b"%d\\n" % os.getpid())
for _ in range(5):
    os.kill(os.getpid(), 19)
    kept += [known_block() for _ in range(30)]
os._exit(5)
""", """
child = start()
program = int(line(child))
for _ in range(5):
    print(wait_event(child.pid, os.WUNTRACED))
    os.kill(program, signal.SIGCONT)
print(wait_event(child.pid, os.WUNTRACED))
""", known=180, complete=True),
    entry(
        "killed_while_stopped", "a stopped program that is killed", """
import os
os.write(1, b"%d\\n" % os.getpid())
os.kill(os.getpid(), 19)
""", """
child = start()
program = int(line(child))
print(wait_event(child.pid))
os.kill(program, signal.SIGKILL)
seen = wait_event(child.pid)
print(wait_event(child.pid) if seen == "continued" else seen)
"""),
    entry(
        "stopped_by_pid", "a supervisor stops and continues the command by its pid with SIGTSTP", """
import os, signal
os.write(1, b"ready\\n")
signal.sigwait({signal.SIGUSR1})
os._exit(5)
""", """
def prepare(): signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
child = start(preexec_fn=prepare)
print(line(child))
for _ in range(10):
    os.kill(child.pid, signal.SIGTSTP)
    print(wait_event(child.pid))
    os.kill(child.pid, signal.SIGCONT)
    print(wait_event(child.pid))
os.kill(child.pid, signal.SIGUSR1)
print(wait_event(child.pid))
"""),
    entry(
        "terminal", "Ctrl-Z, fg, Ctrl-C and Ctrl-D at a terminal", JOB.format(more=""), TERMINAL + """
for _ in range(4):
    type_slowly(b"\\x1a")
    print(heard(), states(program))
    order(b"fg")
    see(b"continued\\n")
    print(heard())
    type(b"\\x03")
    see(b"interrupted\\n")
    type(b"words\\n")
    print(see(b"read words\\n"))
type(b"\\x04")
print(heard())
os.waitpid(shell, 0)
"""),
    entry(
        "terminal_handled", "a program that cleans up at Ctrl-Z before it stops itself",
        JOB.format(more=", signal.SIGTSTP"), TERMINAL + """
for _ in range(4):
    type_slowly(b"\\x1a")
    see(b"cleans up\\n")
    print(heard(), states(program))
    order(b"fg")
    see(b"continued\\n")
    print(heard())
    type(b"words\\n")
    print(see(b"read words\\n"))
type(b"\\x04")
print(heard())
os.waitpid(shell, 0)
"""),
    entry(
        "terminal_background", "a program that reads its terminal in the background",
        JOB.format(more=""),
        TERMINAL.replace("wait_event(child)", "wait_event(child, os.WUNTRACED)") + """
type_slowly(b"\\x1a")
print(heard())
type(b"words\\n")
order(b"bg")
see(b"continued\\n")
print(heard(), states(program))
order(b"fg")
print(see(b"read words\\n"))
see(b"continued\\n")
type(b"\\x04")
print(heard())
os.waitpid(shell, 0)
"""),
    entry(
        "terminal_resized", "the size of the terminal changes, then it hangs up", """
import os, signal
signal.signal(signal.SIGWINCH, lambda *_: os.write(1, b"size %d\\n" % os.get_terminal_size(0)[0]))
signal.signal(signal.SIGHUP, lambda *_: os._exit(9))
print("ready", os.getpid(), flush=True)
while True: signal.pause()
""", TERMINAL + """
import struct
for columns in range(90, 110):
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    see(b"size %d\\n" % columns)
os.kill(shell, signal.SIGKILL)
os.waitpid(shell, 0)
await_state(program, ("gone", "Z"))
print(screen)
"""),
]
