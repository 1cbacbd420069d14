// SPDX-License-Identifier: Apache-2.0
#include "report/gclog/gclog_json.h"

#include <fmt/format.h>

#include <utility>

#include "report/parts/session_json.h"

namespace memwhy::report {
namespace {

template <typename T>
Json ValueOrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json CollectionJson(const model::GcLog& log, const model::GcCollection& collection) {
  return Json{{"number", collection.number},
              {"generation", ValueOrNull(collection.generation)},
              {"before", ValueOrNull(collection.before)},
              {"permanent", ValueOrNull(collection.permanent)},
              {"collected", ValueOrNull(collection.collected)},
              {"uncollectable", ValueOrNull(collection.uncollectable)},
              {"seconds", ValueOrNull(collection.seconds)},
              {"python", TextOrNull(model::GcTextFormName(collection.form))},
              {"writer", TextOrNull(log.writers[collection.writer].prefix)},
              {"ambiguous", collection.is_ambiguous},
              {"shutdown", collection.is_shutdown}};
}

Json SumJson(const analysis::GcSum& sum) {
  // Where nothing is known the sum is unknown; else it is that of what is known.
  const bool has_results = sum.without_end < sum.collections;
  return Json{{"generation", ValueOrNull(sum.generation)},
              {"collections", sum.collections},
              {"without_end", sum.without_end},
              {"collected", has_results ? Json(sum.collected) : Json(nullptr)},
              {"uncollectable", has_results ? Json(sum.uncollectable) : Json(nullptr)},
              {"timed", sum.timed},
              {"seconds", sum.timed > 0 ? Json(sum.seconds) : Json(nullptr)},
              {"longest_seconds", sum.timed > 0 ? Json(sum.longest_seconds) : Json(nullptr)}};
}

}  // namespace

GcLogJson::GcLogJson(Sink sink) : sink_(std::move(sink)) {}

void GcLogJson::Begin(const std::string& file) {
  Json head;
  head["schema"] = "memwhy.gclog/1";
  head["session"] = nullptr;
  head["file"] = file;
  line_ = DumpJson(head);
  line_.pop_back();  // the closing brace
  sink_(line_ + ",\"objects\":[");
}

void GcLogJson::Object(const model::GcObject& object) {
  line_ = has_objects_ ? ",\n" : "";
  has_objects_ = true;
  fmt::format_to(std::back_inserter(line_), "{{\"address\":\"0x{:x}\",\"type\":", object.address);
  line_ += object.type.empty() ? "null" : DumpJson(Json(object.type));
  line_ += object.is_collectable ? ",\"state\":\"collectable\"" : ",\"state\":\"uncollectable\"";
  line_ += ",\"collection\":";
  line_ += object.collection ? std::to_string(*object.collection) : "null";
  line_ += '}';
  sink_(line_);
}

void GcLogJson::End(const model::GcLog& log, const analysis::GcSummary& summary,
                    const std::string& damage) {
  sink_("],\"collections\":[");
  bool is_first = true;
  for (const model::GcCollection& collection : log.collections) {
    sink_((std::exchange(is_first, false) ? "" : ",\n") +
          DumpJson(CollectionJson(log, collection)));
  }
  Json tail;
  tail["unparsed"] = log.unparsed;
  tail["lines"] = log.lines;
  tail["other_lines"] = log.other_lines;
  tail["shutdown"] = {{"collections", log.shutdown_collections},
                      {"objects", log.shutdown_objects},
                      {"uncollectable", ValueOrNull(log.uncollectable_at_shutdown)}};
  Json writers = Json::array();
  for (const model::GcWriter& writer : log.writers) {
    writers.push_back({{"prefix", TextOrNull(writer.prefix)},
                       {"incremental", writer.is_incremental},
                       {"first_time", ValueOrNull(writer.first_time)},
                       {"last_time", ValueOrNull(writer.last_time)}});
  }
  tail["writers"] = std::move(writers);
  Json totals = Json::array();
  for (const analysis::GcSum& sum : summary.by_generation) totals.push_back(SumJson(sum));
  tail["generations"] = std::move(totals);
  tail["totals"] = SumJson(summary.all);
  tail["covered_seconds"] = ValueOrNull(summary.covered_seconds);
  Json types = Json::array();
  for (const model::GcType& type : summary.types) {
    types.push_back({{"type", type.name},
                     {"collectable", type.collectable},
                     {"uncollectable", type.uncollectable}});
  }
  tail["types"] = std::move(types);
  Json notes = Json::array();
  for (const analysis::GcNote& note : summary.notes) {
    notes.push_back({{"id", note.id}, {"text", note.text}});
  }
  tail["notes"] = std::move(notes);
  tail["damage"] = TextOrNull(damage);
  sink_("]," + DumpJson(tail).substr(1) + "\n");
}

}  // namespace memwhy::report
