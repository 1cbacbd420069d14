// SPDX-License-Identifier: Apache-2.0
#include "report/heap/torch_views.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/strings.h"
#include "base/terminal_text.h"
#include "report/heap/heap_text.h"
#include "report/views/columns.h"

namespace memwhy::report {
namespace {

using model::ObjectGraph;

constexpr std::size_t kTorchRowsInText = 20;
constexpr std::size_t kNodeTypesInText = 3;

Json OwnerJson(const ObjectGraph& graph, const analysis::HeapPath& path) {
  if (path.root == ObjectGraph::kNone) return nullptr;
  return {{"root", HeapRootJson(graph, path)},
          {"path", path.steps},
          {"text", path.text},
          {"invisible_to_gc", path.is_invisible_to_gc}};
}

template <typename Value>
Json TorchValueOrNull(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}

// A leaf's own frame is in torch or in C code; what a reader knows is the first one that is
// neither.
const model::Frame* AuthorFrame(const std::optional<ShownBirth>& birth) {
  if (!birth || !birth->is_known) return nullptr;
  const model::Frame* first = nullptr;
  for (const model::Frame& frame : birth->stack) {
    if (frame.line == 0) continue;
    if (first == nullptr) first = &frame;
    if (frame.file.find("/torch/") == std::string::npos && !frame.file.starts_with("<")) {
      return &frame;
    }
  }
  return first;
}

std::string LineText(const model::Frame* frame) {
  if (frame == nullptr) return "(not recorded)";
  return fmt::format("{}:{} {}", Basename(frame->file), frame->line, frame->function);
}

const std::optional<ShownBirth>& BirthOf(const std::vector<std::optional<ShownBirth>>& births,
                                         std::size_t index) {
  static const std::optional<ShownBirth> kNoBirth;
  return index < births.size() ? births[index] : kNoBirth;
}

Json TensorJson(const ObjectGraph& graph, const analysis::TensorRow& row,
                const std::optional<ShownBirth>& birth) {
  const model::TorchStorage& storage = *row.storage;
  const model::TorchTensor* tensor = row.tensor;
  return {{"address", AddressText(storage.address)},
          {"data_ptr", storage.data == 0 ? Json(nullptr) : Json(AddressText(storage.data))},
          {"bytes", storage.bytes},
          {"device", storage.device},
          {"dtype", tensor == nullptr ? Json(nullptr) : TorchValueOrNull(tensor->dtype)},
          {"shape", tensor == nullptr ? Json(nullptr) : TorchValueOrNull(tensor->shape)},
          {"tensors", row.tensors},
          {"requires_grad",
           tensor == nullptr ? Json(nullptr) : TorchValueOrNull(tensor->requires_grad)},
          {"is_leaf", tensor == nullptr ? Json(nullptr) : TorchValueOrNull(tensor->is_leaf)},
          {"grad_fn", row.grad_fn.empty() ? Json(nullptr) : Json(row.grad_fn)},
          {"version", tensor == nullptr ? Json(nullptr) : TorchValueOrNull(tensor->version)},
          {"lent", !storage.is_owned},
          {"dark", row.is_dark},
          {"owner", OwnerJson(graph, row.owner)},
          {"birth", BirthStackJson(birth)},
          {"born", birth ? Json(birth->seconds) : Json(nullptr)}};
}

Json TensorTotalsJson(const analysis::TensorTotals& totals) {
  return {{"storages", totals.storages},
          {"tensors", totals.tensors},
          {"bytes", totals.bytes},
          {"dark", {{"storages", totals.dark_storages}, {"bytes", totals.dark_bytes}}}};
}

std::vector<analysis::TensorGroup> GroupsOf(const ShownTensors& shown) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < shown.table->rows.size(); ++i) {
    const analysis::TensorRow& row = shown.table->rows[i];
    if (shown.by == "owner") {
      names.push_back(analysis::OwnerGroup(row));
    } else if (shown.by == "line") {
      names.push_back(LineText(AuthorFrame(BirthOf(shown.births, i))));
    } else if (shown.by == "dtype") {
      names.push_back(row.tensor == nullptr ? "unknown" : row.tensor->dtype.value_or("unknown"));
    } else {
      names.push_back(row.storage->device);
    }
  }
  return analysis::GroupTensors(*shown.table, names);
}

std::string ShapeText(const analysis::TensorRow& row) {
  if (row.tensor == nullptr) return "storage";
  std::string text = row.tensor->dtype.value_or("?");
  if (!row.tensor->shape) return text;
  text += "[";
  for (std::size_t i = 0; i < row.tensor->shape->size(); ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : ",", (*row.tensor->shape)[i]);
  }
  return text + "]";
}

std::string OwnerText(const analysis::TensorRow& row) {
  if (row.is_dark) return "dark: no Python object leads to it";
  if (row.owner.root == ObjectGraph::kNone) return "garbage that waits for the collector";
  return row.owner.text;
}

std::string MoreTorchRows(std::size_t count, std::size_t shown, const char* what) {
  return count <= shown ? "" : fmt::format("... {} more {} (--top N)\n", count - shown, what);
}

std::string TensorHead(const analysis::TensorTotals& totals) {
  std::string text = fmt::format("{} storages of {} tensors", FormatCount(totals.storages),
                                 FormatCount(totals.tensors));
  for (const auto& [device, bytes] : totals.bytes) {
    text += fmt::format(", {} on {}", FormatBytes(bytes), device);
  }
  text += "\n";
  if (totals.dark_storages != 0) {
    text += fmt::format("dark: {} storages, {}, to which no Python object leads\n",
                        FormatCount(totals.dark_storages), FormatBytes(totals.dark_bytes));
  }
  return text + "\n";
}

std::string DamageText(const ObjectGraph& graph) {
  if (graph.damage().empty()) return "";
  return "This dump is incomplete: " + EscapeName(graph.damage()) + "\n";
}

}  // namespace

void WriteTensorsJson(const HeapDumpView& dump, const ShownTensors& shown, const Sink& sink) {
  const ObjectGraph& graph = *dump.graph;
  const std::size_t most = std::min(shown.top.value_or(SIZE_MAX), shown.table->rows.size());
  Json head = {{"schema", "memwhy.tensors/1"}, {"dump", DumpFactsJson(dump)}};
  head["totals"] = TensorTotalsJson(shown.table->totals);
  if (!shown.by.empty()) {
    Json groups = Json::array();
    for (const analysis::TensorGroup& group : GroupsOf(shown)) {
      groups.push_back(
          {{"name", group.name}, {"storages", group.storages}, {"bytes", group.bytes}});
    }
    head["by"] = shown.by;
    head["groups"] = std::move(groups);
  }
  std::string text = DumpJson(head);
  text.pop_back();
  sink(text + ",\"storages\":[");
  for (std::size_t i = 0; i < most; ++i) {
    const Json row = TensorJson(graph, shown.table->rows[i], BirthOf(shown.births, i));
    sink((i == 0 ? "" : ",") + DumpJson(row));
  }
  sink("]}\n");
}

std::string TensorsText(const HeapDumpView& dump, const ShownTensors& shown) {
  std::string text = DamageText(*dump.graph) + TensorHead(shown.table->totals);
  const std::size_t top = shown.top.value_or(kTorchRowsInText);
  if (!shown.by.empty()) {
    const auto groups = GroupsOf(shown);
    text += fmt::format("{:>10} {:>9}  {}\n", "bytes", "storages", shown.by);
    for (std::size_t i = 0; i < std::min(top, groups.size()); ++i) {
      text +=
          fmt::format("{:>10} {:>9}  {}\n", FormatBytes(groups[i].bytes),
                      FormatCount(groups[i].storages), ShortenLeft(EscapeName(groups[i].name), 58));
    }
    return text + MoreTorchRows(groups.size(), top, "groups");
  }
  const auto& rows = shown.table->rows;
  text += fmt::format("{:>10} {:>7}  {:<8}{}\n", "bytes", "tensors", "device", "what, owner");
  for (std::size_t i = 0; i < std::min(top, rows.size()); ++i) {
    const analysis::TensorRow& row = rows[i];
    std::string what = ShapeText(row);
    if (!row.grad_fn.empty()) {
      what += " grad_fn " + row.grad_fn;
    } else if (row.tensor != nullptr && row.tensor->requires_grad.value_or(false)) {
      what += " leaf, requires_grad";
    }
    text += fmt::format("{:>10} {:>7}  {:<8}{}\n", FormatBytes(row.storage->bytes),
                        FormatCount(row.tensors), row.storage->device,
                        ShortenLeft(EscapeName(what), 52));
    text += fmt::format("{:20}{}\n", "", ShortenLeft(EscapeName(OwnerText(row)), 59));
    const auto& birth = BirthOf(shown.births, i);
    if (birth) {
      text += fmt::format("{:20}made at {:.1f} s, {}\n", "", birth->seconds,
                          ShortenLeft(EscapeName(LineText(AuthorFrame(birth))), 40));
    }
  }
  return text + MoreTorchRows(rows.size(), top, "storages");
}

void WriteAutogradJson(const HeapDumpView& dump, const ShownAutograd& shown, const Sink& sink) {
  const ObjectGraph& graph = *dump.graph;
  const auto& forest = *shown.forest;
  const std::size_t most = std::min(shown.top.value_or(SIZE_MAX), forest.graphs.size());
  const Json head = {{"schema", "memwhy.heap.autograd/1"},
                     {"dump", DumpFactsJson(dump)},
                     {"totals",
                      {{"graphs", forest.totals.graphs},
                       {"nodes", forest.totals.nodes},
                       {"saved_bytes", forest.totals.saved_bytes}}}};
  std::string text = DumpJson(head);
  text.pop_back();
  sink(text + ",\"graphs\":[");
  for (std::size_t i = 0; i < most; ++i) {
    const analysis::AutogradGraph& one = forest.graphs[i];
    const model::Frame* frame = AuthorFrame(BirthOf(shown.births, i));
    const bool is_held = one.holder.root != ObjectGraph::kNone;
    const Json row = {
        {"root",
         {{"address", AddressText(graph.address(one.root))},
          {"path", is_held ? Json(one.holder.steps) : Json(nullptr)},
          {"text", is_held ? Json(one.holder.text) : Json(nullptr)},
          {"type", one.root_type},
          {"invisible_to_gc", one.holder.is_invisible_to_gc}}},
        {"nodes", one.nodes},
        {"depth", one.depth},
        {"saved",
         {{"tensors", one.saved_tensors}, {"bytes", one.saved_bytes}, {"packed", one.packed}}},
        {"made_at", frame == nullptr ? Json(nullptr) : FrameJson(*frame)},
        {"node_types", one.node_types}};
    sink((i == 0 ? "" : ",") + DumpJson(row));
  }
  sink("]}\n");
}

std::string AutogradText(const HeapDumpView& dump, const ShownAutograd& shown) {
  const ObjectGraph& graph = *dump.graph;
  const auto& forest = *shown.forest;
  std::string text = DamageText(graph);
  text += fmt::format("{} graphs of autograd, {} nodes, {} saved for backward\n\n",
                      FormatCount(forest.totals.graphs), FormatCount(forest.totals.nodes),
                      FormatBytes(forest.totals.saved_bytes));
  const std::size_t top = shown.top.value_or(kTorchRowsInText);
  if (!forest.graphs.empty()) {
    text += fmt::format("{:>10} {:>8} {:>8} {:>7}  {}\n", "saved", "tensors", "nodes", "depth",
                        "root, holder");
  }
  for (std::size_t i = 0; i < std::min(top, forest.graphs.size()); ++i) {
    const analysis::AutogradGraph& one = forest.graphs[i];
    text += fmt::format("{:>10} {:>8} {:>8} {:>7}  {}\n", FormatBytes(one.saved_bytes),
                        FormatCount(one.saved_tensors), FormatCount(one.nodes),
                        FormatCount(one.depth), ShortenLeft(EscapeName(one.root_type), 41));
    const bool is_held = one.holder.root != ObjectGraph::kNone;
    text += fmt::format(
        "{:11}{}\n", "",
        ShortenLeft(EscapeName(is_held ? one.holder.text : "no path from a root leads to it"), 68));
    std::vector<std::pair<std::uint64_t, std::string>> types;
    for (const auto& [name, count] : one.node_types) types.emplace_back(count, name);
    std::sort(types.rbegin(), types.rend());
    std::string line;
    for (std::size_t k = 0; k < std::min(kNodeTypesInText, types.size()); ++k) {
      line += fmt::format("{}{} {}", k == 0 ? "" : ", ", types[k].first, types[k].second);
    }
    if (types.size() > kNodeTypesInText) line += ", ...";
    text += fmt::format("{:11}{}\n", "", ShortenLeft(EscapeName(line), 68));
    if (const model::Frame* frame = AuthorFrame(BirthOf(shown.births, i))) {
      text += fmt::format("{:11}made at {}\n", "", ShortenLeft(EscapeName(LineText(frame)), 58));
    }
  }
  return text + MoreTorchRows(forest.graphs.size(), top, "graphs");
}

}  // namespace memwhy::report
