// SPDX-License-Identifier: Apache-2.0
//
// A window of a recording as the growth rule needs it: live bytes per bin, in total and per stack,
// and who survived. One replay. A survivor was born in [from, tail_from), and is alive at `to`;
// what is younger than the tail may be work in flight and is not blamed. A process that ends takes
// its bytes along; those of the last one stay as they were at its end, so that a recording that
// ends with a kill can be judged. What a fork inherits is live, not born. Live bytes count blocks
// of the malloc family, mappings and pymalloc arenas once each (requested bytes).
//
// Memory also grows without a survivor: one block that realloc enlarges again and again, or that is
// replaced by a larger one. A large block that was reallocated stays in one row, whichever stacks
// enlarge it later (is_resized); a row whose blocks become larger, not more, says so
// (grown_by_size).
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/sites/event_source.h"

namespace memwhy::model {

struct WindowOptions {
  double from = 0;
  double to = 0;
  double tail_from = 0;  // from <= tail_from <= to
  int bins = 15;
  std::size_t survivors_kept = 4096;  // addresses kept per stack, spread evenly over the births
};

struct SurvivorBlock {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  double born = 0;
};

// All threads and all allocators with the same stack, in one process, are one row; but pymalloc
// arenas have a row of their own, and so have blocks that were reallocated.
struct StackGrowth {
  ProcessId process;
  StackId stack;                     // of is_resized: the one that enlarged most in the window
  StackId first_stack;               // names the row, with process, is_arena and is_resized
  wire::Allocator main_allocator{};  // of most survivors' bytes
  bool is_arena = false;    // pymalloc arenas: a stack says only who asked for the last one
  bool is_resized = false;  // blocks of kMinResized and more that were reallocated
  Bytes live_at_from = 0;
  Bytes live_at_to = 0;
  Bytes allocated = 0;            // in the window
  std::uint64_t allocations = 0;  // in the window
  Bytes survivor_bytes = 0;
  std::uint64_t survivor_blocks = 0;
  double first_birth = 0;  // of the survivors
  double last_birth = 0;
  std::vector<Bytes> survivors_by_birth;  // bytes of survivors per bin of birth; size = bins
  std::vector<Bytes> floor;               // least live bytes of this stack in each bin
  std::vector<SurvivorBlock> sample;
  // What the floor has grown by because each block is larger; 0 where more blocks are the reason.
  // With it the largest blocks at the end, whenever born: most of the bytes.
  Bytes grown_by_size = 0;
  std::vector<SurvivorBlock> largest;
  std::vector<StackId> enlarging;  // of is_resized: all stacks that enlarged it in the window
};

// A block that is reallocated to this size, or to more, is followed.
inline constexpr std::uint64_t kMinResized = 64 * 1024;

struct WindowView {
  WindowOptions options;
  std::vector<Bytes> floor;      // least total live bytes in each bin
  std::vector<Bytes> rss_floor;  // least rss sample in each bin; empty when there were none
  std::vector<std::uint64_t> operations;  // marks per bin (all names; see operations_name)
  std::uint64_t operations_total = 0;
  std::string operations_name;  // the most frequent name; only that one is counted
  Bytes live_at_from = 0;
  Bytes live_at_to = 0;
  std::vector<StackGrowth> stacks;  // by survivor bytes or growth by size, largest first
};

Result<WindowView> BuildWindowView(const EventSource& source, const WindowOptions& options);

// Whether what was born in an object period is among the live blocks, too: small Python objects,
// which lie inside of arenas that are live blocks themselves. Only while the period lasts: of what
// becomes of them later nothing is known.
enum class SmallObjects : std::uint8_t { kLeftOut, kIncluded };

// Every block alive at `time`, by address: what a look at the heap needs to recognise native
// blocks.
struct LiveBlock {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  StackId stack;
  wire::Allocator allocator{};
  ThreadId thread;
  double born = 0;
};
Result<std::vector<LiveBlock>> LiveBlocksAt(const EventSource& source, ProcessId process,
                                            double time,
                                            SmallObjects objects = SmallObjects::kLeftOut);

}  // namespace memwhy::model
