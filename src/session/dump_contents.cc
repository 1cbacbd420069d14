// SPDX-License-Identifier: Apache-2.0
#include "session/dump_contents.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "model/heap/dump_decoder.h"
#include "session/dump_file.h"
#include "wire/heap_dump.h"

namespace memwhy::session {
namespace {

const char* NameOf(wire::DumpTag tag) {
  switch (tag) {
    case wire::DumpTag::kType:
      return "type";
    case wire::DumpTag::kShape:
      return "shape";
    case wire::DumpTag::kText:
      return "text";
    case wire::DumpTag::kNumber:
      return "number";
    case wire::DumpTag::kList:
      return "list";
    case wire::DumpTag::kRoot:
      return "root";
    case wire::DumpTag::kWeak:
      return "weak reference";
    case wire::DumpTag::kBuffer:
      return "buffer";
    case wire::DumpTag::kSkipped:
      return "skipped object";
    case wire::DumpTag::kEnd:
      return "end";
    case wire::DumpTag::kCollector:
      return "collector";
    case wire::DumpTag::kNativeType:
      return "native type";
    case wire::DumpTag::kBlock:
      return "native block";
    case wire::DumpTag::kOwn:
      return "part of object";
    case wire::DumpTag::kTypeTotal:
      return "type total";
    case wire::DumpTag::kPair:
      return "pair of types";
    case wire::DumpTag::kFile:
      return "file";
    case wire::DumpTag::kThread:
      return "thread";
    case wire::DumpTag::kLane:
      return "lane";
    case wire::DumpTag::kTorch:
      return "object of torch";
  }
  return "unknown";
}

// By tag; all objects are counted under kFirstType.
struct RecordCounter : model::DumpVisitor {
  struct Sum {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
  };
  std::array<Sum, wire::kFirstType + 1> sums{};

  void OnRecord(std::uint64_t tag, std::uint64_t bytes) {
    Sum& sum = sums[static_cast<std::size_t>(std::min<std::uint64_t>(tag, wire::kFirstType))];
    ++sum.count;
    sum.bytes += bytes;
  }
};

}  // namespace

Result<DumpContents> ReadDumpContents(const std::string& path) {
  MEMWHY_TRY(const std::unique_ptr<DumpFile> file, DumpFile::Open(path));
  DumpContents contents;
  contents.version = kDumpFileVersion;  // the only one that Open takes
  contents.file_bytes = file->size();
  while (const auto block = file->NextBlock()) {
    DumpContents::Block shown;
    shown.offset = block->offset;
    shown.kind = static_cast<BlockKind>(block->header.kind);
    shown.raw_bytes = block->raw.size();
    shown.stored_bytes = block->header.stored_bytes;
    if (shown.kind == BlockKind::kFact) shown.fact.assign(block->raw.begin(), block->raw.end());
    contents.blocks.push_back(std::move(shown));
  }
  if (!file->damage().empty()) {
    contents.damage =
        fmt::format("{} at byte {} of {}", file->damage(), file->offset(), file->size());
  }
  RecordCounter counter;
  model::DumpDecoder<RecordCounter> decoder(*file, counter);
  const auto walked = decoder.Run();
  contents.stream_version = decoder.version();
  if (contents.damage.empty()) {
    contents.damage = walked ? decoder.damage() : walked.error().message();
  }
  for (std::size_t tag = 0; tag < counter.sums.size(); ++tag) {
    const RecordCounter::Sum& sum = counter.sums[tag];
    if (sum.count == 0) continue;
    const bool is_object = tag == wire::kFirstType;
    contents.records.push_back(
        {is_object ? "object" : NameOf(static_cast<wire::DumpTag>(tag)), sum.count, sum.bytes});
  }
  return contents;
}

}  // namespace memwhy::session
