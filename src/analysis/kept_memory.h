// SPDX-License-Identifier: Apache-2.0
//
// Memory that the program has released and that an allocator keeps, by the ledgers of a window's
// ends: how much, whether it is what rss rises by, and whose it is. Of one case one rule speaks:
// the one that WhoKeeps names. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "analysis/case.h"
#include "analysis/finding.h"

namespace memwhy::analysis {

// What is kept is worth a finding from here on, whatever its share is.
inline constexpr Bytes kKeptBytes = Bytes{32} * 1024 * 1024;

const model::Ledger* LedgerAt(const Case& one, std::string_view at);
// Of a kind; 0 without a ledger.
Bytes ShareBytes(const model::Ledger* ledger, model::ShareKind kind);

// Why rss rises while what is in use does not, by the ledgers of the window's ends.
enum class RssRise : std::uint8_t {
  kNone,         // it does not
  kUnexplained,  // what allocators keep free does not rise either
  kLittleKept,   // they keep it free, but too little of rss to blame one
  kRetained      // they keep it free, or the ledgers do not tell what is free
};
RssRise WhyRssRises(const Case& one);
// Of kLittleKept, how fast and how much it is.
std::string DescribeLittleKept(const Case& one);

enum class Keeper : std::uint8_t {
  kNobody,      // nothing worth a finding is kept
  kUnknown,     // something is, and no heap was looked at
  kGlibc,       // free chunks between live ones, and the end of the main heap
  kArenas,      // heaps of threads' arenas, each with its free part
  kPinnedHeap,  // one long run below a few live blocks at the end of a heap
};
Keeper WhoKeeps(const Case& one);

// The free run of kPinnedHeap.
const model::MallocHeap* PinnedHeap(const Case& one);

// Whether what is in use grows: then nothing is said of what is kept.
bool InUseGrows(const Case& one);

// What all findings about kept memory share; `kept`: bytes at stake.
Finding DescribeKept(const Case& one, Bytes kept);
// With the heaps of glibc at the window's end: what they hold, what malloc_trim gives back.
void AddMallocEvidence(const Case& one, Finding& finding);
// The answer of a rule that speaks for `keeper` when it does not.
Check KeptCheck(const Case& one, const char* id);

}  // namespace memwhy::analysis
