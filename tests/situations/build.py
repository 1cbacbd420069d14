# SPDX-License-Identifier: Apache-2.0
"""Small C programs that situations execute, built in the folder of the run."""

import contextlib
import shutil
import subprocess
from pathlib import Path

from situation import Skip

# Says that it ran, and that its malloc works.
TOOL = """#include <stdio.h>
#include <stdlib.h>
int main(int count, char **arguments) {
  char *block = malloc(5000);
  block[4999] = 1;
  printf("a tool with %d arguments\\n", count);
  free(block);
  return 7;
}
"""
# Without headers and start files of its machine, which need not be installed.
TOOL_32 = """int puts(const char *); void *malloc(unsigned); void exit(int);
void _start(void) { char *block = malloc(5000); block[4999] = 1; puts("a tool"); exit(7); }
"""
# Executes its arguments by the system call, with no environment at all.
LAUNCHER = """#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int count, char **arguments) {
  (void)count;
  char *nothing[] = {0};
  int status = 0;
  if (fork() == 0) {
    syscall(SYS_execve, arguments[1], arguments + 1, nothing);
    _exit(99);
  }
  wait(&status);
  return WEXITSTATUS(status);
}
"""

# A Python with a malloc of its own, as one that is linked with another allocator.
OWN_MALLOC = """#include <stddef.h>
void *__libc_malloc(size_t); void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t); void __libc_free(void *);
int Py_BytesMain(int, char **);
void *malloc(size_t size) { return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return __libc_calloc(count, size); }
void *realloc(void *block, size_t size) { return __libc_realloc(block, size); }
void free(void *block) { __libc_free(block); }
int main(int count, char **arguments) { return Py_BytesMain(count, arguments); }
"""


def build(folder, source, compiler, *options):
    if shutil.which(compiler) is None:
        raise Skip(f"no {compiler}")
    (folder / "tool.c").write_text(source)
    command = [compiler, "-O1", "tool.c", "-o", "tool", *options]
    command += ["/lib32/libc.so.6", "-Wl,--dynamic-linker=/lib/ld-linux.so.2"] * ("-m32" in options)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise Skip(f"{compiler} {' '.join(options)} makes no program: {done.stderr[:300]}")


def tool(compiler, *options):
    """A setup that builds the tool; {tool} is its path."""

    @contextlib.contextmanager
    def setup(folder):
        if "-m32" in options and not Path("/lib32/libc.so.6").is_file():
            raise Skip("no 32-bit libc (libc6-i386)")
        build(folder, TOOL_32 if "-m32" in options else TOOL, compiler, *options)
        yield {"tool": str(folder / "tool")}

    return setup


@contextlib.contextmanager
def launcher(folder):
    """A setup that builds a static program which takes the environment from its child."""
    build(folder, LAUNCHER, "gcc", "-static")
    yield {"tool": str(folder / "tool")}


@contextlib.contextmanager
def own_malloc(folder):
    """A setup that builds a Python whose malloc is its own."""
    libraries = sorted(Path("/usr/lib").glob("*/libpython3.11.so.1.0"))
    if not libraries:
        raise Skip("no libpython3.11.so.1.0")
    build(folder, OWN_MALLOC, "gcc", "-rdynamic", str(libraries[0]))
    yield {"tool": str(folder / "tool")}
