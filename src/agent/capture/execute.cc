// SPDX-License-Identifier: Apache-2.0
//
// The entry points that execute another program, as the target calls them: each notes the end of
// this program (process_end.h), looks at the file that will run, and calls the next definition with
// the environment that suits it (exec_environment.h).
// Context: as the functions they stand in for, also a vfork'ed child and signal handlers.
// Allocates: never.  Blocks: on the file system, as the exec does.
#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "agent/capture/exec_environment.h"
#include "agent/capture/process_end.h"
#include "agent/capture/sandbox.h"
#include "agent/ground/export.h"
#include "agent/ground/real_functions.h"
#include "agent/ground/tally.h"
#include "agent/ground/text_buffer.h"
#include "program/program_file.h"

namespace memwhy::agent {
namespace {

void NeedRealFunctions() noexcept {
  if (!g_resolved) ResolveRealFunctions();
}

bool IsExecutable(const char* path) noexcept {
  return syscall(SYS_faccessat, AT_FDCWD, path, X_OK) == 0;
}

// The file that a call with a search along PATH would run, as far as we can tell; "" when none.
class FoundProgram {
 public:
  explicit FoundProgram(const char* file) noexcept {
    path_[0] = 0;
    if (file == nullptr || *file == 0) return;
    if (std::strchr(file, '/') != nullptr) {
      TextBuffer(path_, sizeof(path_)).Text(file);
      return;
    }
    const char* at = getenv("PATH");
    if (at == nullptr) at = "/bin:/usr/bin";
    while (true) {
      const char* end = strchrnul(at, ':');
      const auto length = static_cast<std::size_t>(end - at);
      if (length + 2 < sizeof(path_)) {
        std::memcpy(path_, at, length);
        path_[length] = 0;
        TextBuffer(path_ + length, sizeof(path_) - length).Text(length == 0 ? "" : "/").Text(file);
        if (IsExecutable(path_)) return;
      }
      if (*end == 0) break;
      at = end + 1;
    }
    path_[0] = 0;
  }
  const char* path() const noexcept { return path_; }

 private:
  char path_[1024];
};

// What LookAtProgram says; nothing at all for an empty path, which is no file.
program::ProgramFile LookAtFile(const char* path) noexcept {
  if (path == nullptr || *path == 0) return {};
  return program::LookAtProgram(AT_FDCWD, path);
}

// Calls `call`, which returns an error number or 0, with the environment that suits the program.
// Not inlined, and the array is of this frame: it must live until `call` is over.
template <typename Call>
[[gnu::noinline]] int CallWith(const ExecEnvironment& environment, char* const envp[], int saved,
                               Call call) noexcept {
  errno = saved;
  if (environment.is_as_given()) return call(envp);
  auto** words = static_cast<char**>(alloca(environment.words() * sizeof(char*)));
  auto* text = static_cast<char*>(alloca(environment.text_bytes()));
  const int error = call(environment.Fill(words, text));
  return error == E2BIG && environment.adds() ? call(envp) : error;
}

// `call` returns as exec does.
template <typename Call>
int Execute(const program::ProgramFile& program, const char* name, char* const envp[], int saved,
            Call call) noexcept {
  const ExecEnvironment environment(program, envp);
  TallyNote note;
  if (environment.unseen()) {
    note = TallyNote(*environment.unseen(), static_cast<std::uint32_t>(getpid()), name);
  }
  int error = 0;
  {
    const ExecNote end;
    error = CallWith(environment, envp, saved, [&call](char* const* given) {
      call(given);  // back again: it has failed
      return errno;
    });
  }
  note.TakeBack();
  errno = error;
  return -1;
}

// `call` returns as posix_spawn does: an error number, and this program goes on.
template <typename Call>
int Spawn(const program::ProgramFile& program, const char* name, pid_t* pid, char* const envp[],
          int saved, Call call) noexcept {
  const ExecEnvironment environment(program, envp);
  pid_t child = 0;
  const int error = CallWith(environment, envp, saved,
                             [&call, &child](char* const* given) { return call(&child, given); });
  if (error != 0) return error;
  if (pid != nullptr) *pid = child;
  if (environment.unseen()) {
    const int left = errno;
    TallyNote(*environment.unseen(), static_cast<std::uint32_t>(child), name);
    errno = left;
  }
  return 0;
}

int ExecutePath(const char* path, char* const argv[], char* const envp[]) noexcept {
  const int saved = errno;
  NeedRealFunctions();
  if (IsSandboxed()) return g_real.execve(path, argv, envp);
  return Execute(LookAtFile(path), path, envp, saved,
                 [=](char* const* given) { return g_real.execve(path, argv, given); });
}

int ExecuteFound(const char* file, char* const argv[], char* const envp[]) noexcept {
  const int saved = errno;
  NeedRealFunctions();
  if (IsSandboxed()) return g_real.execvpe(file, argv, envp);
  const FoundProgram found(file);
  return Execute(LookAtFile(found.path()), file, envp, saved,
                 [=](char* const* given) { return g_real.execvpe(file, argv, given); });
}

// The arguments of execl and its relatives, up to the null.
std::size_t CountArguments(va_list list) noexcept {
  std::size_t count = 1;
  while (va_arg(list, char*) != nullptr) ++count;
  return count;
}

}  // namespace
}  // namespace memwhy::agent

using namespace memwhy::agent;  // NOLINT: the functions below must be global
using memwhy::program::LookAtProgram;

// argv from `first` and what follows it; `list` ends behind the null.
#define MEMWHY_ARGUMENTS(argv, first, list)                               \
  va_list list;                                                           \
  va_start(list, first);                                                  \
  const std::size_t count = CountArguments(list);                         \
  va_end(list);                                                           \
  auto** argv = static_cast<char**>(alloca((count + 1) * sizeof(char*))); \
  va_start(list, first);                                                  \
  argv[0] = const_cast<char*>(first);                                     \
  for (std::size_t at = 1; at <= count; ++at) argv[at] = va_arg(list, char*)

extern "C" {

MEMWHY_EXPORT int execve(const char* path, char* const argv[], char* const envp[]) noexcept {
  return ExecutePath(path, argv, envp);
}

MEMWHY_EXPORT int execv(const char* path, char* const argv[]) noexcept {
  return ExecutePath(path, argv, environ);
}

MEMWHY_EXPORT int execvp(const char* file, char* const argv[]) noexcept {
  return ExecuteFound(file, argv, environ);
}

MEMWHY_EXPORT int execvpe(const char* file, char* const argv[], char* const envp[]) noexcept {
  return ExecuteFound(file, argv, envp);
}

MEMWHY_EXPORT int execl(const char* path, const char* argument, ...) noexcept {
  MEMWHY_ARGUMENTS(argv, argument, list);
  va_end(list);
  return ExecutePath(path, argv, environ);
}

MEMWHY_EXPORT int execlp(const char* file, const char* argument, ...) noexcept {
  MEMWHY_ARGUMENTS(argv, argument, list);
  va_end(list);
  return ExecuteFound(file, argv, environ);
}

MEMWHY_EXPORT int execle(const char* path, const char* argument, ...) noexcept {
  MEMWHY_ARGUMENTS(argv, argument, list);
  char* const* envp = va_arg(list, char* const*);
  va_end(list);
  return ExecutePath(path, argv, envp);
}

MEMWHY_EXPORT int fexecve(int fd, char* const argv[], char* const envp[]) noexcept {
  const int saved = errno;
  NeedRealFunctions();
  if (IsSandboxed()) return g_real.fexecve(fd, argv, envp);
  return Execute(fd < 0 ? memwhy::program::ProgramFile{} : LookAtProgram(fd, ""), "", envp, saved,
                 [=](char* const* given) { return g_real.fexecve(fd, argv, given); });
}

MEMWHY_EXPORT int execveat(int directory, const char* path, char* const argv[], char* const envp[],
                           int flags) noexcept {
  const int saved = errno;
  NeedRealFunctions();
  if (IsSandboxed()) {
    return g_real.execveat != nullptr
               ? g_real.execveat(directory, path, argv, envp, flags)
               : static_cast<int>(syscall(SYS_execveat, directory, path, argv, envp, flags));
  }
  const bool is_file = *path != 0 || (flags & AT_EMPTY_PATH) != 0;
  return Execute(
      is_file ? LookAtProgram(directory, path) : memwhy::program::ProgramFile{}, path, envp, saved,
      [=](char* const* given) {
        if (g_real.execveat != nullptr) {
          return g_real.execveat(directory, path, argv, given, flags);
        }
        return static_cast<int>(syscall(SYS_execveat, directory, path, argv, given, flags));
      });
}

MEMWHY_EXPORT int posix_spawn(pid_t* pid, const char* path,
                              const posix_spawn_file_actions_t* actions,
                              const posix_spawnattr_t* attributes, char* const argv[],
                              char* const envp[]) noexcept {
  const int saved = errno;
  NeedRealFunctions();
  if (IsSandboxed()) return g_real.posix_spawn(pid, path, actions, attributes, argv, envp);
  return Spawn(LookAtFile(path), path, pid, envp, saved, [=](pid_t* child, char* const* given) {
    return g_real.posix_spawn(child, path, actions, attributes, argv, given);
  });
}

MEMWHY_EXPORT int posix_spawnp(pid_t* pid, const char* file,
                               const posix_spawn_file_actions_t* actions,
                               const posix_spawnattr_t* attributes, char* const argv[],
                               char* const envp[]) noexcept {
  const int saved = errno;
  NeedRealFunctions();
  if (IsSandboxed()) return g_real.posix_spawnp(pid, file, actions, attributes, argv, envp);
  const FoundProgram found(file);
  return Spawn(LookAtFile(found.path()), file, pid, envp, saved,
               [=](pid_t* child, char* const* given) {
                 return g_real.posix_spawnp(child, file, actions, attributes, argv, given);
               });
}

}  // extern "C"
