// SPDX-License-Identifier: Apache-2.0
#include "symbols/isolated.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"
#include "os/statm.h"

namespace memwhy::symbols {
namespace {

constexpr std::size_t kMaxReply = std::size_t{1} << 30;

bool WriteAll(int fd, const std::uint8_t* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t count = write(fd, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

void Limit(decltype(RLIMIT_CPU) what, rlim_t value) {
  const rlimit limit{value, value + 1};  // SIGXCPU comes at the first, SIGKILL at the second
  setrlimit(what, &limit);
}

// In the child. The first byte says whether bytes or an error follow.
[[noreturn]] void Serve(int fd, const Bounds& bounds,
                        Result<std::vector<std::uint8_t>> (*work)(void*), void* argument) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU}) {
    ::signal(signal, SIG_DFL);
  }
  ::signal(SIGPIPE, SIG_IGN);
  const auto statm = os::ReadStatm(RealFileSystem(), getpid());
  Limit(RLIMIT_CORE, 0);
  Limit(RLIMIT_CPU, bounds.cpu_seconds);
  Limit(RLIMIT_DATA, bounds.bytes + (statm ? statm->data : 0));
  const auto result = work(argument);
  const std::uint8_t is_error = result ? 0 : 1;
  bool is_written = WriteAll(fd, &is_error, 1);
  if (result) {
    is_written = is_written && WriteAll(fd, result->data(), result->size());
  } else {
    const std::string& text = result.error().message();
    is_written =
        is_written && WriteAll(fd, reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  }
  _exit(is_written ? 0 : 1);
}

Error HowItEnded(int status, const Bounds& bounds) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
    return Error::Of("reading it took more than {} s of processor time", bounds.cpu_seconds);
  }
  if (WIFSIGNALED(status)) return Error::Of("reading it ended by {}", strsignal(WTERMSIG(status)));
  return Error::Of("reading it ended with exit status {}", WEXITSTATUS(status));
}

}  // namespace

Result<std::vector<std::uint8_t>> RunIsolated(const Bounds& bounds,
                                              Result<std::vector<std::uint8_t>> (*work)(void*),
                                              void* argument) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error::FromErrno(errno, "pipe2");
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t child = fork();
  if (child < 0) return Error::FromErrno(errno, "fork");
  if (child == 0) {
    reading.Reset();
    Serve(writing.get(), bounds, work, argument);
  }
  writing.Reset();
  std::vector<std::uint8_t> reply;
  std::vector<std::uint8_t> buffer(1 << 16);
  while (reply.size() < kMaxReply) {
    const ssize_t count = read(reading.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    reply.insert(reply.end(), buffer.begin(), buffer.begin() + count);
  }
  reading.Reset();
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return HowItEnded(status, bounds);
  if (reply.empty()) return Error::Of("reading it gave no answer");
  const bool is_error = reply.front() != 0;
  reply.erase(reply.begin());
  if (is_error) return Error(std::string(reply.begin(), reply.end()));
  return reply;
}

Result<Answers> ResolveIsolated(const Module& module, std::span<const std::uint64_t> addresses,
                                const ResolveOptions& options, const Bounds& bounds) {
  struct Request {
    const Module& module;
    std::span<const std::uint64_t> addresses;
    const ResolveOptions& options;
  } request{module, addresses, options};
  const auto work = [](void* argument) -> Result<std::vector<std::uint8_t>> {
    const auto& of = *static_cast<Request*>(argument);
    MEMWHY_TRY(const Answers answers, ResolveModule(of.module, of.addresses, of.options));
    return EncodeAnswers(answers);
  };
  MEMWHY_TRY(const std::vector<std::uint8_t> bytes, RunIsolated(bounds, work, &request));
  return DecodeAnswers(bytes);
}

}  // namespace memwhy::symbols
