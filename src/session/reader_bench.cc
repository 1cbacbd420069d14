// SPDX-License-Identifier: Apache-2.0
//
// Records per second of opening and replaying a session: build/release/bin/session_bench
#include <benchmark/benchmark.h>

#include "session/reader.h"
#include "session/session_builder.h"
#include "session/temporary_directory.h"

namespace memwhy::session {
namespace {

class Count : public model::EventVisitor {
 public:
  void OnAcquire(const model::Acquire& event) override { sum += event.size; }
  void OnRelease(double, model::ProcessId, model::ThreadId, std::uint64_t address) override {
    sum += address;
  }
  void OnUnmap(double, model::ProcessId, model::ThreadId, std::uint64_t, std::uint64_t) override {}
  std::uint64_t sum = 0;
};

// `threads` threads that allocate and release blocks of some sizes from 1000 stacks, in turns.
void Build(const std::string& path, std::uint32_t threads, int rounds) {
  SessionBuilder builder(path);
  std::uint64_t time = At(0);
  for (std::uint32_t thread = 0; thread < threads; ++thread) {
    StreamEncoder& stream = builder.Stream(0, thread);
    const auto code = stream.DefineCode("f", "a.py", "a", 1);
    for (int i = 0; i < 1000; ++i) stream.DefineNode(wire::kStackNone, code, i);
  }
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < 400; ++i) {
      for (std::uint32_t thread = 0; thread < threads; ++thread) {
        StreamEncoder& stream = builder.Stream(0, thread);
        const std::uint64_t address = 0x7f0000000000 + (thread * 1000 + i % 50) * 4096;
        time += 200;
        stream.Allocate(time, wire::Allocator::kMalloc, address, 16 * (i % 40),
                        wire::kFirstNode + static_cast<std::uint32_t>(i) % 1000);
        time += 100;
        stream.Free(time, address);
      }
    }
    static_cast<void>(builder.WriteBlock().has_value());
  }
  static_cast<void>(builder.Write().has_value());
}

void BM_Open(benchmark::State& state) {
  TemporaryDirectory directory;
  Build(directory / "a.mwy", static_cast<std::uint32_t>(state.range(0)),
        static_cast<int>(4000 / state.range(0)));
  std::uint64_t records = 0;
  for (auto _ : state) {
    auto session = Session::Open(directory / "a.mwy");
    records += (*session)->records();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(records));
}
BENCHMARK(BM_Open)->Arg(1)->Arg(8)->Arg(64)->Unit(benchmark::kMillisecond);

void BM_Replay(benchmark::State& state) {
  TemporaryDirectory directory;
  Build(directory / "a.mwy", static_cast<std::uint32_t>(state.range(0)),
        static_cast<int>(4000 / state.range(0)));
  auto session = *Session::Open(directory / "a.mwy");
  std::uint64_t records = 0;
  for (auto _ : state) {
    Count count;
    static_cast<void>(session->Replay(count).has_value());
    benchmark::DoNotOptimize(count.sum);
    records += session->records();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(records));
}
BENCHMARK(BM_Replay)->Arg(1)->Arg(8)->Arg(64)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace memwhy::session
