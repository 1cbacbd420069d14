// SPDX-License-Identifier: Apache-2.0
#include "cli/memory_bound.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/bytes.h"
#include "base/file_system.h"
#include "base/strings.h"
#include "base/terminal_text.h"

namespace memwhy::cli {
namespace {

struct MemoryBound {
  std::string first;           // what was read
  std::uint64_t files = 0;     // of it
  std::uint64_t bytes = 0;     // likewise
  std::uint64_t allowed = 0;   // 0: nothing was read
  std::optional<rlim_t> from;  // the limit before ours
};
MemoryBound& Bound() {
  static MemoryBound bound;
  return bound;
}

void AddSize(const std::string& path, MemoryBound* bound) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  ++bound->files;
  bound->bytes += static_cast<std::uint64_t>(status.st_size);
}

// Of the variable; nothing where it does not say a size.
std::optional<std::uint64_t> AskedFor() {
  const char* text = std::getenv(kMaxMemoryVariable);
  if (text == nullptr || *text == '\0') return std::nullopt;
  const auto bytes = ParseBytes(text);
  if (!bytes || *bytes == 0) {
    Warn("{}={} is no size (4GiB); the bound stays as it is", kMaxMemoryVariable, text);
    return std::nullopt;
  }
  return *bytes;
}

std::uint64_t Times(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX / 2 : product;
}

}  // namespace

void AllowMemoryFor(const std::string& path) {
  MemoryBound& bound = Bound();
  if (bound.first.empty()) bound.first = path;
  if (IsDirectory(path)) {
    const auto names = RealFileSystem().ListDir(path);
    if (names) {
      for (const std::string& name : *names) AddSize(JoinPath(path, name), &bound);
    }
  } else {
    AddSize(path, &bound);
  }
  const auto asked = AskedFor();
  bound.allowed = asked ? *asked : kFreeMemory + Times(kMemoryPerByte, bound.bytes);
  rlimit limit{};
  if (getrlimit(RLIMIT_DATA, &limit) != 0) return;
  if (!bound.from) bound.from = limit.rlim_cur;
  limit.rlim_cur = std::min({static_cast<rlim_t>(bound.allowed), *bound.from, limit.rlim_max});
  static_cast<void>(setrlimit(RLIMIT_DATA, &limit));
}

std::string OutOfMemoryMessage() {
  const MemoryBound& bound = Bound();
  if (bound.allowed == 0) return "there is no memory left; is a limit set (ulimit -d, -v)?";
  const std::string more =
      bound.files > 1 ? fmt::format(" and {} more files", bound.files - 1) : "";
  return fmt::format(
      "{}{}: more memory is needed than files of {} may take, which is {} (ulimit -d may be less). "
      "Damaged or hostile files ask for that; if these are your own, allow more: {}=SIZE memwhy "
      "...",
      bound.first, more, FormatBytes(bound.bytes), FormatBytes(bound.allowed), kMaxMemoryVariable);
}

}  // namespace memwhy::cli
