// SPDX-License-Identifier: Apache-2.0
//
// Turns one pass over an address space into ledgers. Invariant (ledger.h): the total is the sum of
// the shares and `unattributed`, exactly; a mapping's shares never exceed its resident bytes. A
// byte is booked once, to its innermost proven owner; where claims of one kind conflict, the first
// range keeps it. Pure but for the replay.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/ledger/ledger.h"
#include "model/ledger/malloc_view.h"
#include "model/recording.h"
#include "model/sites/event_source.h"
#include "model/sites/window_view.h"

namespace memwhy::model {

// How much of the process's allocations was recorded.
enum class BlocksKnown : std::uint8_t {
  kNone,         // no agent: heaps and anonymous memory are booked whole
  kSinceAttach,  // blocks born before are unknown
  kAll,
};

struct RssInput {
  const MapsPass& pass;
  const Process& process;
  std::span<const Thread> threads;    // of the process
  std::span<const LiveBlock> blocks;  // at the pass's time, by address
  BlocksKnown known = BlocksKnown::kAll;
};

// The account "rss": total is the sum of the mappings' rss.
Ledger BuildRssLedger(const RssInput& input);

// The accounts "rss" and, where the process's cgroup charge is known, "cgroup": what of the process
// is charged (its anonymous memory); page cache, kernel memory and other processes are
// unattributed.
// `malloc`: where not nullptr, gets the heaps of malloc, if all blocks are known.
Result<std::vector<Ledger>> BuildLedgers(const EventSource& source, const MapsPass& pass,
                                         std::optional<MallocView>* malloc = nullptr);

}  // namespace memwhy::model
