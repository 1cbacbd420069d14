// SPDX-License-Identifier: Apache-2.0
//
// What perf script printed. Input: how many bytes a piece has (one byte), the text.
#include "analysis/perf_stacks.h"
#include "base/strings.h"
#include "fuzz_input.h"
#include "readers/perf_script_reader.h"
#include "report/views/perf_view.h"

namespace {

using namespace memwhy;

std::string Document(std::string_view text, std::size_t step) {
  readers::PerfScriptReader reader;
  fuzz::Feed(text, step, &reader);
  const model::PerfScript script = reader.Finish();
  const model::PerfProfile profile = analysis::MergePerfStacks(script);
  std::uint64_t samples = script.left_out;
  for (const model::PerfStack& stack : profile.stacks) samples += stack.samples;
  MEMWHY_FUZZ_EXPECT(samples == script.samples);
  MEMWHY_FUZZ_EXPECT(script.unparsed <= script.lines);
  const std::string said = report::PerfText("-", script, profile, 5);
  for (const std::string_view line : SplitLines(said)) {
    for (const char c : line) MEMWHY_FUZZ_EXPECT(static_cast<unsigned char>(c) >= 0x20);
  }
  return report::DumpJson(report::PerfDocument("-", script, profile));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::AsText(data, size);
  const std::size_t step = fuzz::Take<std::uint8_t>(&text) + 1u;
  MEMWHY_FUZZ_EXPECT(Document(text, std::size_t{1} << 20) == Document(text, step));
  return 0;
}
