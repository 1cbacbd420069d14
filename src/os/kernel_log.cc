// SPDX-License-Identifier: Apache-2.0
#include "os/kernel_log.h"

#include <fcntl.h>
#include <sys/klog.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "base/file_system.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace memwhy::os {
namespace {

constexpr int kReadAll = 3;        // SYSLOG_ACTION_READ_ALL
constexpr int kSizeOfBuffer = 10;  // SYSLOG_ACTION_SIZE_BUFFER
constexpr std::size_t kLargestLog = std::size_t{256} << 20;

std::string WhyNot(const char* what, int error_number) {
  std::string why = fmt::format("{}: {}", what, std::strerror(error_number));
  if (error_number != EPERM && error_number != EACCES) return why;
  const auto restricted = RealFileSystem().ReadSmall("/proc/sys/kernel/dmesg_restrict");
  if (restricted && Trim(*restricted) == "1") {
    why += " (kernel.dmesg_restrict is 1: it needs root or CAP_SYSLOG)";
  }
  return why;
}

// One read gives one record; at the end of what is there it would wait.
Result<KernelLogSource> ReadRecords(const std::function<void(std::string_view)>& sink) {
  const UniqueFd fd(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return Error(WhyNot("/dev/kmsg", errno));
  KernelLogSource source{"/dev/kmsg", false};
  std::vector<char> record(std::size_t{16} << 10);
  while (true) {
    const ssize_t count = read(fd.get(), record.data(), record.size());
    if (count > 0) {
      std::string_view text(record.data(), static_cast<std::size_t>(count));
      // Behind the first line comes what the record belongs to (" SUBSYSTEM=...").
      text = text.substr(0, text.find('\n'));
      sink(text);
      sink("\n");
      continue;
    }
    if (count == 0 || errno == EAGAIN) return source;
    if (errno == EPIPE) {
      source.has_gap = true;
    } else if (errno != EINTR) {
      return Error(WhyNot("/dev/kmsg", errno));
    }
  }
}

Result<KernelLogSource> ReadBuffer(const std::function<void(std::string_view)>& sink) {
  const int size = klogctl(kSizeOfBuffer, nullptr, 0);
  if (size < 0) return Error(WhyNot("syslog(2)", errno));
  std::vector<char> buffer(std::min(static_cast<std::size_t>(size), kLargestLog) + 1);
  const int count = klogctl(kReadAll, buffer.data(), static_cast<int>(buffer.size()));
  if (count < 0) return Error(WhyNot("syslog(2)", errno));
  sink({buffer.data(), static_cast<std::size_t>(count)});
  return KernelLogSource{"syslog(2)", false};
}

struct ClosePipe {
  void operator()(std::FILE* pipe) const { pclose(pipe); }
};

Result<KernelLogSource> ReadJournal(const std::function<void(std::string_view)>& sink) {
  if (access("/usr/bin/journalctl", X_OK) != 0) return Error("journalctl: not installed");
  const std::unique_ptr<std::FILE, ClosePipe> pipe(
      popen("/usr/bin/journalctl -q -k -b --no-pager -o short-iso 2>/dev/null", "re"));
  if (!pipe) return Error(WhyNot("journalctl", errno));
  std::vector<char> buffer(std::size_t{64} << 10);
  std::size_t total = 0;
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) {
    total += count;
    sink({buffer.data(), count});
  }
  if (total == 0)
    return Error(
        "journalctl -k: no entries that this user may read (group adm or "
        "systemd-journal)");
  return KernelLogSource{"journalctl -k", false};
}

}  // namespace

Result<KernelLogSource> ReadKernelLog(const std::function<void(std::string_view)>& sink) {
  auto records = ReadRecords(sink);
  if (records) return records;
  auto buffer = ReadBuffer(sink);
  if (buffer) return buffer;
  auto journal = ReadJournal(sink);
  if (journal) return journal;
  return Error::Of("{}; {}; {}", records.error().message(), buffer.error().message(),
                   journal.error().message());
}

}  // namespace memwhy::os
