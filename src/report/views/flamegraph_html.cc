// SPDX-License-Identifier: Apache-2.0
#include "report/views/flamegraph_html.h"

#include <unordered_map>
#include <utility>

#include "base/terminal_text.h"
#include "report/parts/html_text.h"
#include "report/views/columns.h"

namespace memwhy::report {
namespace {

std::string Title(const Json& document) {
  const Json& target = document["session"]["target"];
  return "memwhy: " + (target.is_string() ? target.get<std::string>() : "unknown program");
}

// The page's script shows names as they are.
void ShowHidden(Json& json) {
  if (json.is_string()) {
    json = EscapeName(json.get_ref<const std::string&>());
  } else if (json.is_structured()) {
    for (Json& part : json) ShowHidden(part);
  }
}

}  // namespace

Json FlamegraphJson(const FlamegraphInput& input) {
  Json frames = Json::array();
  std::unordered_map<std::uint32_t, std::size_t> frame_index;
  Json nodes = Json::array();
  for (const model::CallNode& node : input.tree.nodes) {
    Json json;
    json["kind"] = CallKindName(node.kind);
    if (node.kind == model::CallKind::kFrame) {
      const auto [it, is_new] = frame_index.try_emplace(node.frame.value, frames.size());
      if (is_new) frames.push_back(FrameJson(input.stacks.frame(node.frame)));
      json["frame"] = it->second;
    } else {
      json["frame"] = nullptr;
    }
    json["parent"] = nodes.empty() ? Json(nullptr) : Json(node.parent);
    json["value"] = node.value.bytes;
    json["blocks"] = node.value.blocks;
    json["self"] = node.self_value.bytes;
    json["baseline"] = input.has_baseline ? Json(node.baseline.bytes) : Json(nullptr);
    json["self_baseline"] = input.has_baseline ? Json(node.self_baseline.bytes) : Json(nullptr);
    json["merged"] = node.merged;
    nodes.push_back(std::move(json));
  }
  Json document;
  document["schema"] = "memwhy.flamegraph/1";
  document["session"] = SessionJson(input.recording);
  document["range"] = {{"from", input.from}, {"to", input.to}};
  document["show"] = input.show;
  document["unit"] = "bytes";
  document["pruned_below"] = kMinFlamegraphShare;
  document["frames"] = std::move(frames);
  document["nodes"] = std::move(nodes);
  return document;
}

std::string FlamegraphDataElement(const Json& document) {
  Json shown = document;
  for (const char* part : {"session", "frames"}) {
    if (shown.contains(part)) ShowHidden(shown[part]);
  }
  std::string html = "<script type=\"application/json\" id=\"flamegraph-data\">";
  for (const char c : DumpJson(shown)) {
    if (c == '<') {
      html += "\\u003c";
    } else {
      html += c;
    }
  }
  return html + "</script>\n";
}

std::string FlamegraphHtml(const Json& document) {
  const std::string style(FlamegraphStyle());
  const std::string script(FlamegraphScript());
  const std::string title = Escape(Title(document));
  std::string html = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  html += "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '";
  html += ContentHash(style) + "'; script-src '" + ContentHash(script);
  html += "'; base-uri 'none'; form-action 'none'\">\n";
  html += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  html += "<title>" + title + "</title>\n<style>" + style + "</style>\n</head>\n<body>\n";
  html += "<main>\n<h1>" + title + "</h1>\n";
  html += FlamegraphMarkup();
  html += "</main>\n" + FlamegraphDataElement(document);
  html += "<script>" + script + "</script>\n</body>\n</html>\n";
  return html;
}

}  // namespace memwhy::report
