// SPDX-License-Identifier: Apache-2.0
//
// memwhy inspect: what is in a session directory, its blocks.mwy, a heap dump or a ring file, block
// by block.
#include <sys/stat.h>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/file_system.h"
#include "base/strings.h"
#include "base/terminal_text.h"
#include "cli/cli.h"
#include "cli/inspect_dump.h"
#include "cli/memory_bound.h"
#include "report/parts/session_json.h"
#include "session/block_file.h"
#include "session/dump_file.h"
#include "session/fact_text.h"
#include "session/pieces.h"
#include "session/ring_place.h"
#include "session/ring_snapshot.h"
#include "session/stream_decoder.h"

namespace memwhy::cli {
namespace {

using json = nlohmann::ordered_json;
using session::Record;
using wire::EventKind;

std::string Hex(std::uint64_t value) { return fmt::format("0x{:x}", value); }

json DescribeRecord(const Record& record) {
  using enum EventKind;
  json out = {{"kind", session::EventKindName(record.kind)}};
  if (session::HasTime(record.kind)) out["ticks"] = record.ticks;
  const auto text = [](std::string_view view) { return std::string(view); };
  switch (record.kind) {
    case kMalloc:
    case kCalloc:
    case kAllocate:
    case kMap:
    case kObjectAllocate:
      out["allocator"] = wire::AllocatorName(record.allocator);
      out["address"] = Hex(record.address);
      out["size"] = record.size;
      out["stack"] = record.stack;
      break;
    case kRealloc:
    case kRemap:
      out["allocator"] = wire::AllocatorName(record.allocator);
      out["old"] = Hex(record.old_address);
      if (record.kind == kRemap) out["old_size"] = record.old_size;
      out["ticks_after"] = record.ticks_after;
      out["address"] = Hex(record.address);
      out["size"] = record.size;
      out["stack"] = record.stack;
      break;
    case kFree:
    case kArenaFree:
    case kObjectFree:
      out["address"] = Hex(record.address);
      break;
    case kUnmap:
      out["address"] = Hex(record.address);
      out["size"] = record.size;
      break;
    case kAdvise:
      out["address"] = Hex(record.address);
      out["length"] = record.a;
      out["advice"] = record.b;
      break;
    case kDefineNode:
      out["parent"] = record.a;
      out["code"] = record.b;
      out["instruction"] = static_cast<std::int64_t>(record.c) - 1;
      break;
    case kDefineCode:
      out["first_line"] = record.a;
      out["python"] = fmt::format("{}.{}", record.b >> 8, record.b & 0xff);
      out["name"] = text(record.text[0]);
      out["file"] = text(record.text[1]);
      out["module"] = text(record.text[2]);
      out["line_table_bytes"] = record.text[3].size();
      break;
    case kDefineModule:
      out["kind"] = record.a;
      out["load_address"] = Hex(record.b);
      out["path"] = text(record.text[0]);
      out["build_id"] = text(record.text[1]);
      break;
    case kCodeModule:
      out["code"] = record.a;
      out["module"] = text(record.text[0]);
      break;
    case kThread:
      out["tid"] = record.a;
      out["thread_pointer"] = Hex(record.b);
      out["stack_pointer"] = Hex(record.c);
      out["name"] = text(record.text[0]);
      break;
    case kThreadName:
      out["name"] = text(record.text[0]);
      break;
    case kMark:
      out["count"] = record.a;
      out["name"] = text(record.text[0]);
      break;
    case kLost:
      out["events"] = record.a;
      out["bytes"] = record.b;
      break;
    case kFork:
      out["child"] = record.a;
      out["sequence"] = record.b;
      break;
    case kPrivate:
      out["begin"] = Hex(record.a);
      out["end"] = Hex(record.b);
      break;
    case kHeld:
      out["allocator"] = wire::AllocatorName(record.allocator);
      out["process"] = record.b;
      out["address"] = Hex(record.address);
      out["size"] = record.size;
      out["stack"] = record.stack;
      out["continues"] = (record.a & wire::kHeldContinues) != 0;
      out["last"] = (record.a & wire::kHeldLast) != 0;
      break;
    case kFolded:
      out["allocator"] = wire::AllocatorName(record.allocator);
      out["process"] = record.b;
      out["stack"] = record.stack;
      out["sums"] = record.sums;
      break;
    case kState:
      out["stack"] = record.stack;
      break;
    case kThreadEnd:
    case kTime:
      break;
  }
  return out;
}

// Prints as it goes; with --json each list is gathered and printed as one document at the
// end.
class Inspector {
 public:
  explicit Inspector(const InspectOptions& options) : options_(options) {}

  int Ring(const std::string& path);
  int Blocks(const std::string& path);
  void Finish() {
    if (options_.is_json) PrintLine("{}", report::DumpJson(document_));
  }

 private:
  void Piece(std::uint32_t process, std::uint32_t thread, std::uint64_t offset,
             std::span<const std::uint8_t> bytes, json* out);
  void Fact(std::span<const std::uint8_t> raw, json* out);
  template <typename... Args>
  void Print(fmt::format_string<Args...> format, const Args&... args) const {
    if (!options_.is_json) PrintLines(stdout, FormatForTerminal(format, args...));
  }

  const InspectOptions& options_;
  json document_ = {{"schema", "memwhy.inspect/1"}};
  std::map<std::pair<std::uint32_t, std::uint32_t>, session::StreamDecoder> decoders_;
};

void Inspector::Piece(std::uint32_t process, std::uint32_t thread, std::uint64_t offset,
                      std::span<const std::uint8_t> bytes, json* out) {
  Print("  piece  process {} thread {} offset {} bytes {}\n", process, thread, offset,
        bytes.size());
  json piece = {
      {"process", process}, {"thread", thread}, {"offset", offset}, {"bytes", bytes.size()}};
  if (options_.has_events) {
    session::StreamDecoder& decoder = decoders_[{process, thread}];
    decoder.SetPiece(bytes);
    Record record;
    session::StreamDecoder::Step step{};
    json events = json::array();
    while ((step = decoder.Next(&record)) == session::StreamDecoder::Step::kRecord) {
      json event = DescribeRecord(record);
      if (options_.is_json) {
        events.push_back(std::move(event));
      } else {
        const std::string kind = event["kind"];
        event.erase("kind");
        Print("    {:<12}", kind);
        for (const auto& [key, value] : event.items()) {
          Print(" {}={}", key,
                value.is_string() ? value.get<std::string>() : report::DumpJson(value));
        }
        Print("\n");
      }
    }
    if (step == session::StreamDecoder::Step::kDamaged) {
      Print("    damaged at byte {} of the piece\n", decoder.position());
      piece["damaged_at"] = decoder.position();
    }
    piece["events"] = std::move(events);
  }
  if (options_.is_json) out->push_back(std::move(piece));
}

void Inspector::Fact(std::span<const std::uint8_t> raw, json* out) {
  const std::string text(raw.begin(), raw.end());
  if (options_.is_json) {
    auto fact = session::ParseFact<json>(text);
    (*out)["fact"] = fact ? *std::move(fact) : json(nullptr);
    return;
  }
  Print("  {}\n", FactLine(text, options_.has_events));
}

int Inspector::Ring(const std::string& path) {
  const auto ring = session::ReadRing(path);
  if (!ring) return Fail(kExitEnvironment, ring.error().message());
  const session::RingInfo& info = ring->info;
  constexpr const char* kStates[] = {"starting", "recording", "detached", "ended", "dormant"};
  const auto state = static_cast<std::uint32_t>(info.state);
  json out = {{"file", path},
              {"pid", info.pid},
              {"parent", info.parent_pid},
              {"python", info.python},
              {"state", state < std::size(kStates) ? kStates[state] : "unknown"},
              {"note", info.note},
              {"chunks", info.chunk_count},
              {"lost_events", info.lost_events},
              {"lost_bytes", info.lost_bytes},
              {"waited_ms", static_cast<double>(info.waited_ns) * 1e-6},
              {"pieces", json::array()}};
  Print("ring {}\n", path);
  Print("  pid {} parent {} python {} state {} chunks {}\n", info.pid, info.parent_pid,
        info.python.empty() ? "none" : info.python, out["state"].get<std::string>(),
        info.chunk_count);
  Print("  lost events {} bytes {}, waited {:.1f} ms\n", info.lost_events, info.lost_bytes,
        static_cast<double>(info.waited_ns) * 1e-6);
  if (!info.note.empty()) Print("  note: {}\n", info.note);
  for (const session::RingPiece& piece : ring->pieces) {
    Piece(0, piece.thread, piece.offset, piece.bytes, &out["pieces"]);
  }
  decoders_.clear();
  document_["rings"].push_back(std::move(out));
  return kExitOk;
}

int Inspector::Blocks(const std::string& path) {
  auto file = session::BlockFile::Open(path);
  if (!file) return Fail(kExitEnvironment, file.error().message());
  Print("session {} ({})\n", path, FormatBytes(file->size()));
  document_["file"] = path;
  document_["blocks"] = json::array();
  session::BlockFile::Place place;
  std::vector<std::uint8_t> raw;
  while (file->Next(&place, &raw)) {
    const auto kind = static_cast<session::BlockKind>(place.header.kind);
    const bool is_pieces = session::HasPieces(kind);
    const bool is_fact = kind == session::BlockKind::kFact;
    const std::string name = is_pieces ? "pieces"
                             : is_fact ? "fact"
                                       : fmt::format("kind {}", place.header.kind);
    Print("block {:>10}  {:<7} raw {:>8} stored {:>8}\n", place.offset, name, raw.size(),
          place.header.stored_bytes);
    json block = {{"offset", place.offset},
                  {"kind", name},
                  {"raw_bytes", raw.size()},
                  {"stored_bytes", place.header.stored_bytes}};
    if (is_pieces) {
      session::PieceReader reader(raw);
      session::Piece piece;
      block["pieces"] = json::array();
      while (reader.Next(&piece)) {
        Piece(piece.process, piece.thread, piece.offset, piece.bytes, &block["pieces"]);
      }
      if (reader.is_damaged()) Print("  damaged pieces\n");
    } else if (is_fact) {
      Fact(raw, &block);
    }
    if (options_.is_json) document_["blocks"].push_back(std::move(block));
  }
  document_["damage"] = file->damage().empty() ? json(nullptr) : json(file->damage());
  if (!file->damage().empty()) Print("damage: {}\n", file->damage());
  return kExitOk;
}

int RunInspect(const InspectOptions& options) {
  AllowMemoryFor(options.path);
  if (session::IsDumpFile(options.path)) return InspectDump(options);
  Inspector inspector(options);
  int code = kExitOk;
  if (IsDirectory(options.path)) {
    code = inspector.Blocks(JoinPath(options.path, session::kBlocksFile));
    for (const std::string& ring : session::FindAllRings(options.path)) {
      if (code == kExitOk) code = inspector.Ring(ring);
    }
  } else if (StartsWith(Basename(options.path), wire::kRingPrefix)) {
    code = inspector.Ring(options.path);
  } else {
    code = inspector.Blocks(options.path);
  }
  if (code == kExitOk) inspector.Finish();
  return code;
}

void AddInspectCommand(CLI::App& app, int* exit_code) {
  const auto options = std::make_shared<InspectOptions>();
  CLI::App* command = app.add_subcommand(
      "inspect", "Print the contents of a session, heap dump or ring file, even damaged");
  command
      ->add_option("file", options->path, "Session directory, blocks.mwy, heap dump or ring file")
      ->required()
      ->type_name("FILE|SESSION");
  command->add_flag("--events", options->has_events,
                    "Also each event of a session, and its facts in full");
  command->add_flag("--json", options->is_json, "Print one JSON document");
  command->callback([options, exit_code] { *exit_code = RunInspect(*options); });
}

const CommandRegistrar kInspectRegistrar("inspect", AddInspectCommand);

}  // namespace
}  // namespace memwhy::cli
