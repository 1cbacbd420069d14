// SPDX-License-Identifier: Apache-2.0
//
// Snapshots of PyTorch's device allocator: pickles that must never run anything. Input: how many
// bytes a piece has (one byte), the pickle. Then all that is said of it: usage, time line, replay,
// text, document and page.
#include <nlohmann/json.hpp>

#include "analysis/device/device_summary.h"
#include "base/strings.h"
#include "fuzz_input.h"
#include "readers/snapshot_reader.h"
#include "report/device/snapshot_view.h"

namespace {

using namespace memwhy;

Result<model::DeviceSnapshot> ReadPickle(std::string_view bytes, std::size_t step) {
  readers::SnapshotReader reader;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const std::string_view part = bytes.substr(at, step);
    const std::vector<char> piece(part.begin(), part.end());
    if (!reader.Feed({piece.data(), piece.size()})) break;
  }
  return reader.Finish();
}

void Check(const model::DeviceSnapshot& snapshot) {
  for (const model::DeviceSegment& segment : snapshot.segments) {
    MEMWHY_FUZZ_EXPECT(segment.size <= readers::SnapshotReader::kMaxSize);
    MEMWHY_FUZZ_EXPECT(segment.first_block + segment.block_count <= snapshot.blocks.size());
  }
  for (const model::DeviceTrace& trace : snapshot.traces) {
    MEMWHY_FUZZ_EXPECT(trace.count > 0);
    MEMWHY_FUZZ_EXPECT(trace.first + trace.count <= snapshot.events.size());
  }
  for (const model::DeviceEvent& event : snapshot.events) {
    MEMWHY_FUZZ_EXPECT(event.stream < snapshot.streams.size());
    MEMWHY_FUZZ_EXPECT(event.pool < snapshot.pools.size());
    MEMWHY_FUZZ_EXPECT(event.stack.value < snapshot.stacks.size());
  }
}

std::string Said(const model::DeviceSnapshot& snapshot) {
  analysis::SummaryOptions options;
  options.what_if = {"expandable_segments:True", "max_split_size_mb:21",
                     "garbage_collection_threshold:0.5"};
  const auto devices = analysis::SummarizeDevices(snapshot, options);
  MEMWHY_FUZZ_EXPECT(devices.has_value());
  for (const analysis::DeviceSummary& device : *devices) {
    if (!device.timeline) continue;
    Bytes sum = 0;
    for (const auto& block : device.timeline->at_peak) sum += block.bytes;
    MEMWHY_FUZZ_EXPECT(sum == device.timeline->peak);
  }
  const report::SnapshotView view{"f", snapshot, *devices, 3};
  const std::string text = report::SnapshotText(view);
  for (const std::string_view line : SplitLines(text)) {
    for (const char c : line) MEMWHY_FUZZ_EXPECT(static_cast<unsigned char>(c) >= 0x20);
  }
  MEMWHY_FUZZ_EXPECT(report::SnapshotHtml(view).find("<script") == std::string::npos);
  const std::string json = report::DumpJson(report::SnapshotJson(view));
  MEMWHY_FUZZ_EXPECT(nlohmann::json::parse(json)["devices"].size() == devices->size());
  return json;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::AsText(data, size);
  const std::size_t step = fuzz::Take<std::uint8_t>(&text) + 1u;
  const auto whole = ReadPickle(text, std::size_t{1} << 20);
  const auto pieces = ReadPickle(text, step);
  MEMWHY_FUZZ_EXPECT(whole.has_value() == pieces.has_value());
  if (!whole) {
    MEMWHY_FUZZ_EXPECT(!whole.error().message().empty());
    return 0;
  }
  Check(*whole);
  // How many bytes were fed before an error depends on the pieces.
  model::DeviceSnapshot same = ReadPickle(text, step).value();
  same.file_bytes = whole->file_bytes;
  MEMWHY_FUZZ_EXPECT(Said(*whole) == Said(same));
  return 0;
}
