// SPDX-License-Identifier: Apache-2.0
#include "govern/kv/pool_text.h"

#include <fmt/core.h>

#include "base/bytes.h"

namespace memwhy::govern {
namespace {

std::string Blocks(std::uint64_t blocks, std::uint64_t block_bytes) {
  if (block_bytes == 0) return FormatCount(blocks);
  // What a foreign page says may be any number.
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(blocks, block_bytes, &bytes)) return FormatCount(blocks);
  return fmt::format("{} ({})", FormatCount(blocks), FormatBytes(bytes));
}

const char* MarkText(MarkLevel level) {
  switch (level) {
    case MarkLevel::kBelow:
      return "";
    case MarkLevel::kSoft:
      return "soft";
    case MarkLevel::kHard:
      return "hard";
  }
  return "";
}

}  // namespace

std::string PoolText(const PageView& view, std::uint64_t now_ns) {
  const PoolStats& stats = view.state.stats;
  const double age =
      now_ns > view.state.wall_ns ? static_cast<double>(now_ns - view.state.wall_ns) / 1e9 : 0;
  std::string text = fmt::format("pool of process {}", view.state.pid);
  if (!view.is_alive) text += ", which has ended";
  text += fmt::format("; last change {} ago\n", FormatSeconds(age));
  text += fmt::format("  blocks    {}\n", Blocks(stats.capacity, stats.block_bytes));
  text += fmt::format("  held      {}\n", Blocks(stats.held, stats.block_bytes));
  text += fmt::format("  cached    {}\n", Blocks(stats.cached, stats.block_bytes));
  text += fmt::format("  free      {}\n", Blocks(stats.free, stats.block_bytes));
  if (stats.reserved != 0) {
    text += fmt::format("  reserved  {}\n", Blocks(stats.reserved, stats.block_bytes));
  }
  if (stats.retiring != 0) {
    text += fmt::format("  retiring  {}: held beyond the size that was asked for\n",
                        FormatCount(stats.retiring));
  }
  if (stats.queried_total != 0) {
    text += fmt::format("  prefixes  {} of {} hashes found\n", FormatCount(stats.found_total),
                        FormatCount(stats.queried_total));
  }
  text += fmt::format("  evicted   {}, copied {}, refused {}\n", FormatCount(stats.evicted_total),
                      FormatCount(stats.copied_total), FormatCount(stats.refused_total));
  text += fmt::format("\n  {:<18}{:>9}{:>9}{:>9}{:>9}{:>6}{:>8}{:>6}\n", "tenant", "quota", "held",
                      "cached", "peak", "owed", "active", "mark");
  for (const TenantAccount& account : view.state.tenants) {
    std::string name = account.limits.name;
    if (name.size() > 17) name = name.substr(0, 16) + "~";
    text += fmt::format("  {:<18}{:>9}{:>9}{:>9}{:>9}{:>6}{:>8}{:>6}\n", name,
                        FormatCount(account.limits.quota_blocks), FormatCount(account.held),
                        FormatCount(account.cached), FormatCount(account.peak_used),
                        FormatCount(account.owed), FormatCount(account.requests),
                        MarkText(account.level));
  }
  return text;
}

}  // namespace memwhy::govern
