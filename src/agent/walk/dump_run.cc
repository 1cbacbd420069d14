// SPDX-License-Identifier: Apache-2.0
#include "agent/walk/dump_run.h"

#include "agent/walk/census_sink.h"
#include "agent/walk/dump_sink.h"
#include "agent/walk/heap_walk.h"
#include "agent/walk/list_walk.h"
#include "agent/walk/native_walk.h"
#include "agent/walk/torch_walk.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;

// Blocks of marks that may be needed: for all memory in which objects lie or of which a clone has
// no copy, and for what they lead to in read-only files and in the addresses of devices.
std::size_t MaxMarkBlocks(const MemoryMap& map) noexcept {
  constexpr std::size_t kElsewhere = 1 << 20;  // 64 GiB
  std::size_t blocks = kElsewhere;
  for (std::size_t i = 0; i < map.count(); ++i) {
    const Mapping& mapping = map.at(i);
    if (mapping.is_spared || (mapping.is_readable && mapping.is_writable)) {
      blocks += ((mapping.end - mapping.begin) >> 16) + 2;
    }
  }
  return blocks;
}

// The collector's settings.
void PutCollector(DumpStream& out, bool collects, Address interpreter) noexcept {
  out.PutTag(wire::DumpTag::kCollector);
  out.PutByte(collects ? 1 : 0);
  if (!CollectorListsHaveEnds()) {
    out.PutNumber(0);
    return;
  }
  out.PutNumber(3);
  for (std::uint32_t list = 0; list < 3; ++list) {
    // struct gc_generation {PyGC_Head head; int threshold; int count}
    const Address generation = CollectorListHead(interpreter, list);
    const int threshold = Peek<int>(generation, TheLayout().gc_head_bytes);
    const int count = Peek<int>(generation, TheLayout().gc_head_bytes + 4);
    out.PutNumber(static_cast<std::uint64_t>(threshold < 0 ? 0 : threshold));
    out.PutNumber(static_cast<std::uint64_t>(count < 0 ? 0 : count));
  }
}

// The objects of the second process of two. It does not come back.
[[noreturn]] void RunSecondLane(HeapWalk<DumpSink>& walk, TorchWalk& torch,
                                DumpLanes& lanes) noexcept {
  WalkState& state = walk.state();
  DumpSink& sink = walk.sink();
  sink.PutShapes();
  const Address interpreter = MainInterpreter();
  walk.TakeInterned(interpreter);
  walk.RunGuarded([&] { ListWalk<DumpSink>(walk).VisitFromEnd(interpreter); });
  torch.Write();
  for (std::uint32_t id = 0; id < state.types.count() && !state.failed; ++id) {
    state.failed = !lanes.PutType(state.types.at(id)->type);
  }
  for (const Address greenlet : walk.greenlets()) {
    if (!lanes.PutGreenlet(greenlet)) state.failed = true;
  }
  const DumpTotals& totals = sink.totals();
  lanes.End(sink.out().Flush() && !state.HasFailed() && !sink.failed(), totals.objects,
            totals.edges, totals.skipped);
}

// Without a second process this one does all.
void Split(HeapWalk<DumpSink>& walk, TorchWalk& torch, DumpLanes& lanes) noexcept {
  DumpStream& out = walk.sink().out();
  WalkState& state = walk.state();
  if (!CollectorListsHaveEnds() || !state.marks.Share(MaxMarkBlocks(state.map)) || !out.Flush()) {
    return;
  }
  const DumpLanes::Role role = lanes.Split(out.fd());
  if (role == DumpLanes::Role::kAlone) return;
  walk.ShareLists();
  const bool is_second = role == DumpLanes::Role::kSecond;
  out.BeginLane(lanes, is_second ? 1 : 0);
  if (is_second) RunSecondLane(walk, torch, lanes);
}

// What the second has met counts as met.
void Join(HeapWalk<DumpSink>& walk, DumpLanes& lanes) noexcept {
  WalkState& state = walk.state();
  DumpSink& sink = walk.sink();
  // It may wait for its turn.
  if (!sink.out().Flush() || !lanes.Join()) {
    state.failed = true;
    return;
  }
  sink.out().EndLanes();
  sink.AddTotals({lanes.objects(), lanes.edges(), lanes.skipped()});
  for (const Address greenlet : lanes.greenlets()) walk.AddGreenlet(greenlet);
  for (const Address type : lanes.types()) {
    state.at = type;
    walk.RunGuarded([&] {
      if (state.types.IsType(state.at)) state.types.Get(state.at);
    });
  }
  lanes.Release();  // the addresses in it are no references
}

}  // namespace

bool WriteDump(DumpStream& out, WalkState& state, const DumpParts& parts) noexcept {
  DumpSink sink(out, state);
  BlockIndex none;
  NativeWalk native(state, sink, parts.blocks != nullptr ? *parts.blocks : none);
  NativeWalk* const followed = parts.blocks != nullptr ? &native : nullptr;
  TorchWalk torch(state, sink, parts.free, followed);
  native.SetTorch(&torch);
  HeapWalk<DumpSink> walk(state, sink);
  if (!walk.Start(parts.free, followed, &torch)) return false;
  PutDumpStart(out);
  sink.PutShapes();
  PutCollector(out, parts.collects, MainInterpreter());
  if (parts.lanes != nullptr) Split(walk, torch, *parts.lanes);
  walk.VisitLists();
  if (walk.has_other()) Join(walk, *parts.lanes);
  walk.VisitRoots();
  if (parts.free != nullptr) walk.VisitHidden(*parts.free);
  // Native memory leads to objects of torch, and these to native memory.
  const auto write_native = [&] {
    torch.Write();
    while (followed != nullptr && (native.has_more() || torch.has_more()) && !walk.IsStopped()) {
      walk.RunGuarded([&] { native.Write(); });
      torch.Write();
    }
  };
  write_native();
  torch.SearchHidden();
  write_native();
  PutDumpEnd(out, sink.totals());
  return out.Flush() && !state.HasFailed() && !sink.failed();
}

bool WriteCensus(DumpStream& out, WalkState& state, FreeMemory* free) noexcept {
  CensusSink sink(out, state);
  HeapWalk<CensusSink> walk(state, sink);
  if (!walk.Start(free, nullptr, nullptr)) return false;
  walk.VisitLists();
  walk.VisitRoots();
  if (free != nullptr) walk.VisitHidden(*free);
  return !state.HasFailed() && !sink.failed() && sink.Write();
}

}  // namespace memwhy::agent
