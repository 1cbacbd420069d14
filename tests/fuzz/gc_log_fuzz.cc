// SPDX-License-Identifier: Apache-2.0
//
// Debug text of the garbage collector. Input: how many bytes a piece has (one byte), the text.
#include <nlohmann/json.hpp>

#include "analysis/gc_summary.h"
#include "base/strings.h"
#include "fuzz_input.h"
#include "readers/gc_log_reader.h"
#include "report/gclog/gclog_json.h"
#include "report/gclog/gclog_text.h"

namespace {

using namespace memwhy;

struct Outcome {
  model::GcLog log;
  std::string json;
  std::uint64_t objects = 0;
};

Outcome ReadText(std::string_view text, bool keep_shutdown, std::size_t step) {
  Outcome outcome;
  report::GcLogJson json([&](std::string_view piece) { outcome.json += piece; });
  json.Begin("-");
  readers::GcLogReader reader(keep_shutdown, [&](const model::GcObject& object) {
    ++outcome.objects;
    json.Object(object);
  });
  for (std::size_t at = 0; at < text.size(); at += step) {
    // A buffer of its own: a byte too far is seen.
    const std::vector<char> piece(
        text.begin() + static_cast<std::ptrdiff_t>(at),
        text.begin() + static_cast<std::ptrdiff_t>(std::min(at + step, text.size())));
    reader.Feed({piece.data(), piece.size()});
  }
  outcome.log = reader.Finish();
  const analysis::GcSummary summary = analysis::SummarizeGcLog(outcome.log);
  json.End(outcome.log, summary, "");
  for (const std::string_view line : SplitLines(report::GcLogText("-", outcome.log, summary, 10))) {
    // Names are shortened by characters, which have up to four bytes.
    MEMWHY_FUZZ_EXPECT(line.size() <= 4 * 80);
  }
  return outcome;
}

void Check(const Outcome& outcome) {
  const model::GcLog& log = outcome.log;
  MEMWHY_FUZZ_EXPECT(outcome.objects == log.collectable_objects + log.uncollectable_objects);
  std::uint64_t by_type = 0;
  for (const model::GcType& type : log.types) by_type += type.collectable + type.uncollectable;
  MEMWHY_FUZZ_EXPECT(by_type == outcome.objects);
  std::uint64_t number = 0;
  for (const model::GcCollection& collection : log.collections) {
    MEMWHY_FUZZ_EXPECT(collection.number > number);
    number = collection.number;
    MEMWHY_FUZZ_EXPECT(collection.writer < log.writers.size());
    MEMWHY_FUZZ_EXPECT(collection.generation.value_or(0) <= 2);
    MEMWHY_FUZZ_EXPECT(collection.collected.has_value() == collection.uncollectable.has_value());
  }
  const auto json = nlohmann::json::parse(outcome.json);
  MEMWHY_FUZZ_EXPECT(json["objects"].size() == outcome.objects);
  MEMWHY_FUZZ_EXPECT(json["collections"].size() == log.collections.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::AsText(data, size);
  const std::size_t step = fuzz::Take<std::uint8_t>(&text) + 1u;
  const Outcome whole = ReadText(text, false, std::size_t{1} << 20);
  Check(whole);
  const Outcome pieces = ReadText(text, false, step);
  MEMWHY_FUZZ_EXPECT(pieces.json == whole.json);
  const Outcome kept = ReadText(text, true, step);
  Check(kept);
  MEMWHY_FUZZ_EXPECT(kept.log.collections.size() ==
                     whole.log.collections.size() + whole.log.shutdown_collections);
  MEMWHY_FUZZ_EXPECT(kept.objects == whole.objects + whole.log.shutdown_objects);
  return 0;
}
