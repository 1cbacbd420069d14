// SPDX-License-Identifier: Apache-2.0
//
// How events reach the model: a source replays them, in one order over all threads and processes,
// into a visitor. A realloc arrives as a release (time before the call) and an acquisition (time
// after it); so does mremap. A visitor for which the block is one and the same meanwhile overrides
// OnReallocBegin and OnRemapBegin. Every view of a session is a visitor, so all see the same
// events.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "model/ids.h"
#include "model/recording.h"
#include "model/sites/stack_tree.h"
#include "wire/event.h"

namespace memwhy::model {

struct Acquire {
  double time;  // seconds from the session's start
  ProcessId process;
  ThreadId thread;
  wire::Allocator allocator;
  std::uint64_t address;
  std::uint64_t size;  // requested bytes
  StackId stack;
  bool is_mapping;  // mmap, mremap: released in parts by OnUnmap; else by OnRelease
};

// A block that was held when the folded part of a session ended (Recording::folded). Its birth is
// not known; `acquire.time` is that end.
struct Held {
  Acquire acquire;
  bool continues = false;          // a further part of the mapping delivered just before
  bool is_last_of_thread = false;  // no allocation of its thread came after it
};

// What else became of the blocks of one site in the folded part: it counts in the sums of
// the whole session.
struct FoldedSite {
  ProcessId process;
  ThreadId thread;
  wire::Allocator allocator;
  StackId stack;
  Amount allocated;  // what is still held counts, too
  Amount released;
  Amount temporary;
  Amount at_peak;  // of the highest total of the folded part
  Amount live;     // of a process that ended: what it held then; not among the held blocks
};

class EventVisitor {
 public:
  virtual ~EventVisitor() = default;
  // Held blocks and folded sites come before all events.
  virtual void OnHeld(const Held& held) { OnAcquire(held.acquire); }
  virtual void OnFolded(const FoldedSite& /*site*/) {}
  virtual void OnAcquire(const Acquire& event) = 0;
  // A block (malloc family, pymalloc arena, object domains) goes away. The address may be unknown:
  // born before recording.
  virtual void OnRelease(double time, ProcessId process, ThreadId thread,
                         std::uint64_t address) = 0;
  // [address, address + size) is unmapped; it may cover parts of several mappings, or nothing
  // known.
  virtual void OnUnmap(double time, ProcessId process, ThreadId thread, std::uint64_t address,
                       std::uint64_t size) = 0;
  // The release that begins a realloc (a mremap). The next acquisition of this thread ends it, if
  // its allocator says so.
  virtual void OnReallocBegin(double time, ProcessId process, ThreadId thread,
                              std::uint64_t address) {
    OnRelease(time, process, thread, address);
  }
  virtual void OnRemapBegin(double time, ProcessId process, ThreadId thread, std::uint64_t address,
                            std::uint64_t size) {
    OnUnmap(time, process, thread, address, size);
  }
  // A small block of the object domains (pymem_mem, pymem_obj) in an object period. It lies inside
  // of a pymalloc arena, so it is no part of any sum. A release may be of a block that was never
  // told: born before the period, or larger.
  virtual void OnObjectAcquire(const Acquire& /*event*/) {}
  virtual void OnObjectRelease(double /*time*/, ProcessId /*process*/, ThreadId /*thread*/,
                               std::uint64_t /*address*/) {}
  // `child` starts with a copy of what `parent` holds at this point.
  virtual void OnFork(double /*time*/, ProcessId /*parent*/, ProcessId /*child*/) {}
  virtual void OnProcessEnd(double /*time*/, ProcessId /*process*/) {}
  virtual void OnMark(double /*time*/, ProcessId /*process*/, std::string_view /*name*/,
                      std::uint64_t /*count*/) {}
};

class EventSource {
 public:
  virtual ~EventSource() = default;
  virtual const Recording& recording() const = 0;
  // Complete after the first Replay, or after loading, at the source's choice.
  virtual const StackTree& stacks() const = 0;
  // Delivers all events, ordered by time. May be called again. An error is a damaged source that
  // could not even be read in part; damage after a good start is in recording().damage.
  virtual Result<void> Replay(EventVisitor& visitor) const = 0;
  // At least the events of `process`, and of its ancestors up to the forks that made it: what the
  // source can leave out of others costs nothing.
  virtual Result<void> ReplayOf(ProcessId /*process*/, EventVisitor& visitor) const {
    return Replay(visitor);
  }
};

}  // namespace memwhy::model
