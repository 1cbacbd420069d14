// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/heap_census.h"

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "recorder/dump/heap_dump_run.h"

namespace memwhy::recorder {
namespace {

// An agent may have 65,536 types and seldom more than ten pairs for each.
constexpr std::size_t kMaxBytes = 64u << 20;

// What has come of a census, outliving the run that fills it.
class BytesSource : public model::DumpSource {
 public:
  Result<void> Rewind() override {
    is_read_ = false;
    return {};
  }
  Result<std::span<const std::uint8_t>> Next() override {
    if (std::exchange(is_read_, true)) return std::span<const std::uint8_t>();
    return std::span<const std::uint8_t>(bytes);
  }

  std::vector<std::uint8_t> bytes;

 private:
  bool is_read_ = false;
};

class MemorySink : public DumpSink {
 public:
  explicit MemorySink(std::vector<std::uint8_t>& bytes) : bytes_(bytes) {}

  Result<void> AddFact(const nlohmann::json&) override { return {}; }
  Result<void> AddBytes(std::span<const std::uint8_t> bytes) override {
    if (bytes.size() > kMaxBytes - bytes_.size()) {
      return Error(
          "the process sends more than a census has; was it started by another version of memwhy?");
    }
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return {};
  }
  Result<std::uint64_t> Finish() override { return std::uint64_t{0}; }

 private:
  std::vector<std::uint8_t>& bytes_;
};

}  // namespace

Result<HeapCensus> TakeHeapCensus(const FileSystem& fs, const HeapDumpOptions& options,
                                  const OnPrediction& on_prediction) {
  BytesSource stream;
  MEMWHY_TRY(const std::unique_ptr<HeapDumpRun> run,
             HeapDumpRun::StartCensus(fs, options, std::make_unique<MemorySink>(stream.bytes),
                                      on_prediction));
  HeapCensus census;
  MEMWHY_TRY(census.outcome, run->RunToEnd());
  MEMWHY_TRY(census.census, model::ReadTypeCensus(stream));
  return census;
}

}  // namespace memwhy::recorder
