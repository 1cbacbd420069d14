// SPDX-License-Identifier: Apache-2.0
#include "os/smaps.h"

#include <algorithm>

#include "base/strings.h"

namespace memwhy::os {
namespace {

struct Field {
  std::string_view key;
  Bytes Vma::* member;
};

constexpr Field kFields[] = {
    {"Rss", &Vma::rss},
    {"Pss", &Vma::pss},
    {"Shared_Clean", &Vma::shared_clean},
    {"Shared_Dirty", &Vma::shared_dirty},
    {"Private_Clean", &Vma::private_clean},
    {"Private_Dirty", &Vma::private_dirty},
    {"Anonymous", &Vma::anonymous},
    {"AnonHugePages", &Vma::anon_huge_pages},
    {"Swap", &Vma::swap},
};

// Takes the next field up to a space off the line.
std::string_view NextField(std::string_view& line) {
  const std::size_t first = line.find_first_not_of(' ');
  if (first == std::string_view::npos) {
    line = {};
    return {};
  }
  line.remove_prefix(first);
  const std::string_view field = line.substr(0, line.find(' '));
  line.remove_prefix(field.size());
  return field;
}

// The kernel writes a line end in a name as "\012", and a backslash as it is.
std::string DecodeName(std::string_view name) {
  constexpr std::string_view kLineEnd = "\\012";
  std::string decoded(name);
  for (std::size_t at = 0; (at = decoded.find(kLineEnd, at)) != std::string::npos; ++at) {
    decoded.replace(at, kLineEnd.size(), "\n");
  }
  return decoded;
}

bool ParseHeader(std::string_view line, Vma& vma) {
  const std::string_view range = NextField(line);
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos) return false;
  const auto start = ParseHex(range.substr(0, dash));
  const auto end = ParseHex(range.substr(dash + 1));
  const std::string_view perms = NextField(line);
  const auto offset = ParseHex(NextField(line));
  NextField(line);  // device
  const auto inode = ParseUint(NextField(line));
  if (!start || !end || *end < *start || perms.size() != 4 || !offset || !inode) return false;
  vma.start = *start;
  vma.end = *end;
  vma.perms = perms;
  vma.offset = *offset;
  vma.inode = *inode;
  const std::size_t name = line.find_first_not_of(' ');
  if (name != std::string_view::npos) vma.name = DecodeName(line.substr(name));
  return true;
}

bool IsHeader(std::string_view line) {
  const char c = line.front();
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// "Rss:    4 kB"
void ParseField(std::string_view line, Vma& vma) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string_view key = line.substr(0, colon);
  for (const Field& field : kFields) {
    if (field.key != key) continue;
    line.remove_prefix(colon + 1);
    if (const auto kib = ParseUint(NextField(line))) vma.*field.member = *kib * 1024;
    return;
  }
}

Result<std::vector<Vma>> ReadAndParse(const FileSystem& fs, const std::string& path) {
  MEMWHY_TRY(const std::string text, fs.ReadSmall(path));
  auto mappings = ParseSmaps(text);
  if (!mappings) return mappings.error().With("{}", path);
  return mappings;
}

}  // namespace

Result<std::vector<Vma>> ParseSmaps(std::string_view text) {
  std::vector<Vma> mappings;
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    const std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    if (line.empty()) continue;
    if (IsHeader(line)) {
      if (!ParseHeader(line, mappings.emplace_back())) {
        return Error::Of("not a mapping: \"{}\"", line.substr(0, 80));
      }
    } else if (!mappings.empty()) {
      ParseField(line, mappings.back());
    }
  }
  return mappings;
}

Result<SmapsRollup> ReadSmapsRollup(const FileSystem& fs, pid_t pid) {
  SmapsRollup sums;
  const auto text = fs.ReadSmall(fmt::format("/proc/{}/smaps_rollup", pid));
  if (text && text->find("\nPss_Anon:") != std::string::npos) {
    struct RollupField {
      std::string_view key;
      Bytes SmapsRollup::* member;
    };
    constexpr RollupField kRollupFields[] = {
        {"Rss", &SmapsRollup::rss},
        {"Pss", &SmapsRollup::pss},
        {"Pss_Anon", &SmapsRollup::pss_anon},
        {"Pss_File", &SmapsRollup::pss_file},
        {"Pss_Shmem", &SmapsRollup::pss_shmem},
        {"Private_Clean", &SmapsRollup::private_clean},
        {"Private_Dirty", &SmapsRollup::private_dirty},
        {"Swap", &SmapsRollup::swap},
    };
    std::string_view rest = *text;
    while (!rest.empty()) {
      const std::size_t newline = rest.find('\n');
      std::string_view line = rest.substr(0, newline);
      rest.remove_prefix(newline == std::string_view::npos ? rest.size() : newline + 1);
      const std::size_t colon = line.find(':');
      if (colon == std::string_view::npos) continue;
      const std::string_view key = line.substr(0, colon);
      line.remove_prefix(colon + 1);
      for (const RollupField& field : kRollupFields) {
        if (field.key != key) continue;
        if (const auto kib = ParseUint(NextField(line))) sums.*field.member = *kib * 1024;
      }
    }
    return sums;
  }
  MEMWHY_TRY(const auto vmas, ReadSmaps(fs, pid));
  for (const Vma& vma : vmas) {
    sums.rss += vma.rss;
    sums.pss += vma.pss;
    sums.private_clean += vma.private_clean;
    sums.private_dirty += vma.private_dirty;
    sums.swap += vma.swap;
    const bool is_file = vma.inode != 0;
    const Bytes shared_memory = vma.is_shared() && is_file ? vma.pss : 0;
    const Bytes anonymous = is_file ? std::min(vma.anonymous, vma.pss) : vma.pss;
    const bool is_shmem =
        vma.is_shared() && (vma.name.starts_with("/dev/shm/") || vma.name.starts_with("/memfd:") ||
                            vma.name.starts_with("/SYSV") || vma.name.starts_with("/dev/zero"));
    if (is_shmem) {
      sums.pss_shmem += shared_memory;
    } else {
      sums.pss_anon += vma.is_shared() ? 0 : anonymous;
      sums.pss_file += vma.pss - (vma.is_shared() ? 0 : anonymous);
    }
  }
  return sums;
}

Result<std::vector<Vma>> ReadSmaps(const FileSystem& fs, pid_t pid) {
  return ReadAndParse(fs, fmt::format("/proc/{}/smaps", pid));
}

Result<std::vector<Vma>> ReadMaps(const FileSystem& fs, pid_t pid) {
  return ReadAndParse(fs, fmt::format("/proc/{}/maps", pid));
}

}  // namespace memwhy::os
