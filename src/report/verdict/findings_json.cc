// SPDX-License-Identifier: Apache-2.0
#include "report/verdict/findings_json.h"

#include <cmath>
#include <optional>

#include "report/ledger/ledger_json.h"

namespace memwhy::report {
namespace {

using analysis::Finding;
using analysis::Growth;
using analysis::Verdict;

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json Whole(double bytes) { return Json(static_cast<std::int64_t>(std::llround(bytes))); }

Json Whole(const std::optional<double>& bytes) { return bytes ? Whole(*bytes) : Json(nullptr); }

// 60 bytes must not look like 60.0 bytes.
Json FiniteNumber(double value) {
  const bool is_whole = std::floor(value) == value && std::abs(value) < 9e15;
  return is_whole ? Json(static_cast<std::int64_t>(value)) : Json(value);
}

Json WhoAllocatedJson(const std::optional<analysis::WhoAllocated>& who) {
  if (!who) return nullptr;
  Json stack = Json::array();
  for (const model::Frame& frame : who->stack) stack.push_back(FrameJson(frame));
  Json out{{"module", TextOrNull(who->module)},
           {"callable", TextOrNull(who->callable)},
           {"native_function", TextOrNull(who->native_function)},
           {"native_library", TextOrNull(who->native_library)},
           {"file", TextOrNull(who->file)},
           {"line", who->line > 0 ? Json(who->line) : Json(nullptr)},
           {"stack", std::move(stack)}};
  if (who->is_truncated) out["truncated"] = true;
  return out;
}

Json WhoHoldsJson(const std::optional<analysis::WhoHolds>& who) {
  if (!who) return nullptr;
  return Json{{"path", who->path},
              {"text", TextOrNull(who->text)},
              {"root", TextOrNull(who->root)},
              {"holder", TextOrNull(who->holder)},
              {"holder_type", TextOrNull(who->holder_type)},
              {"holder_length", OrNull(who->holder_length)},
              {"filled_by", WhoAllocatedJson(who->filled_by)},
              {"invisible_to_gc", who->invisible_to_gc}};
}

Json RelatedJson(const std::vector<analysis::RelatedStack>& related) {
  Json out = Json::array();
  for (const analysis::RelatedStack& one : related) {
    Json stack = Json::array();
    for (const model::Frame& frame : one.stack) stack.push_back(FrameJson(frame));
    out.push_back(Json{{"says", one.says}, {"stack", std::move(stack)}});
  }
  return out;
}

}  // namespace

Json ChecksJson(const std::vector<analysis::Check>& checks) {
  Json list = Json::array();
  for (const analysis::Check& check : checks) {
    list.push_back(Json{{"id", check.id}, {"result", Name(check.result)}, {"why", check.why}});
  }
  return list;
}

Json FindingJson(const Finding& finding) {
  Json evidence = Json::array();
  for (const analysis::Evidence& one : finding.evidence) {
    evidence.push_back(Json{{"says", one.says},
                            {"value", FiniteNumber(one.value)},
                            {"unit", one.unit},
                            {"source", one.source}});
  }
  Json out;
  out["id"] = finding.id;
  out["title"] = finding.title;
  out["layer"] = Name(finding.layer);
  out["bytes_layer"] = Name(finding.bytes_layer);
  out["kind"] = Name(finding.kind);
  out["severity"] = Name(finding.severity);
  out["confidence"] = Name(finding.confidence);
  out["bytes_at_stake"] = finding.bytes_at_stake;
  out["growth_bytes_per_second"] = Whole(finding.growth_bytes_per_second);
  out["growth_bytes_per_operation"] = Whole(finding.growth_bytes_per_operation);
  out["share_of_growth"] = OrNull(finding.share_of_growth);
  out["what"] = Json{{"type", TextOrNull(finding.what.type)},
                     {"count", OrNull(finding.what.count)},
                     {"references_per_operation", OrNull(finding.what.references_per_operation)}};
  out["who_allocated"] = WhoAllocatedJson(finding.who_allocated);
  out["who_holds"] = WhoHoldsJson(finding.who_holds);
  out["evidence"] = std::move(evidence);
  out["would_disprove"] = finding.would_disprove;
  out["prediction"] = finding.prediction;
  out["next_step"] = Json{{"command", finding.next_step.command}, {"why", finding.next_step.why}};
  out["fix"] = finding.fix;
  Json processes = Json::array();
  for (const analysis::FindingProcess& one : finding.processes) {
    processes.push_back(Json{{"pid", one.pid},
                             {"growth_bytes_per_second", Whole(one.growth_bytes_per_second)},
                             {"bytes_at_stake", one.bytes_at_stake}});
  }
  out["processes"] = std::move(processes);
  Json outcomes = Json::array();
  for (const analysis::Outcome& one : finding.outcomes) {
    outcomes.push_back(Json{{"experiment", TextOrNull(one.experiment)},
                            {"result", Name(one.result)},
                            {"says", one.says}});
  }
  out["outcomes"] = std::move(outcomes);
  if (!finding.related.empty()) out["related"] = RelatedJson(finding.related);
  return out;
}

namespace {

Json ProcessesJson(const Verdict& verdict) {
  Json out = Json::array();
  for (const analysis::ProcessRow& row : verdict.processes) {
    out.push_back(Json{
        {"pid", row.pid},
        {"parent", OrNull(row.parent)},
        {"command", TextOrNull(row.command)},
        {"role", TextOrNull(row.role)},
        {"verdict", row.word ? Json(Name(*row.word)) : Json(nullptr)},
        {"why", TextOrNull(row.why)},
        {"growth_bytes_per_second", row.word ? Whole(row.growth_bytes_per_second) : Json(nullptr)},
        {"rss_start", OrNull(row.rss_start)},
        {"rss_end", OrNull(row.rss_end)},
        {"from", row.from},
        {"to", row.to},
        {"heap_dump", row.has_heap_dump}});
  }
  return out;
}

Json ExperimentsJson(const Verdict& verdict) {
  Json out = Json::array();
  for (const analysis::Experiment& one : verdict.experiments) {
    Json changes = Json::array();
    for (const analysis::ShareChange& share : one.changes) {
      changes.push_back(Json{{"layer", share.layer},
                             {"name", share.name},
                             {"before", share.before},
                             {"after", share.after}});
    }
    const bool is_measured = one.rss_before && one.rss_after;
    out.push_back(Json{{"what", one.what},
                       {"pid", one.pid},
                       {"at", one.time},
                       {"predicted_pause_ms", one.predicted_ms},
                       {"pause_ms", one.error.empty() ? Json(one.pause_ms) : Json(nullptr)},
                       {"answer", TextOrNull(one.answer)},
                       {"error", TextOrNull(one.error)},
                       {"rss_before", OrNull(one.rss_before)},
                       {"rss_after", OrNull(one.rss_after)},
                       {"given_back", is_measured ? Json{{"rss", GivenBackRss(one)},
                                                         {"in_use", GivenBackInUse(one)}}
                                                  : Json(nullptr)},
                       {"shares", std::move(changes)}});
  }
  return out;
}

Json GrowthJson(const Growth& growth) {
  if (growth.bins == 0) return nullptr;
  return Json{{"trend", TrendName(growth.trend)},
              {"bytes_per_second", Whole(growth.slope)},
              {"first_half_bytes_per_second", Whole(growth.first_slope)},
              {"second_half_bytes_per_second", Whole(growth.second_slope)},
              {"mann_kendall_z", growth.z},
              {"upward_steps", growth.upward},
              {"base_bytes", Whole(growth.base)},
              {"bins", growth.bins},
              {"why", growth.why}};
}

}  // namespace

Json FindingsJson(const model::Recording& recording, const Verdict& verdict,
                  std::span<const model::Ledger> ledgers) {
  Json findings = Json::array();
  for (const Finding& finding : verdict.findings) findings.push_back(FindingJson(finding));
  Json suppressed = Json::array();
  for (const analysis::Suppressed& one : verdict.suppressed) {
    suppressed.push_back(
        Json{{"reason", one.reason}, {"line", one.line}, {"finding", FindingJson(one.finding)}});
  }
  Json out;
  out["schema"] = "memwhy.findings/1";
  out["session"] = SessionJson(recording);
  out["verdict"] = Name(verdict.word);
  out["summary"] = verdict.summary;
  out["window"] =
      Json{{"from", verdict.window_from},
           {"to", verdict.window_to},
           {"operations", verdict.operations_per_second ? Json(verdict.operations) : Json(nullptr)},
           {"operation", TextOrNull(verdict.operation_name)},
           {"wanted_seconds", OrNull(verdict.wanted_seconds)}};
  out["growth"] = Json{{"live", GrowthJson(verdict.live)}, {"rss", GrowthJson(verdict.rss)}};
  out["processes"] = ProcessesJson(verdict);
  out["ledgers"] = LedgersJson(ledgers);
  out["findings"] = std::move(findings);
  out["suppressed"] = std::move(suppressed);
  out["experiments"] = ExperimentsJson(verdict);
  out["checks"] = ChecksJson(verdict.checks);
  return out;
}

}  // namespace memwhy::report
