// SPDX-License-Identifier: Apache-2.0
#include "os/statm.h"

#include <unistd.h>

#include "base/strings.h"

namespace memwhy::os {

Result<Statm> ReadStatm(const FileSystem& fs, pid_t pid) {
  const std::string path = fmt::format("/proc/{}/statm", pid);
  MEMWHY_TRY(const std::string text, fs.ReadSmall(path));
  const Bytes page = static_cast<Bytes>(sysconf(_SC_PAGESIZE));
  Bytes values[7] = {};
  std::size_t count = 0;
  for (const std::string_view field : SplitFields(Trim(text))) {
    const auto pages = ParseUint(field);
    if (!pages || count == std::size(values)) return Error::Of("{}: not page counts", path);
    values[count++] = *pages * page;
  }
  if (count < 6) return Error::Of("{}: too few fields", path);
  return Statm{values[0], values[1], values[2], values[3], values[5]};
}

Result<Status> ReadStatus(const FileSystem& fs, pid_t pid) {
  MEMWHY_TRY(const std::string text, fs.ReadSmall(fmt::format("/proc/{}/status", pid)));
  Status status;
  for (const std::string_view line : SplitLines(text)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, colon);
    Bytes* target = key == "VmRSS"      ? &status.rss
                    : key == "RssAnon"  ? &status.rss_anon
                    : key == "RssFile"  ? &status.rss_file
                    : key == "RssShmem" ? &status.rss_shmem
                    : key == "VmHWM"    ? &status.peak_rss
                    : key == "VmSize"   ? &status.size
                    : key == "VmSwap"   ? &status.swap
                                        : nullptr;
    if (target == nullptr && key != "Threads") continue;
    const auto fields = SplitFields(line.substr(colon + 1));
    const auto value = fields.empty() ? std::nullopt : ParseUint(fields[0]);
    if (!value) continue;
    if (target == nullptr) {
      status.threads = *value;
    } else {
      *target = *value * 1024;
    }
  }
  return status;
}

}  // namespace memwhy::os
