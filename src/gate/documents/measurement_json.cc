// SPDX-License-Identifier: Apache-2.0
#include "gate/documents/measurement_json.h"

#include <fmt/core.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/file_system.h"
#include "base/regular_file.h"
#include "base/terminal_text.h"
#include "report/parts/session_json.h"

namespace memwhy::gate {
namespace {

using report::Json;

constexpr const char* kSchema = "memwhy.gate.baseline/1";
constexpr std::size_t kMaxFileBytes = 64 << 20;

// Whole numbers without a point.
Json NumberJson(double number) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (number == std::floor(number) && std::abs(number) < kExact) {
    return static_cast<std::int64_t>(number);
  }
  return number;
}

Json StacksJson(const std::vector<StackSample>& stacks) {
  Json list = Json::array();
  for (const StackSample& stack : stacks) {
    Json frames = Json::array();
    for (const model::Frame& frame : stack.frames) frames.push_back(report::FrameJson(frame));
    Json one;
    one["bytes"] = NumberJson(stack.bytes);
    one["blocks"] = NumberJson(stack.blocks);
    if (stack.is_arena) one["arena"] = true;
    if (stack.is_truncated) one["truncated"] = true;
    one["stack"] = std::move(frames);
    list.push_back(std::move(one));
  }
  return list;
}

Error Bad(const std::string& path, std::string_view what) {
  return Error(fmt::format("{}: {}; make the file anew with memwhy gate baseline", path, what));
}

// Reads what it knows and is there; a wrong type makes `is_good` false.
class Reader {
 public:
  bool is_good = true;

  std::string Text(const Json& from, const char* name) {
    const auto found = from.find(name);
    if (found == from.end() || found->is_null()) return "";
    if (found->is_string()) return found->get<std::string>();
    is_good = false;
    return "";
  }
  double Number(const Json& from, const char* name) {
    const auto found = from.find(name);
    if (found == from.end() || found->is_null()) return 0;
    if (found->is_number()) return found->get<double>();
    is_good = false;
    return 0;
  }
  const Json& Part(const Json& from, const char* name, bool is_list) {
    static const Json kList = Json::array();
    static const Json kObject = Json::object();
    const auto found = from.find(name);
    if (found != from.end() && (is_list ? found->is_array() : found->is_object())) return *found;
    if (found != from.end()) is_good = false;
    return is_list ? kList : kObject;
  }
  Fingerprint Parts(const Json& from) {
    Fingerprint parts;
    for (const auto& [name, value] : Part(from, "fingerprint", false).items()) {
      if (value.is_string()) {
        parts[name] = value.get<std::string>();
      } else {
        is_good = false;
      }
    }
    return parts;
  }
  bool Flag(const Json& from, const char* name) {
    const auto found = from.find(name);
    return found != from.end() && found->is_boolean() && found->get<bool>();
  }
};

model::Frame FrameOf(const Json& json, Reader& reader) {
  model::Frame frame;
  frame.function = reader.Text(json, "function");
  frame.module = reader.Text(json, "module");
  frame.file = reader.Text(json, "file");
  const double line = reader.Number(json, "line");
  if (line >= 0 && line <= INT32_MAX) frame.line = static_cast<int>(line);
  const std::string language = reader.Text(json, "language");
  if (language == "cython") frame.language = model::Language::kCython;
  if (language == "c") frame.language = model::Language::kC;
  return frame;
}

std::vector<StackSample> StacksOf(const Json& list, Reader& reader) {
  std::vector<StackSample> stacks;
  for (const Json& one : list) {
    if (!one.is_object()) {
      reader.is_good = false;
      continue;
    }
    StackSample stack;
    stack.bytes = reader.Number(one, "bytes");
    stack.blocks = reader.Number(one, "blocks");
    stack.is_arena = reader.Flag(one, "arena");
    stack.is_truncated = reader.Flag(one, "truncated");
    for (const Json& frame : reader.Part(one, "stack", true)) {
      if (frame.is_object()) stack.frames.push_back(FrameOf(frame, reader));
    }
    stacks.push_back(std::move(stack));
  }
  return stacks;
}

WorkloadSamples WorkloadOf(const Json& json, Reader& reader) {
  WorkloadSamples workload;
  workload.name = reader.Text(json, "name");
  workload.fingerprint = reader.Parts(json);
  for (const auto& [name, levels] : reader.Part(json, "metrics", false).items()) {
    MetricSamples& samples = workload.metrics[name];
    if (!levels.is_array()) {
      reader.is_good = false;
      continue;
    }
    for (const Json& level : levels) {
      if (level.is_number()) {
        samples.levels.push_back(level.get<double>());
      } else {
        reader.is_good = false;
      }
    }
  }
  workload.peak = StacksOf(reader.Part(json, "peak", true), reader);
  return workload;
}

}  // namespace

std::string MeasurementText(const Measurement& measurement) {
  Json document;
  document["schema"] = kSchema;
  document["made"] = measurement.made;
  document["commit"] = report::TextOrNull(measurement.commit);
  document["reason"] = report::TextOrNull(measurement.reason);
  document["fingerprint"] = measurement.fingerprint;
  Json workloads = Json::array();
  for (const WorkloadSamples& workload : measurement.workloads) {
    Json one;
    one["name"] = workload.name;
    one["fingerprint"] = workload.fingerprint;
    Json metrics = Json::object();
    for (const auto& [name, samples] : workload.metrics) {
      Json levels = Json::array();
      for (const double level : samples.levels) levels.push_back(NumberJson(level));
      metrics[name] = std::move(levels);
    }
    one["metrics"] = std::move(metrics);
    one["peak"] = StacksJson(workload.peak);
    workloads.push_back(std::move(one));
  }
  document["workloads"] = std::move(workloads);
  return EscapeJson(document.dump(1, ' ', false, Json::error_handler_t::replace)) + "\n";
}

Result<Measurement> ParseMeasurement(const std::string& path, const std::string& text) {
  const Json document = Json::parse(text, nullptr, false);
  if (!document.is_object()) return Bad(path, "it is no JSON object");
  Reader reader;
  const std::string schema = reader.Text(document, "schema");
  if (schema != kSchema) {
    return Bad(path, fmt::format("its schema is \"{}\", not {}", EscapeName(CutBytes(schema, 60)),
                                 kSchema));
  }
  Measurement measurement;
  measurement.made = reader.Text(document, "made");
  measurement.commit = reader.Text(document, "commit");
  measurement.reason = reader.Text(document, "reason");
  measurement.fingerprint = reader.Parts(document);
  for (const Json& one : reader.Part(document, "workloads", true)) {
    if (!one.is_object()) return Bad(path, "a workload of it is no JSON object");
    measurement.workloads.push_back(WorkloadOf(one, reader));
  }
  if (!reader.is_good) return Bad(path, "a field of it has the wrong type");
  return measurement;
}

Result<Measurement> ReadMeasurement(const std::string& path) {
  MEMWHY_TRY(const RegularFile file, OpenRegular(path, "a baseline of the gate"));
  if (file.bytes > kMaxFileBytes) {
    return Error(fmt::format("{}: larger than {}", path, FormatBytes(kMaxFileBytes)));
  }
  MEMWHY_TRY(const std::string text, RealFileSystem().ReadSmall(path));
  return ParseMeasurement(path, text);
}

}  // namespace memwhy::gate
