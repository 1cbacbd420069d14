// SPDX-License-Identifier: Apache-2.0
#include "report/views/view_json.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "report/views/columns.h"

namespace memwhy::report {
namespace {

Json ViewHeadJson(const char* schema, const ViewHead& head) {
  Json json;
  json["schema"] = schema;
  json["session"] = SessionJson(head.recording);
  json["range"] = {{"from", head.from}, {"to", head.to}};
  json["show"] = ShowName(head.show);
  Json totals = Json::object();
  AddAmounts(totals, head.value, head.baseline, head.has_baseline);
  json["totals"] = std::move(totals);
  return json;
}

Json ThreadJson(const model::Recording& recording, model::ThreadId id) {
  if (id.value >= recording.threads.size()) return nullptr;
  const model::Thread& thread = recording.threads[id.value];
  return {{"tid", thread.tid != 0 ? Json(thread.tid) : Json(nullptr)},
          {"name", TextOrNull(thread.name)}};
}

}  // namespace

void AddAmounts(Json& json, const model::Amount& value, const model::Amount& baseline,
                bool has_baseline) {
  json["value"] = AmountJson(value);
  json["baseline"] = has_baseline ? AmountJson(baseline) : Json(nullptr);
}

RowWriter::RowWriter(const model::Recording& recording, const model::StackTree& stacks,
                     model::GroupBy by, bool has_baseline)
    : recording_(recording),
      stacks_(stacks),
      by_(by),
      has_baseline_(has_baseline),
      frames_(stacks.frame_count()) {}

std::string RowWriter::Text(const model::SiteGroup& group, const Json& extra) {
  std::string text = "{";
  Json tail = Json::object();
  const std::size_t process = group.key.process.value;
  const bool has_process = process < recording_.processes.size();
  switch (by_) {
    case model::GroupBy::kStack:
      text += "\"stack\":" + StackText(group.key.stack) + ",";
      tail["truncated"] = stacks_.is_truncated(group.key.stack);
      break;
    case model::GroupBy::kModule:
      tail["module"] = TextOrNull(group.module);
      break;
    case model::GroupBy::kThread:
      tail["pid"] = has_process ? Json(recording_.processes[process].pid) : Json(nullptr);
      tail["thread"] = ThreadJson(recording_, group.key.thread);
      break;
    case model::GroupBy::kProcess:
      tail["pid"] = has_process ? Json(recording_.processes[process].pid) : Json(nullptr);
      tail["command"] =
          has_process ? TextOrNull(recording_.processes[process].command) : Json(nullptr);
      break;
  }
  tail["sites"] = group.sites;
  AddAmounts(tail, group.value, group.baseline, has_baseline_);
  for (const auto& [key, value] : extra.items()) tail[key] = value;
  return text + DumpJson(tail).substr(1);
}

std::string RowWriter::StackText(model::StackId stack) {
  if (stack == model::kUnknownStack) return "null";
  std::string text = "[";
  for (; stacks_.has_frames(stack); stack = stacks_.parent(stack)) {
    if (text.size() > 1) text += ',';
    std::string& frame = frames_[stacks_.leaf_id(stack).value];
    if (frame.empty()) frame = DumpJson(FrameJson(stacks_.leaf(stack)));
    text += frame;
  }
  return text + "]";
}

void AddNodes(Json& json, const model::StackTree& stacks, const model::CallTree& tree,
              bool has_baseline) {
  Json frames = Json::array();
  std::unordered_map<std::uint32_t, std::size_t> frame_index;
  Json nodes = Json::array();
  for (const model::CallNode& node : tree.nodes) {
    Json row;
    row["kind"] = CallKindName(node.kind);
    row["frame"] = nullptr;
    if (node.kind == model::CallKind::kFrame) {
      const auto [it, is_new] = frame_index.try_emplace(node.frame.value, frames.size());
      if (is_new) frames.push_back(FrameJson(stacks.frame(node.frame)));
      row["frame"] = it->second;
    }
    row["parent"] = nodes.empty() ? Json(nullptr) : Json(node.parent);
    AddAmounts(row, node.value, node.baseline, has_baseline);
    row["self"] = AmountJson(node.self_value);
    row["self_baseline"] = has_baseline ? AmountJson(node.self_baseline) : Json(nullptr);
    row["merged"] = node.merged;
    nodes.push_back(std::move(row));
  }
  json["frames"] = std::move(frames);
  json["nodes"] = std::move(nodes);
}

void WriteTableJson(const ViewHead& head, std::span<const model::SiteGroup> groups,
                    model::GroupBy by, std::size_t top, const Sink& sink) {
  const std::size_t count = std::min(top, groups.size());
  Json json = ViewHeadJson("memwhy.table/1", head);
  json["by"] = GroupName(by);
  model::Amount value;
  model::Amount baseline;
  for (const model::SiteGroup& group : groups.subspan(count)) {
    value += group.value;
    baseline += group.baseline;
  }
  Json rest = {{"rows", groups.size() - count}};
  AddAmounts(rest, value, baseline, head.has_baseline);
  json["rest"] = std::move(rest);
  std::string text = DumpJson(json);
  text.pop_back();  // the closing brace
  sink(text + ",\"rows\":[");
  RowWriter writer(head.recording, head.stacks, by, head.has_baseline);
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) sink(",\n");
    sink(writer.Text(groups[i]));
  }
  sink("]}\n");
}

Json TreeJson(const ViewHead& head, const model::CallTree& tree, bool is_inverted) {
  Json json = ViewHeadJson("memwhy.tree/1", head);
  json["inverted"] = is_inverted;
  AddNodes(json, head.stacks, tree, head.has_baseline);
  return json;
}

}  // namespace memwhy::report
