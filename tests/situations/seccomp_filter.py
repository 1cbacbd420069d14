# SPDX-License-Identifier: Apache-2.0
"""A seccomp filter that ends the process at every system call but the named ones (x86-64)."""

import ctypes
import mmap
import os
import struct
import sys

NUMBERS = {"read": 0, "write": 1, "close": 3, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12,
           "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "mremap": 25,
           "madvise": 28, "getpid": 39, "clone": 56, "exit": 60, "wait4": 61, "gettid": 186,
           "sched_setscheduler": 144, "clock_nanosleep": 230, "kexec_load": 246,
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


# Its arguments, shifted, to the kernel; no library sees the call.
INSTRUCTION = bytes.fromhex("4889f8 4889f7 4889d6 4889ca 4d89c2 4d89c8 0f05 c3")


def call_raw(number, *arguments):
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(INSTRUCTION)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    call = ctypes.CFUNCTYPE(ctypes.c_long, *[ctypes.c_long] * 6)(address)
    KEPT.append(page)
    return call(number, *arguments, *[0] * (5 - len(arguments)))


KEPT = []


def refuse(name, kills):
    """All calls but this one are allowed; it fails (EPERM), or ends the process. As a container's."""
    answer = KILL_PROCESS if kills else 0x00050001
    code = struct.pack("HBBI", 0x20, 0, 0, 0) + struct.pack("HBBI", 0x15, 0, 1, NUMBERS[name])
    code += struct.pack("HBBI", 0x06, 0, 0, answer) + struct.pack("HBBI", 0x06, 0, 0, ALLOW)
    text = ctypes.create_string_buffer(code, len(code))
    words = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 4, ctypes.addressof(text)))
    libc = ctypes.CDLL(None)
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(PR_SET_SECCOMP, 2, ctypes.c_void_p(ctypes.addressof(words)), 0, 0) == 0


def enter(names, how="prctl", library=None):
    """From here on the process makes these calls alone.

    `how`: prctl; syscall, for all threads; raw, by an instruction of our own.
    """
    libc = ctypes.CDLL(library)
    filter_program = program(names)
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    address = ctypes.c_void_p(ctypes.addressof(filter_program))
    if how == "prctl":
        status = libc.prctl(PR_SET_SECCOMP, 2, address, 0, 0)
    elif how == "raw":
        status = call_raw(157, PR_SET_SECCOMP, 2, address.value, 0, 0)
    else:
        status = libc.syscall(SYS_SECCOMP, 1, TSYNC, address)
    assert status == 0


# Executes a command under a filter that was there before it: seccomp_filter.py errno|kill CALL ...
if __name__ == "__main__":
    refuse(sys.argv[2], sys.argv[1] == "kill")
    os.execvp(sys.argv[3], sys.argv[3:])
