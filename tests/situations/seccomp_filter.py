# SPDX-License-Identifier: Apache-2.0
"""A seccomp filter that ends the process at every system call but the named ones (x86-64)."""

import ctypes
import struct

NUMBERS = {"read": 0, "write": 1, "close": 3, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12,
           "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "mremap": 25,
           "madvise": 28, "getpid": 39, "clone": 56, "exit": 60, "wait4": 61, "gettid": 186,
           "futex": 202, "exit_group": 231, "set_robust_list": 273, "rseq": 334, "clone3": 435}
MEMORY = ("read", "write", "mmap", "munmap", "mremap", "brk", "exit", "exit_group", "rt_sigreturn")
FORK = ("clone", "clone3", "wait4", "set_robust_list", "rt_sigprocmask", "rt_sigaction", "gettid",
        "getpid")
THREADS = ("clone3", "clone", "mprotect", "rt_sigprocmask", "set_robust_list", "rseq", "futex",
           "madvise", "gettid")

PR_SET_SECCOMP, PR_SET_TSC, PR_SET_NO_NEW_PRIVS = 22, 26, 38
SYS_SECCOMP, TSYNC = 317, 1
ALLOW, KILL_PROCESS = 0x7FFF0000, 0x80000000


def program(names):
    """struct sock_fprog; what it points to lives as long as it does."""
    numbers = [NUMBERS[name] for name in names]
    code = struct.pack("HBBI", 0x20, 0, 0, 0)  # load the number
    for at, number in enumerate(numbers):
        code += struct.pack("HBBI", 0x15, len(numbers) - at, 0, number)
    code += struct.pack("HBBI", 0x06, 0, 0, KILL_PROCESS) + struct.pack("HBBI", 0x06, 0, 0, ALLOW)
    text = ctypes.create_string_buffer(code, len(code))
    found = ctypes.create_string_buffer(
        struct.pack("HxxxxxxQ", len(numbers) + 3, ctypes.addressof(text)))
    found.text = text
    return found


def enter(names, how="prctl", library=None):
    """From here on the process makes these calls alone. `how`: prctl, or syscall, for all threads."""
    libc = ctypes.CDLL(library)
    filter_program = program(names)
    call = getattr(libc, how)
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    address = ctypes.c_void_p(ctypes.addressof(filter_program))
    if how == "prctl":
        status = call(PR_SET_SECCOMP, 2, address, 0, 0)
    else:
        status = call(SYS_SECCOMP, 1, TSYNC, address)
    assert status == 0
