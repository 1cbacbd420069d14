// SPDX-License-Identifier: Apache-2.0
//
// Builds synthetic sessions for tests: a 60 s recording watched from 20 s to 60 s, 100 requests per
// second, 300 MiB of rss, and stacks of the shapes that services show. Tests only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/verdict.h"
#include "model/ledger/share_kind.h"

namespace memwhy::analysis {

class FakeCase {
 public:
  FakeCase() {
    view.options = {20, 60, 56, 15, 4096};
    view.operations.assign(kBins, 4000 / kBins);
    view.operations_total = 4000;
    view.operations_name = "request";
    view.floor.assign(kBins, kBase);
    view.rss_floor.assign(kBins, 300 * kMiB);
    view.live_at_from = view.live_at_to = kBase;
    recording.command = "python serve.py";
    recording.mode = "launch";
    recording.seconds = 60;
    recording.started = "2026-11-23T10:00:00Z";
    recording.processes.push_back({});
    recording.processes[0].pid = 4711;
    recording.processes[0].python = "3.11.2";
    for (int i = 0; i < 600; ++i) {
      model::OsSample sample;
      sample.time = i / 10.0;
      sample.rss = 300 * kMiB;
      recording.os_samples.push_back(sample);
    }
    recording.marks.push_back({5, {}, "request", 1});
    Background();
  }

  static constexpr Bytes kMiB = 1024 * 1024;
  static constexpr Bytes kBase = 80 * kMiB;
  static constexpr std::size_t kBins = 15;

  // Frames leaf first; "app.py:handle:12" is file, function, line; the module is the file's stem.
  model::StackId Stack(const std::vector<std::string>& frames) {
    model::StackId stack = model::kNoPython;
    for (auto it = frames.rbegin(); it != frames.rend(); ++it) {
      const auto first = it->find(':');
      const auto last = it->rfind(':');
      model::Frame frame;
      frame.file = it->substr(0, first);
      frame.function = it->substr(first + 1, last - first - 1);
      frame.line = std::stoi(it->substr(last + 1));
      const auto slash = frame.file.rfind('/');
      const std::string name =
          slash == std::string::npos ? frame.file : frame.file.substr(slash + 1);
      frame.module = name.substr(0, name.find('.'));
      stack = stacks.InternStack(stack, stacks.InternFrame(frame));
    }
    return stack;
  }

  // Nothing is ever released: `per_bin` bytes in `blocks` blocks, all through the window.
  model::StackGrowth& Leak(model::StackId stack, Bytes per_bin, std::uint64_t blocks = 266) {
    model::StackGrowth& row = Row(stack);
    for (std::size_t i = 0; i < kBins; ++i) {
      row.floor.push_back(10 * kMiB + i * per_bin);
      row.survivors_by_birth.push_back(i < 13 ? per_bin : 0);
      view.floor[i] += i * per_bin;
      view.rss_floor[i] += i * per_bin;
    }
    row.survivor_bytes = 13 * per_bin;
    row.survivor_blocks = 13 * blocks;
    row.allocations = 15 * blocks;
    return row;
  }

  // One block that realloc enlarges by `per_bin`, all through the window.
  model::StackGrowth& Resizes(model::StackId stack, Bytes per_bin) {
    model::StackGrowth& row = Leak(stack, per_bin);
    row.survivors_by_birth.assign(kBins, 0);
    row.survivor_bytes = 0;
    row.survivor_blocks = 0;
    row.is_resized = true;
    row.grown_by_size = (kBins - 1) * per_bin;
    row.largest.push_back({0x7000, 10 * kMiB + row.grown_by_size, 59.5});
    return row;
  }
  // Its owner is found, with what it was in the dump before.
  void HoldsResized(model::StackId stack, HolderPath holder,
                    std::optional<std::pair<std::uint64_t, std::uint64_t>> resized = {}) {
    holder.resized = resized;
    holders.stacks.push_back({{}, stack, true, 1, 1, 1, std::move(holder), "", {}});
  }

  // Survivors, but the oldest goes when a new one comes: the floor is flat.
  model::StackGrowth& BoundedCache(model::StackId stack, Bytes per_bin) {
    model::StackGrowth& row = Leak(stack, per_bin);
    for (std::size_t i = 0; i < kBins; ++i) {
      view.floor[i] -= i * per_bin;
      view.rss_floor[i] -= i * per_bin;
      row.floor[i] = 10 * kMiB + (i % 3) * 4096;
    }
    return row;
  }

  // Rises until bin `full`, then stays.
  model::StackGrowth& FillsUp(model::StackId stack, Bytes per_bin, std::size_t full) {
    model::StackGrowth& row = Leak(stack, per_bin);
    for (std::size_t i = full; i < kBins; ++i) {
      row.floor[i] = row.floor[full - 1];
      row.survivors_by_birth[i] = 0;
      view.floor[i] -= (i - full + 1) * per_bin;
      view.rss_floor[i] -= (i - full + 1) * per_bin;
    }
    row.survivor_bytes = full * per_bin;
    return row;
  }

  // Arenas of 1 MiB, one in every `every` bins.
  model::StackGrowth& Arenas(model::StackId stack, std::size_t every) {
    model::StackGrowth& row = Row(stack);
    row.is_arena = true;
    row.main_allocator = wire::Allocator::kPymallocArena;
    Bytes taken = 0;
    for (std::size_t i = 0; i < kBins; ++i) {
      const bool takes = i % every == every - 1;
      if (takes) taken += kMiB;
      row.floor.push_back(20 * kMiB + taken);
      row.survivors_by_birth.push_back(takes && i < 13 ? kMiB : 0);
      view.floor[i] += taken;
      view.rss_floor[i] += taken;
      if (takes && i < 13) ++row.survivor_blocks;
    }
    row.survivor_bytes = row.survivor_blocks * kMiB;
    return row;
  }

  static HolderPath DictOf(const std::string& module, const std::string& name,
                           const std::string& held) {
    HolderPath holder;
    holder.path = {"module " + module, "." + name, "['k1']"};
    holder.text = module + "." + name + "['k1']";
    holder.root = "module global";
    holder.holder_text = module + "." + name;
    holder.holder_type = "dict";
    holder.holder_length = 5993;
    holder.held_type = held;
    return holder;
  }

  void Holds(model::StackId stack, HolderPath holder, std::size_t agreeing = 200) {
    holders.stacks.push_back(
        {{}, stack, false, 200, agreeing, agreeing, std::move(holder), "", {}});
  }

  void HoldsType(const std::string& type, std::int64_t bytes, HolderPath holder,
                 std::uint64_t object_bytes = 300) {
    const auto objects = static_cast<std::uint64_t>(bytes) / object_bytes;
    holders.types.push_back({type,
                             1000,
                             1000 + objects,
                             bytes,
                             object_bytes <= 512 ? bytes : 0,
                             100,
                             100,
                             std::move(holder),
                             {},
                             {}});
  }

  // All survivors of `stack` belong to `loss`, of which the dump before had `before`.
  void Loses(model::StackId stack, const Loss& loss, std::optional<std::uint64_t> before = 10) {
    const auto number = static_cast<std::uint32_t>(holders.losses.size());
    holders.losses.push_back({loss, before});
    holders.stacks.push_back({{}, stack, false, 200, 0, 0, std::nullopt, "", {number, 200}});
  }

  // The same for small objects of a type, made by `maker` where it is known.
  void LosesType(const Loss& loss, std::int64_t bytes, std::optional<model::StackId> maker = {},
                 std::uint64_t object_bytes = 300) {
    const auto number = static_cast<std::uint32_t>(holders.losses.size());
    holders.losses.push_back({loss, 10});
    const auto objects = static_cast<std::uint64_t>(bytes) / object_bytes;
    Makers makers;
    if (maker) makers = {50, {{*maker, 50}}};
    holders.types.push_back({loss.type,
                             1000,
                             1000 + objects,
                             bytes,
                             bytes,
                             100,
                             0,
                             std::nullopt,
                             {number, 100},
                             makers});
  }

  // What glibc keeps free at the window's ends; rss is what its first and last bins say.
  void KeepsFree(Bytes at_start, Bytes at_end) {
    const auto add = [this](const char* at, std::uint64_t rss, Bytes kept) {
      model::Ledger ledger;
      ledger.account = "rss";
      ledger.at = at;
      ledger.total = static_cast<Bytes>(rss);
      ledger.shares.push_back(model::MakeShare(model::ShareKind::kMallocRetained, kept, 0));
      ledger.unattributed = static_cast<SignedBytes>(ledger.total - kept);
      ledgers.push_back(std::move(ledger));
    };
    add("start", view.rss_floor.front(), at_start);
    add("end", view.rss_floor.back(), at_end);
  }

  Verdict Judge(bool with_heap_dump = true) const {
    return Conclude(recording, stacks, view, ledgers, with_heap_dump ? &holders : nullptr);
  }

  model::Recording recording;
  model::StackTree stacks;
  model::WindowView view;
  std::vector<model::Ledger> ledgers;
  HolderReport holders = [] {
    HolderReport report;
    report.objects = 120000;
    report.seconds_between = 40;
    return report;
  }();

 private:
  model::StackGrowth& Row(model::StackId stack) {
    model::StackGrowth& row = view.stacks.emplace_back();
    row.stack = row.first_stack = stack;
    return row;
  }

  // Work in flight that is always there.
  void Background() {
    model::StackGrowth& row = Row(Stack({"app.py:parse:3", "app.py:handle:9"}));
    row.floor.assign(kBins, 65536);
    row.survivors_by_birth.assign(kBins, 0);
    row.allocations = 40000;
  }
};

}  // namespace memwhy::analysis
