// SPDX-License-Identifier: Apache-2.0
#include "os/descriptors.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "base/strings.h"

namespace memwhy::os {

std::string DescriptorKind(std::string_view link) {
  const bool is_deleted = EndsWith(link, " (deleted)");
  if (StartsWith(link, "/dev/shm/") || StartsWith(link, "/memfd:") || StartsWith(link, "/SYSV")) {
    return is_deleted && !StartsWith(link, "/memfd:") ? "unlinked shared memory" : "shared memory";
  }
  if (StartsWith(link, "/dev/")) return "device";
  if (StartsWith(link, "/")) return is_deleted ? "deleted file" : "file";
  if (ConsumePrefix(link, "anon_inode:")) {
    // "[eventpoll]", "inotify".
    std::string kind(link.substr(0, 32));
    std::erase_if(kind, [](char c) { return c == '[' || c == ']'; });
    return kind;
  }
  const std::size_t colon = link.find(':');
  return std::string(colon == std::string_view::npos ? "other" : link.substr(0, colon));
}

std::vector<model::DescriptorCount> CountDescriptors(const FileSystem& fs, pid_t pid) {
  const std::string directory = fmt::format("/proc/{}/fd", pid);
  const auto names = fs.ListDir(directory);
  if (!names) return {};
  std::map<std::string, std::uint64_t> kinds;
  const std::size_t read = std::min(names->size(), kMaxDescriptors);
  for (std::size_t i = 0; i < read; ++i) {
    if (const auto link = fs.ReadLink(directory + "/" + (*names)[i]))
      ++kinds[DescriptorKind(*link)];
  }
  if (names->size() > read) kinds["not read"] = names->size() - read;
  std::vector<model::DescriptorCount> counts;
  for (const auto& [kind, count] : kinds) counts.push_back({kind, count});
  std::stable_sort(counts.begin(), counts.end(),
                   [](const auto& a, const auto& b) { return a.count > b.count; });
  return counts;
}

}  // namespace memwhy::os
