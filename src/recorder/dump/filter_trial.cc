// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/filter_trial.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "os/process_status.h"

namespace memwhy::recorder {
namespace {

void* DoNothing(void*) { return nullptr; }

// The system calls of agent/entry/request.cc and of what it calls, in the libraries, too. What a
// filter sees is the number: most arguments are such that nothing happens.
void MakeCalls() {
  const long self = getpid();
  int word = 0;
  const timespec none{};
  sched_param param{};
  itimerval timer{};
  const auto nothing = [](long number, auto... arguments) { syscall(number, arguments...); };
  nothing(SYS_openat, -1, "", O_RDONLY, 0);
  nothing(SYS_faccessat, -1, "", 0);
  nothing(SYS_newfstatat, -1, "", nullptr, 0);
  nothing(SYS_fstat, -1, nullptr);
  nothing(SYS_read, -1, nullptr, 0);
  nothing(SYS_pread64, -1, nullptr, 0, 0);
  nothing(SYS_write, -1, nullptr, 0);
  nothing(SYS_lseek, -1, 0, 0);
  nothing(SYS_fcntl, -1, F_GETFD);
  nothing(SYS_ioctl, -1, 0, 0);
  nothing(SYS_getdents64, -1, nullptr, 0);
  nothing(SYS_close, -1);
  nothing(SYS_close_range, ~0u, 0, 0);
  nothing(SYS_pipe2, nullptr, 0);
  nothing(SYS_ppoll, nullptr, 0, &none, nullptr, 8);
  nothing(SYS_brk, 0);
  void* page = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page != MAP_FAILED) {
    nothing(SYS_mprotect, page, 4096, PROT_READ);
    nothing(SYS_madvise, page, 4096, MADV_DONTNEED);
    nothing(SYS_mincore, page, 0, nullptr);
    nothing(SYS_mremap, page, 0, 0, 0, nullptr);
    munmap(page, 4096);
  }
  nothing(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
  nothing(SYS_nanosleep, &none, nullptr);
  nothing(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &none, nullptr);
  nothing(SYS_clock_gettime, CLOCK_MONOTONIC, nullptr);
  nothing(SYS_gettid);
  nothing(SYS_getppid);
  nothing(SYS_geteuid);
  nothing(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0);
  nothing(SYS_setpriority, PRIO_PROCESS, 0, 20 - syscall(SYS_getpriority, PRIO_PROCESS, 0));
  nothing(SYS_sched_yield);
  sched_getparam(0, &param);
  nothing(SYS_sched_setscheduler, 0, syscall(SYS_sched_getscheduler, 0), &param);
  nothing(SYS_process_vm_writev, self, nullptr, 0, nullptr, 0, 0);
  nothing(SYS_process_vm_readv, self, nullptr, 0, nullptr, 0, 0);
  nothing(SYS_rt_sigaction, SIGUSR1, nullptr, nullptr, 8);
  nothing(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, nullptr, 8);
  nothing(SYS_sigaltstack, nullptr, nullptr);
  nothing(SYS_getitimer, ITIMER_REAL, &timer);
  nothing(SYS_setitimer, ITIMER_REAL, &timer, nullptr);
  nothing(SYS_prlimit64, 0, RLIMIT_FSIZE, nullptr, nullptr);
  nothing(SYS_kill, self, 0);
  nothing(SYS_tgkill, self, syscall(SYS_gettid), 0);
  pthread_t thread;
  if (pthread_create(&thread, nullptr, &DoNothing, nullptr) == 0) pthread_join(thread, nullptr);
  const long copy = syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (copy == 0) syscall(SYS_exit_group, 0);
  int status = 0;
  while (copy > 0 && syscall(SYS_wait4, copy, &status, 0, nullptr) < 0 && errno == EINTR) {
  }
  if (copy > 0 && status != 0) syscall(SYS_exit_group, 1);
}

}  // namespace

std::uint32_t TryFilters(const FileSystem& fs) {
  const auto own = os::ReadProcessStatus(fs, getpid());
  if (!own || own->seccomp != os::Seccomp::kFilter || !own->filters) return 0;
  const pid_t child = fork();
  if (child < 0) return 0;
  if (child == 0) {
    prctl(PR_SET_DUMPABLE, 0);  // no core file of it
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) signal(number, SIG_IGN);
    MakeCalls();
    _exit(0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return 0;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? *own->filters : 0;
}

}  // namespace memwhy::recorder
