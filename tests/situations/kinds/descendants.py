# SPDX-License-Identifier: Apache-2.0
"""Children that cannot take the agent run as if there were none."""

from build import tool
from situation import Situation

# Every way that leads to an exec, with the environment as it is.
EXECUTE = """
import os, subprocess, sys
tool = os.environ["TOOL"]
def say(what, status):
    print(what, status, flush=True)
def in_child(call, *arguments):
    pid = os.fork()
    if pid == 0:
        call(*arguments)
        os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
known_block()
say("run", subprocess.run([tool, "1"]).returncode)
say("other descriptors", subprocess.run([tool], close_fds=False).returncode)
say("shell", subprocess.run(f"'{tool}' 1 2", shell=True).returncode)
say("system", os.waitstatus_to_exitcode(os.system(f"'{tool}' 1 2 3")))
say("spawn", os.waitstatus_to_exitcode(os.waitpid(
    os.posix_spawn(tool, [tool], os.environ), 0)[1]))
say("spawnp", os.waitstatus_to_exitcode(os.waitpid(
    os.posix_spawnp(tool, [tool], os.environ), 0)[1]))
say("execv", in_child(os.execv, tool, [tool]))
say("execve", in_child(os.execve, tool, [tool], {"A": "1"}))
say("execvpe", in_child(os.execvpe, os.path.basename(tool), ["tool"],
                        dict(os.environ, PATH=os.path.dirname(tool))))
say("fexecve", in_child(os.execve, os.open(tool, os.O_RDONLY), [tool], dict(os.environ)))
open("script", "w").write("#!" + tool + "\\n")
os.chmod("script", 0o755)
say("script", subprocess.run(["./script"]).returncode)
os.remove("script")
"""
SHELLS = """
import os, subprocess
for shell in ("sh", "bash"):
    for line in ("exec $TOOL", "$TOOL; exit $?", "(exec env -i $TOOL)", "echo | xargs $TOOL 1"):
        done = subprocess.run([shell, "-c", line], capture_output=True, text=True)
        print(shell, line, done.returncode, done.stdout, done.stderr, flush=True)
known_block()
"""
FAILING = """
import errno, os, subprocess, sys
known_block()
open("empty", "w"); open("text", "w").write("echo from a text")
os.chmod("empty", 0o755); os.chmod("text", 0o755)
for path in ("/no/such/program", "/", "/etc/passwd", "./empty", "./text", "none", ""):
    for environment in (None, {}):
        try:
            done = subprocess.run([path], env=environment, capture_output=True)
            print(repr(path), done.returncode, done.stdout, done.stderr)
        except OSError as error:
            print(repr(path), errno.errorcode[error.errno])
print(subprocess.run(["sh", "-c", "./empty; ./text; ./none 2>/dev/null; echo $?"]).returncode)
try:
    os.execve("/bin/true", ["true"], {"A": "x" * 3_000_000})
except OSError as error:
    print(errno.errorcode[error.errno])
os.remove("empty"); os.remove("text")
"""
ENVIRONMENTS = """
import os, subprocess
known_block()
shown = [["env", "-i", "env"], ["env", "-i", "B=2", "sh", "-c", "env | sort"],
         ["sh", "-c", "env -u LD_PRELOAD true; echo $?"]]
for command in shown:
    print(command, subprocess.run(command, capture_output=True, text=True).stdout)
for environment in ({}, {"A": "1"}, {"LC_ALL": "C", "A": "1", "Z": ""}):
    print(environment, subprocess.run(["/usr/bin/env"], env=environment, capture_output=True).stdout)
print(subprocess.run(["/usr/bin/python3", "-c", "import os; print(dict(os.environ))"],
                     env={"LC_ALL": "C.UTF-8", "A": "1"}, capture_output=True, text=True))
"""

SITUATIONS = [
    Situation(
        name=name,
        what=f"Children {what} are executed in every way",
        program=program,
        setup=setup,
        environment={"TOOL": "{tool}"},
        known=1,
    )
    for program, ways in ((EXECUTE, ""), (SHELLS, " from shells"))
    for name, what, setup in (
        (f"musl{ways}", f"linked with musl{ways}", tool("musl-gcc")),
        (f"32-bit{ways}", f"of 32 bits{ways}",
         tool("gcc", "-m32", "-nostdlib", "-fno-pie", "-no-pie",
              "-fno-asynchronous-unwind-tables")),
        (f"ASan{ways}", f"with an address sanitizer{ways}", tool("gcc", "-fsanitize=address")),
        (f"TSan{ways}", f"with a thread sanitizer{ways}", tool("gcc", "-fsanitize=thread")),
        (f"static{ways}", f"linked statically{ways}", tool("gcc", "-static")),
        (f"glibc{ways}", f"that take the agent{ways}", tool("gcc")),
    )
] + [
    Situation(
        name="programs that cannot be executed",
        what="An exec fails: no file, no program, no rights, an environment that is too large",
        program=FAILING,
        known=1,
    ),
    Situation(
        name="environments",
        what="A child that is given an environment sees that one and nothing of ours",
        program=ENVIRONMENTS,
        known=1,
    ),
]
