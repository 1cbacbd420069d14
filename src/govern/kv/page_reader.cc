// SPDX-License-Identifier: Apache-2.0
#include "govern/kv/page_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "base/unique_fd.h"
#include "govern/kv/pool_page.h"

namespace memwhy::govern {
namespace {

constexpr int kAttempts = 10'000;

bool ReadWords(int fd, std::uint64_t at_word, std::uint64_t* words, std::size_t count) {
  return pread(fd, words, count * 8, static_cast<off_t>(at_word * 8)) ==
         static_cast<ssize_t>(count * 8);
}

// True if the process runs that had this number when it began at `start_ticks`.
bool IsAlive(std::uint64_t pid, std::uint64_t start_ticks) {
  auto text = RealFileSystem().ReadSmall("/proc/" + std::to_string(pid) + "/stat");
  if (!text) return false;
  std::size_t at = text->rfind(')');
  // A zombie (field 3) writes no more.
  if (at == std::string::npos || at + 2 >= text->size() || (*text)[at + 2] == 'Z') return false;
  for (int field = 2; field < 22; ++field) {
    at = text->find(' ', at + 1);
    if (at == std::string::npos) return false;
  }
  return std::strtoull(text->c_str() + at + 1, nullptr, 10) == start_ticks;
}

// The words of the active slot, whole; nullopt if the writer was in the way.
std::optional<std::vector<std::uint64_t>> ReadSlot(int fd) {
  std::uint64_t active = 0;
  std::array<std::uint64_t, kSlotHeadWords> head{};
  if (!ReadWords(fd, kWordActive, &active, 1) || active > 1) return std::nullopt;
  const std::uint64_t slot = kPageHeaderWords + active * kSlotWords;
  if (!ReadWords(fd, slot, head.data(), head.size())) return std::nullopt;
  const auto [sequence, count] = head;
  if (sequence == 0 || sequence % 2 != 0) return std::nullopt;
  if (count < kSlotHeadWords + 1 + kStatsWords + 1 || count > kSlotWords) return std::nullopt;
  std::vector<std::uint64_t> words(count);
  std::uint64_t after = 0;
  if (!ReadWords(fd, slot, words.data(), count) || !ReadWords(fd, slot, &after, 1)) {
    return std::nullopt;
  }
  if (words[0] != sequence || after != sequence || words[1] != count) return std::nullopt;
  return words;
}

Result<PoolState> StateOf(const std::vector<std::uint64_t>& words) {
  const Error damaged("the page is damaged");
  PoolState state;
  state.changes = words[0] / 2;
  std::size_t at = kSlotHeadWords;
  state.wall_ns = words[at++];
  std::array<std::uint64_t, kStatsWords> stats{};
  std::copy_n(words.begin() + static_cast<std::ptrdiff_t>(at), kStatsWords, stats.begin());
  state.stats = std::bit_cast<PoolStats>(stats);
  at += kStatsWords;
  const std::uint64_t tenants = words[at++];
  if (tenants > kMaxTenants || words.size() != at + tenants * kTenantWords) return damaged;
  for (std::uint64_t i = 0; i < tenants; ++i) {
    TenantAccount account;
    std::array<char, kNameWords * 8> name{};
    std::memcpy(name.data(), &words[at], name.size());
    at += kNameWords;
    account.limits.name.assign(name.data(), strnlen(name.data(), name.size()));
    for (const char c : account.limits.name) {
      if (c < ' ' || c > '~') return damaged;
    }
    TenantLimits& limits = account.limits;
    limits.quota_blocks = words[at++];
    limits.borrow_blocks = words[at++];
    limits.max_requests = words[at++];
    limits.soft_mark = std::bit_cast<double>(words[at++]);
    limits.hard_mark = std::bit_cast<double>(words[at++]);
    limits.lends = words[at++] != 0;
    account.held = words[at++];
    account.reserved = words[at++];
    account.cached = words[at++];
    account.owed = words[at++];
    account.claimed = words[at++];
    account.requests = words[at++];
    account.peak_used = words[at++];
    account.refused = words[at++];
    account.evicted = words[at++];
    const std::uint64_t level = words[at++];
    const auto is_mark = [](double mark) { return mark > 0 && mark <= 1; };
    if (!is_mark(limits.soft_mark) || !is_mark(limits.hard_mark) || level > 2) return damaged;
    account.level = static_cast<MarkLevel>(level);
    state.tenants.push_back(std::move(account));
  }
  return state;
}

}  // namespace

Result<PageView> ReadPage(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return Error(std::strerror(errno));
  struct stat status{};
  std::array<std::uint64_t, kPageHeaderWords> header{};
  if (fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      !ReadWords(fd.get(), 0, header.data(), header.size()) || header[kWordMagic] != kPageMagic) {
    return Error("not the page of a pool");
  }
  if (header[kWordVersion] != kPageVersion || header[kWordSlotWords] != kSlotWords) {
    return Error("a page of another version of memwhy");
  }
  if (status.st_size < static_cast<off_t>(kPageBytes)) return Error("the page was cut");
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto words = ReadSlot(fd.get());
    if (!words) continue;
    auto state = StateOf(*words);
    if (!state) return state.error();
    PageView view;
    view.state = *std::move(state);
    view.state.pid = static_cast<std::uint32_t>(header[kWordPid]);
    view.is_alive = IsAlive(header[kWordPid], header[kWordStartTicks]);
    return view;
  }
  return Error("no whole state was found: the page is damaged, or changes too fast");
}

}  // namespace memwhy::govern
