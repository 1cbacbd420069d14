// SPDX-License-Identifier: Apache-2.0
//
// What valgrind wrote, and the map of Python functions beside it. Input: frames; the first is how
// many bytes a piece has (one byte) and the XML text, the second the map.
#include <nlohmann/json.hpp>

#include "analysis/memcheck_findings.h"
#include "base/strings.h"
#include "fuzz_input.h"
#include "readers/cython_lines.h"
#include "readers/stub_map_reader.h"
#include "readers/valgrind_xml_reader.h"
#include "report/verdict/memcheck_json.h"
#include "report/verdict/memcheck_text.h"

namespace {

using namespace memwhy;

model::MemcheckRun ReadXml(std::string_view text, std::size_t step) {
  readers::ValgrindXmlReader reader;
  fuzz::Feed(text, step, &reader);
  return reader.Finish();
}

void Check(const model::MemcheckRun& run) {
  MEMWHY_FUZZ_EXPECT(run.errors.size() <= readers::ValgrindXmlReader::kMaxErrors);
  MEMWHY_FUZZ_EXPECT(run.left_out == 0 ||
                     run.errors.size() == readers::ValgrindXmlReader::kMaxErrors);
  for (const model::MemcheckError& error : run.errors) {
    MEMWHY_FUZZ_EXPECT(error.count > 0);
    MEMWHY_FUZZ_EXPECT(error.kind.size() <= readers::ValgrindXmlReader::kMaxText);
    MEMWHY_FUZZ_EXPECT(error.stacks.size() <= readers::ValgrindXmlReader::kMaxStacks);
    for (const model::MemcheckStack& stack : error.stacks) {
      MEMWHY_FUZZ_EXPECT(stack.frames.size() <= readers::ValgrindXmlReader::kMaxFrames);
      for (const model::NativeFrame& frame : stack.frames) MEMWHY_FUZZ_EXPECT(frame.line >= 0);
    }
  }
}

std::string Document(model::MemcheckRun run, const model::PythonStubs& stubs) {
  analysis::MemcheckProcess process{.run = std::move(run), .stubs = stubs};
  const analysis::MemcheckVerdict verdict = analysis::JudgeMemcheck({process}, {});
  MEMWHY_FUZZ_EXPECT(verdict.blamed <= verdict.findings.size());
  const std::string said = report::MemcheckText(verdict, 3);
  for (const std::string_view line : SplitLines(said)) {
    for (const char c : line) MEMWHY_FUZZ_EXPECT(static_cast<unsigned char>(c) >= 0x20);
  }
  // Its own baseline takes everything away.
  if (process.stubs.damage.empty()) {
    MEMWHY_FUZZ_EXPECT(analysis::JudgeMemcheck({process}, {process}).findings.empty());
  }
  return report::DumpJson(report::MemcheckJson({}, verdict));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::string_view> frames = fuzz::SplitFrames(fuzz::AsText(data, size));
  std::string_view text = frames[0];
  const std::size_t step = fuzz::Take<std::uint8_t>(&text) + 1u;
  model::PythonStubs stubs;
  if (frames.size() > 1) static_cast<void>(readers::ReadStubMap(frames[1], &stubs));
  static_cast<void>(readers::FindCythonLine(readers::ReadCythonLines(text), 3));
  model::MemcheckRun whole = ReadXml(text, std::size_t{1} << 20);
  Check(whole);
  const std::string json = Document(std::move(whole), stubs);
  MEMWHY_FUZZ_EXPECT(json == Document(ReadXml(text, step), stubs));
  const auto parsed = nlohmann::json::parse(json);
  MEMWHY_FUZZ_EXPECT(parsed["findings"].is_array());
  return 0;
}
