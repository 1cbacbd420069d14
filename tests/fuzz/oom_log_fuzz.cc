// SPDX-License-Identifier: Apache-2.0
//
// Kernel logs with kills for lack of memory. Input: how many bytes a piece has (one byte), the
// text.
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "fuzz_input.h"
#include "readers/oom_log_reader.h"
#include "report/oom/oom_json.h"
#include "report/oom/oom_text.h"

namespace {

using namespace memwhy;

model::OomLog ReadText(std::string_view text, std::size_t step) {
  readers::OomLogReader reader;
  fuzz::Feed(text, step, &reader);
  return reader.Finish();
}

void Check(const model::OomLog& log) {
  std::uint64_t line = 0;
  for (const model::OomKill& kill : log.kills) {
    MEMWHY_FUZZ_EXPECT(kill.line >= line && kill.line <= log.lines);
    line = kill.line;
    MEMWHY_FUZZ_EXPECT(kill.pid != 0u);
    MEMWHY_FUZZ_EXPECT(kill.pid.has_value() || kill.killer == "systemd-oomd");
    MEMWHY_FUZZ_EXPECT(kill.others.size() <= readers::OomLogReader::kMaxOthers);
    MEMWHY_FUZZ_EXPECT(kill.others.size() <= kill.others_total);
    MEMWHY_FUZZ_EXPECT(!kill.limit || kill.scope == model::OomScope::kMemcg);
    for (const model::OomOther& other : kill.others) {
      MEMWHY_FUZZ_EXPECT(!other.pid || other.pid != kill.pid);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::AsText(data, size);
  const std::size_t step = fuzz::Take<std::uint8_t>(&text) + 1u;
  const model::OomLog whole = ReadText(text, std::size_t{1} << 20);
  Check(whole);
  const model::OomLog pieces = ReadText(text, step);
  const std::string json = report::DumpJson(report::OomDocument("-", whole, std::nullopt));
  MEMWHY_FUZZ_EXPECT(json == report::DumpJson(report::OomDocument("-", pieces, std::nullopt)));
  const auto parsed = nlohmann::json::parse(json);
  MEMWHY_FUZZ_EXPECT(parsed["kills"].size() == whole.kills.size());
  const std::string said = report::OomText("-", whole, std::nullopt, 3);
  for (const std::string_view line : SplitLines(said)) {
    // A word without a blank may be longer than a line; no control character is left.
    for (const char c : line) MEMWHY_FUZZ_EXPECT(static_cast<unsigned char>(c) >= 0x20);
  }
  return 0;
}
