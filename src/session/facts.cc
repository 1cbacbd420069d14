// SPDX-License-Identifier: Apache-2.0
#include "session/facts.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "session/fact_text.h"
#include "session/format.h"

namespace memwhy::session {
namespace {

using nlohmann::json;

std::uint64_t AsUint(const json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (value.is_number_integer()) {
    const auto number = value.get<std::int64_t>();
    return number > 0 ? static_cast<std::uint64_t>(number) : 0;
  }
  return 0;
}

std::optional<std::uint64_t> AsOptionalUint(const json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  return AsUint(value);
}

std::optional<double> AsOptionalDouble(const json& value) {
  if (!value.is_number()) return std::nullopt;
  return value.get<double>();
}

std::string AsString(const json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

// A member of an object, or an element of an array; null when it is not there.
const json& Member(const json& object, const char* key) {
  static const json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

const json& Element(const json& array, std::size_t index) {
  static const json kNull;
  return array.is_array() && index < array.size() ? array[index] : kNull;
}

std::uint64_t Uint(const json& object, const char* key) { return AsUint(Member(object, key)); }

std::uint32_t Uint32(const json& object, const char* key) {
  const std::uint64_t value = Uint(object, key);
  return value > std::numeric_limits<std::uint32_t>::max() ? 0 : static_cast<std::uint32_t>(value);
}

std::string String(const json& object, const char* key) { return AsString(Member(object, key)); }

std::optional<ClockPair> AsClockPair(const json& value) {
  if (!value.is_array() || value.size() != 2 || AsUint(value[1]) == 0) return std::nullopt;
  return ClockPair{AsUint(value[0]), AsUint(value[1])};
}

json ToJson(const ClockPair& pair) { return json::array({pair.clock, pair.monotonic_ns}); }

json ToJson(const model::SizeClasses& classes) {
  json rows = json::array();
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (classes[i].blocks != 0) {
      rows.push_back(json::array({i, classes[i].bytes, classes[i].blocks}));
    }
  }
  return rows;
}

model::SizeClasses AsSizeClasses(const json& rows) {
  model::SizeClasses classes{};
  if (!rows.is_array()) return classes;
  for (const json& row : rows) {
    const std::uint64_t index = AsUint(Element(row, 0));
    if (index < classes.size()) classes[index] = {AsUint(Element(row, 1)), AsUint(Element(row, 2))};
  }
  return classes;
}

template <typename T>
json Nullable(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

}  // namespace

json ToJson(const SessionFact& fact) {
  return {{"type", "session"},
          {"version", kFormatVersion},
          {"memwhy", MEMWHY_VERSION},
          {"monotonic_ns", fact.monotonic_ns},
          {"command", fact.command},
          {"host", fact.host},
          {"started", fact.started},
          {"mode", fact.mode},
          {"recorder_pid", fact.recorder_pid},
          {"recorder_start", fact.recorder_start},
          {"rings", fact.rings},
          {"clock", fact.clock ? ToJson(*fact.clock) : json(nullptr)}};
}

json ToJson(const ProcessFact& fact) {
  return {{"type", "process"},
          {"process", fact.process},
          {"pid", fact.pid},
          {"parent", fact.parent},
          {"start_ticks", fact.start_ticks},
          {"clock_kind", fact.clock_kind},
          {"clock_shift", fact.clock_shift},
          {"clock", ToJson(fact.clock)},
          {"fork_clock", fact.fork_clock},
          {"python", fact.python},
          {"command", fact.command},
          {"note", fact.note},
          {"private", {fact.private_begin, fact.private_end}},
          {"arena_bytes", fact.arena_bytes},
          {"pool_bytes", fact.pool_bytes}};
}

json ToJson(const ProcessEndFact& fact) {
  return {{"type", "process_end"},
          {"process", fact.process},
          {"monotonic_ns", fact.monotonic_ns},
          {"clock", fact.clock},
          {"ended", fact.ended},
          {"lost_events", fact.lost_events},
          {"lost_bytes", fact.lost_bytes},
          {"waited_ns", fact.waited_ns},
          {"detached_ns", fact.detached_ns}};
}

json ToJson(const OsSamplesFact& fact) {
  json samples = json::array();
  for (const OsSampleFact& row : fact.samples) {
    const model::OsSample& sample = row.sample;
    samples.push_back(
        json::array({row.monotonic_ns, sample.process.value, sample.rss, sample.shared,
                     Nullable(sample.cgroup_current), Nullable(sample.cgroup_limit), sample.threads,
                     Nullable(sample.cpu_seconds), Nullable(sample.cgroup_file),
                     Nullable(sample.cgroup_inactive_file), Nullable(sample.cgroup_shmem),
                     Nullable(sample.cgroup_kernel), Nullable(sample.descriptors)}));
  }
  return {{"type", "os_samples"},
          {"samples", std::move(samples)},
          {"clock", fact.clock ? ToJson(*fact.clock) : json(nullptr)}};
}

json ToJson(const MapsFact& fact) {
  const model::MapsPass& pass = fact.pass;
  json mappings = json::array();
  for (const model::Mapping& mapping : pass.mappings) {
    mappings.push_back(
        json::array({mapping.begin, mapping.end, mapping.permissions, mapping.inode, mapping.name,
                     mapping.rss, mapping.anonymous, mapping.private_dirty, mapping.swap}));
  }
  json resident = json::array();
  for (const model::Range& range : pass.resident) {
    resident.push_back(range.begin);
    resident.push_back(range.end);
  }
  json arenas = json::array();
  for (const model::ArenaUse& arena : pass.arenas) {
    arenas.push_back(json::array(
        {arena.address, arena.blocks_in_use, arena.pools_in_use, arena.pools_unreadable}));
  }
  json descriptors = json::array();
  for (const model::DescriptorCount& kind : pass.descriptors) {
    descriptors.push_back(json::array({kind.kind, kind.count}));
  }
  return {{"type", "maps"},
          {"process", pass.process.value},
          {"monotonic_ns", fact.monotonic_ns},
          {"at", pass.at},
          {"mappings", std::move(mappings)},
          {"residency_known", pass.residency_known},
          {"resident", std::move(resident)},
          {"arenas", std::move(arenas)},
          {"descriptors", std::move(descriptors)}};
}

json ToJson(const HeapDumpFact& fact) {
  return {{"type", "heap_dump"},       {"process", fact.process},
          {"file", fact.file},         {"monotonic_ns", fact.monotonic_ns},
          {"pause_ms", fact.pause_ms}, {"predicted_ms", fact.predicted_ms},
          {"error", fact.error}};
}

json ToJson(const ObjectPeriodFact& fact) {
  return {{"type", "objects"},
          {"process", fact.process},
          {"from_ns", fact.from_ns},
          {"to_ns", Nullable(fact.to_ns)}};
}

json ToJson(const InterventionFact& fact) {
  return {
      {"type", "intervention"},    {"process", fact.process}, {"what", fact.what},
      {"from_ns", fact.from_ns},   {"to_ns", fact.to_ns},     {"predicted_ms", fact.predicted_ms},
      {"pause_ms", fact.pause_ms}, {"answer", fact.answer},   {"error", fact.error}};
}

json ToJson(const WindowFact& fact) {
  return {{"type", "window"}, {"from_ns", fact.from_ns}, {"to_ns", Nullable(fact.to_ns)}};
}

json ToJson(const FoldedFact& fact) {
  return {{"type", "folded"},
          {"until_ns", fact.until_ns},
          {"why", fact.part.why},
          {"events", fact.part.events},
          {"peak_bytes", fact.part.peak_bytes},
          {"peak_at_ns", fact.peak_at_ns},
          {"unknown_releases", fact.part.unknown_releases},
          {"unknown_unmaps", fact.part.unknown_unmaps},
          {"replaced_blocks", fact.part.replaced_blocks},
          {"forked", fact.forked},
          {"allocated_by_size", ToJson(fact.part.allocated_by_size)},
          {"ended_by_size", ToJson(fact.part.ended_by_size)}};
}

json ToJson(const EndFact& fact) {
  return {{"type", "end"},
          {"monotonic_ns", fact.monotonic_ns},
          {"ended", fact.ended},
          {"recorder_cpu_seconds", Nullable(fact.recorder_cpu_seconds)},
          {"session_bytes", Nullable(fact.session_bytes)},
          {"cut_short", fact.is_cut_short}};
}

json NoteToJson(const std::string& text) { return {{"type", "note"}, {"text", text}}; }

namespace {

// Everything is copied once more into the recording, and vectors grow beyond their need.
constexpr std::uint64_t kCopies = 3;

template <typename... Texts>
void Keep(Facts* facts, std::uint64_t bytes, const Texts&... texts) {
  facts->kept_bytes += kCopies * (bytes + ... + texts.size());
}

void AddSession(const json& fact, Facts* facts) {
  SessionFact session;
  session.monotonic_ns = Uint(fact, "monotonic_ns");
  session.command = String(fact, "command");
  session.host = String(fact, "host");
  session.started = String(fact, "started");
  session.mode = String(fact, "mode");
  session.recorder_pid = Uint32(fact, "recorder_pid");
  session.rings = String(fact, "rings");
  session.recorder_start = Uint(fact, "recorder_start");
  session.clock = AsClockPair(Member(fact, "clock"));
  if (session.clock) facts->clock.push_back(*session.clock);
  Keep(facts, sizeof(session), session.command, session.host, session.started, session.mode,
       session.rings);
  facts->session = std::move(session);
}

void AddProcess(const json& fact, Facts* facts) {
  ProcessFact process;
  process.process = Uint32(fact, "process");
  if (process.process >= kMaxProcesses) return;
  process.pid = Uint32(fact, "pid");
  process.parent = Uint32(fact, "parent");
  process.start_ticks = Uint(fact, "start_ticks");
  process.clock_kind = Uint32(fact, "clock_kind");
  process.clock_shift = Uint32(fact, "clock_shift");
  if (process.clock_shift > 32) process.clock_shift = 0;
  process.clock = AsClockPair(Member(fact, "clock")).value_or(ClockPair{});
  process.fork_clock = Uint(fact, "fork_clock");
  process.python = String(fact, "python");
  process.command = String(fact, "command");
  process.note = String(fact, "note");
  process.private_begin = AsUint(Element(Member(fact, "private"), 0));
  process.private_end = AsUint(Element(Member(fact, "private"), 1));
  process.arena_bytes = Uint32(fact, "arena_bytes");
  process.pool_bytes = Uint32(fact, "pool_bytes");
  Keep(facts, sizeof(process) + sizeof(model::Process), process.python, process.command,
       process.note);
  facts->processes[process.process] = std::move(process);
}

void AddProcessEnd(const json& fact, Facts* facts) {
  ProcessEndFact end;
  end.process = Uint32(fact, "process");
  if (end.process >= kMaxProcesses) return;
  end.monotonic_ns = Uint(fact, "monotonic_ns");
  end.clock = Uint(fact, "clock");
  end.ended = String(fact, "ended");
  end.lost_events = Uint(fact, "lost_events");
  end.lost_bytes = Uint(fact, "lost_bytes");
  end.waited_ns = Uint(fact, "waited_ns");
  end.detached_ns = Uint(fact, "detached_ns");
  Keep(facts, sizeof(end), end.ended);
  facts->process_ends[end.process] = std::move(end);
}

void AddOsSamples(const json& fact, Facts* facts) {
  for (const json& row : Member(fact, "samples")) {
    if (!row.is_array()) continue;
    OsSampleFact sample;
    sample.monotonic_ns = AsUint(Element(row, 0));
    sample.sample.process.value = static_cast<std::uint32_t>(AsUint(Element(row, 1)));
    sample.sample.rss = AsUint(Element(row, 2));
    sample.sample.shared = AsUint(Element(row, 3));
    sample.sample.cgroup_current = AsOptionalUint(Element(row, 4));
    sample.sample.cgroup_limit = AsOptionalUint(Element(row, 5));
    sample.sample.threads = static_cast<std::uint32_t>(AsUint(Element(row, 6)));
    sample.sample.cpu_seconds = AsOptionalDouble(Element(row, 7));
    sample.sample.cgroup_file = AsOptionalUint(Element(row, 8));
    sample.sample.cgroup_inactive_file = AsOptionalUint(Element(row, 9));
    sample.sample.cgroup_shmem = AsOptionalUint(Element(row, 10));
    sample.sample.cgroup_kernel = AsOptionalUint(Element(row, 11));
    sample.sample.descriptors = AsOptionalUint(Element(row, 12));
    facts->os_samples.push_back(sample);
    Keep(facts, sizeof(sample));
  }
  if (const auto pair = AsClockPair(Member(fact, "clock"))) {
    facts->clock.push_back(*pair);
    Keep(facts, sizeof(*pair));
  }
}

void AddMaps(const json& fact, Facts* facts) {
  MapsFact maps;
  maps.monotonic_ns = Uint(fact, "monotonic_ns");
  model::MapsPass& pass = maps.pass;
  pass.process.value = Uint32(fact, "process");
  pass.at = String(fact, "at");
  for (const json& row : Member(fact, "mappings")) {
    if (!row.is_array()) continue;
    model::Mapping mapping;
    mapping.begin = AsUint(Element(row, 0));
    mapping.end = AsUint(Element(row, 1));
    mapping.permissions = AsString(Element(row, 2));
    mapping.inode = AsUint(Element(row, 3));
    mapping.name = AsString(Element(row, 4));
    mapping.rss = AsUint(Element(row, 5));
    mapping.anonymous = AsUint(Element(row, 6));
    mapping.private_dirty = AsUint(Element(row, 7));
    mapping.swap = AsUint(Element(row, 8));
    if (mapping.begin >= mapping.end) continue;
    Keep(facts, sizeof(mapping), mapping.permissions, mapping.name);
    pass.mappings.push_back(std::move(mapping));
  }
  const json& known = Member(fact, "residency_known");
  pass.residency_known = known.is_boolean() && known.get<bool>();
  const json& resident = Member(fact, "resident");
  for (std::size_t i = 0; resident.is_array() && i + 1 < resident.size(); i += 2) {
    const model::Range range{AsUint(resident[i]), AsUint(resident[i + 1])};
    if (range.begin < range.end) pass.resident.push_back(range);
  }
  for (const json& row : Member(fact, "arenas")) {
    if (!row.is_array()) continue;
    pass.arenas.push_back({AsUint(Element(row, 0)), AsUint(Element(row, 1)),
                           AsUint(Element(row, 2)),
                           static_cast<std::uint32_t>(AsUint(Element(row, 3)))});
  }
  for (const json& row : Member(fact, "descriptors")) {
    model::DescriptorCount kind{AsString(Element(row, 0)), AsUint(Element(row, 1))};
    if (kind.count == 0) continue;
    Keep(facts, sizeof(kind), kind.kind);
    pass.descriptors.push_back(std::move(kind));
  }
  Keep(facts,
       sizeof(maps) + pass.resident.size() * sizeof(model::Range) +
           pass.arenas.size() * sizeof(model::ArenaUse),
       pass.at);
  facts->maps.push_back(std::move(maps));
}

void AddHeapDump(const json& fact, Facts* facts) {
  HeapDumpFact graph;
  graph.process = Uint32(fact, "process");
  graph.file = String(fact, "file");
  graph.monotonic_ns = Uint(fact, "monotonic_ns");
  graph.pause_ms = AsOptionalDouble(Member(fact, "pause_ms")).value_or(0);
  graph.predicted_ms = AsOptionalDouble(Member(fact, "predicted_ms")).value_or(0);
  graph.error = String(fact, "error");
  Keep(facts, sizeof(graph), graph.file, graph.error);
  facts->heap_dumps.push_back(std::move(graph));
}

void AddObjectPeriod(const json& fact, Facts* facts) {
  const ObjectPeriodFact period{Uint32(fact, "process"), Uint(fact, "from_ns"),
                                AsOptionalUint(Member(fact, "to_ns"))};
  for (ObjectPeriodFact& known : facts->object_periods) {
    if (known.process == period.process && known.from_ns == period.from_ns) {
      known = period;
      return;
    }
  }
  Keep(facts, sizeof(period));
  facts->object_periods.push_back(period);
}

void AddIntervention(const json& fact, Facts* facts) {
  InterventionFact one{Uint32(fact, "process"),
                       String(fact, "what"),
                       Uint(fact, "from_ns"),
                       Uint(fact, "to_ns"),
                       AsOptionalDouble(Member(fact, "predicted_ms")).value_or(0),
                       AsOptionalDouble(Member(fact, "pause_ms")).value_or(0),
                       String(fact, "answer"),
                       String(fact, "error")};
  Keep(facts, sizeof(one), one.answer, one.error);
  facts->interventions.push_back(std::move(one));
}

void AddFolded(const json& fact, Facts* facts) {
  FoldedFact folded;
  folded.until_ns = Uint(fact, "until_ns");
  folded.peak_at_ns = Uint(fact, "peak_at_ns");
  model::FoldedPart& part = folded.part;
  part.why = String(fact, "why");
  part.events = Uint(fact, "events");
  part.peak_bytes = Uint(fact, "peak_bytes");
  part.unknown_releases = Uint(fact, "unknown_releases");
  part.unknown_unmaps = Uint(fact, "unknown_unmaps");
  part.replaced_blocks = Uint(fact, "replaced_blocks");
  part.allocated_by_size = AsSizeClasses(Member(fact, "allocated_by_size"));
  part.ended_by_size = AsSizeClasses(Member(fact, "ended_by_size"));
  for (const json& process : Member(fact, "forked")) {
    folded.forked.push_back(static_cast<std::uint32_t>(AsUint(process)));
  }
  std::sort(folded.forked.begin(), folded.forked.end());
  Keep(facts, sizeof(folded) + folded.forked.size() * sizeof(std::uint32_t), folded.part.why);
  facts->folded = std::move(folded);
}

}  // namespace

Result<void> AddFact(const json& fact, Facts* facts) {
  if (!fact.is_object()) return Error("a fact is no object");
  const std::string type = String(fact, "type");
  if (type == "session") {
    AddSession(fact, facts);
  } else if (type == "process") {
    AddProcess(fact, facts);
  } else if (type == "process_end") {
    AddProcessEnd(fact, facts);
  } else if (type == "os_samples") {
    AddOsSamples(fact, facts);
  } else if (type == "maps") {
    AddMaps(fact, facts);
  } else if (type == "heap_dump") {
    AddHeapDump(fact, facts);
  } else if (type == "objects") {
    AddObjectPeriod(fact, facts);
  } else if (type == "intervention") {
    AddIntervention(fact, facts);
  } else if (type == "window") {
    facts->window = WindowFact{Uint(fact, "from_ns"), AsOptionalUint(Member(fact, "to_ns"))};
  } else if (type == "folded") {
    AddFolded(fact, facts);
  } else if (type == "note") {
    facts->notes.push_back(String(fact, "text"));
    Keep(facts, sizeof(std::string), facts->notes.back());
  } else if (type == "end") {
    facts->end =
        EndFact{Uint(fact, "monotonic_ns"), String(fact, "ended"),
                AsOptionalDouble(Member(fact, "recorder_cpu_seconds")),
                AsOptionalUint(Member(fact, "session_bytes")), Member(fact, "cut_short") == true};
  }
  return {};
}

Result<void> AddFactText(std::string_view text, Facts* facts) {
  MEMWHY_TRY(const json fact, ParseFact<json>(text));
  return AddFact(fact, facts);
}

}  // namespace memwhy::session
