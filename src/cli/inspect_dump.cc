// SPDX-License-Identifier: Apache-2.0
#include "cli/inspect_dump.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/bytes.h"
#include "base/terminal_text.h"
#include "cli/cli.h"
#include "report/parts/session_json.h"
#include "session/dump_contents.h"
#include "session/fact_text.h"

namespace memwhy::cli {
namespace {

using json = nlohmann::ordered_json;
using session::BlockKind;
using session::DumpContents;

constexpr std::size_t kFactWidth = 76;

std::string KindName(BlockKind kind) {
  if (kind == BlockKind::kFact) return "fact";
  if (kind == BlockKind::kDump) return "stream";
  return fmt::format("kind {}", static_cast<unsigned>(kind));
}

json FactOrNull(const std::string& text) {
  auto fact = session::ParseFact<json>(text);
  return fact ? *std::move(fact) : json(nullptr);
}

json ToJson(const std::string& path, const DumpContents& contents) {
  json blocks = json::array();
  for (const DumpContents::Block& block : contents.blocks) {
    json shown = {{"offset", block.offset},
                  {"kind", KindName(block.kind)},
                  {"raw_bytes", block.raw_bytes},
                  {"stored_bytes", block.stored_bytes}};
    if (block.kind == BlockKind::kFact) shown["fact"] = FactOrNull(block.fact);
    blocks.push_back(std::move(shown));
  }
  json records = json::array();
  for (const DumpContents::Records& one : contents.records) {
    records.push_back({{"kind", one.kind}, {"count", one.count}, {"bytes", one.bytes}});
  }
  return {{"schema", "memwhy.inspect/1"},
          {"file", path},
          {"version", contents.version},
          {"stream_version",
           contents.stream_version == 0 ? json(nullptr) : json(contents.stream_version)},
          {"file_bytes", contents.file_bytes},
          {"blocks", std::move(blocks)},
          {"records", std::move(records)},
          {"damage", contents.damage.empty() ? json(nullptr) : json(contents.damage)}};
}

void PrintText(const InspectOptions& options, const DumpContents& contents) {
  PrintLine("heap dump {} ({})", options.path,
            FormatBytes(static_cast<Bytes>(contents.file_bytes)));
  PrintLine("file version {}, stream version {}", contents.version,
            contents.stream_version == 0 ? "unknown" : std::to_string(contents.stream_version));
  for (const DumpContents::Block& block : contents.blocks) {
    PrintLine("block {:>10}  {:<7} raw {:>8} stored {:>8}", block.offset, KindName(block.kind),
              block.raw_bytes, block.stored_bytes);
    if (block.kind == BlockKind::kFact) {
      PrintLine("  {}", FactLine(block.fact, options.has_events));
    }
  }
  PrintLine("\n{:<15} {:>13} {:>10}", "records", "count", "bytes");
  for (const DumpContents::Records& one : contents.records) {
    PrintLine("{:<15} {:>13} {:>10}", one.kind, FormatCount(one.count),
              FormatBytes(static_cast<Bytes>(one.bytes)));
  }
  if (!contents.damage.empty()) PrintLine("damage: {}", contents.damage);
}

}  // namespace

std::string FactLine(const std::string& text, bool is_full) {
  const json fact = FactOrNull(text);
  std::string line = fact.is_null() ? "cannot be read" : report::DumpJson(fact);
  if (!is_full && line.size() > kFactWidth) {
    line = std::string(CutBytes(line, kFactWidth - 3)) + "...";
  }
  return line;
}

int InspectDump(const InspectOptions& options) {
  const auto contents = session::ReadDumpContents(options.path);
  if (!contents) return Fail(kExitEnvironment, contents.error().message());
  if (options.is_json) {
    PrintLine("{}", report::DumpJson(ToJson(options.path, *contents)));
  } else {
    PrintText(options, *contents);
  }
  return kExitOk;
}

}  // namespace memwhy::cli
