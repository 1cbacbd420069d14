// SPDX-License-Identifier: Apache-2.0
#include "gate/documents/change_graph.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <utility>

#include "base/bytes.h"
#include "base/terminal_text.h"
#include "report/parts/html_text.h"

namespace memwhy::gate {
namespace {

constexpr double kWidth = 1000;
constexpr std::size_t kSteps = 8;       // of the waterfall
constexpr double kFewestShare = 0.005;  // of the graph's width
constexpr int kRowHeight = 18;
constexpr int kDeepest = 60;
constexpr double kColumnWidth = 6.6;  // of a character, about
constexpr std::size_t kMaxBytes = 200'000;

std::string NameOf(const model::Frame& frame) {
  const std::string name =
      frame.module.empty() ? frame.function : frame.module + "." + frame.function;
  constexpr std::size_t kNameBytes = 120;
  return EscapeName(CutBytes(name.empty() ? "?" : name, kNameBytes));
}

// At most so many characters, cut at whole ones.
std::string Fit(const std::string& text, double width) {
  const auto room = static_cast<std::size_t>(std::max(0.0, width / kColumnWidth - 1));
  if (text.size() <= room) return text;
  if (room < 3) return "";
  return std::string(CutBytes(text, room - 1)) + "…";
}

const char* ClassOf(double before, double after) {
  if (before == 0) return "new";
  if (after == 0) return "gone";
  const double change = (after - before) / std::max(before, after);
  if (change > 0.01) return "more";
  if (change < -0.01) return "less";
  return "same";
}

std::string TitleOf(const std::string& name, double before, double after) {
  return fmt::format("{}: {} before, {} after, {}", name, FormatBytes(RoundToBytes(before)),
                     FormatBytes(RoundToBytes(after)),
                     FormatSignedBytes(std::llround(after - before)));
}

struct Step {
  std::string name;
  double delta = 0;
};

struct Node {
  double before = 0;
  double after = 0;
  std::map<std::string, std::unique_ptr<Node>> children;

  double width() const {
    double sum = 0;
    for (const auto& [name, child] : children) sum += child->width();
    return std::max({before, after, sum});
  }
};

class Graph {
 public:
  explicit Graph(const Node& root) : root_(root), scale_(kWidth / root.width()) {}

  std::string Svg() {
    Draw("all", root_, 0, 0);
    const int height = (deepest_ + 1) * kRowHeight;
    return fmt::format(
               "<svg viewBox=\"0 0 {:.0f} {}\" role=\"img\" aria-label=\"Change of the "
               "heap's peak by stack\">\n",
               kWidth, height) +
           body_ + "</svg>\n";
  }

 private:
  void Draw(const std::string& name, const Node& node, double x, int depth) {
    const double width = node.width() * scale_;
    if (width < kWidth * kFewestShare || depth > kDeepest || body_.size() > kMaxBytes) return;
    deepest_ = std::max(deepest_, depth);
    const int y = depth * kRowHeight;
    const char* sign = node.after > node.before ? "+" : node.after < node.before ? "−" : "";
    body_ += fmt::format(
        "<g><title>{}</title><rect class=\"{}\" x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" "
        "height=\"{}\"/><text x=\"{:.1f}\" y=\"{}\">{}</text></g>\n",
        report::Escape(TitleOf(name, node.before, node.after)), ClassOf(node.before, node.after), x,
        y, width, kRowHeight - 1, x + 3, y + 13, report::Escape(Fit(sign + name, width)));
    for (const auto& [child_name, child] : node.children) {
      Draw(child_name, *child, x, depth + 1);
      x += child->width() * scale_;
    }
  }

  const Node& root_;
  const double scale_;
  int deepest_ = 0;
  std::string body_;
};

}  // namespace

std::string WaterfallSvg(const std::vector<StackChange>& changes) {
  double before = 0;
  double after = 0;
  std::vector<Step> steps;
  std::map<std::string, double> by_leaf;
  for (const StackChange& change : changes) {
    before += change.before;
    after += change.after;
    std::string name = "no Python code";
    if (change.stack.is_arena) name = "arenas of Python's allocator";
    if (!change.stack.frames.empty()) name = NameOf(change.stack.frames.front());
    by_leaf[name] += change.stack.bytes;
  }
  if (before + after <= 0) return "";
  for (const auto& [name, delta] : by_leaf) steps.push_back({name, delta});
  std::ranges::stable_sort(steps, std::ranges::greater(),
                           [](const Step& step) { return std::abs(step.delta); });
  double drawn = 0;
  if (steps.size() > kSteps) steps.resize(kSteps);
  std::erase_if(steps, [](const Step& step) { return step.delta == 0; });
  for (const Step& step : steps) drawn += step.delta;
  steps.push_back({"all others", after - before - drawn});
  double highest = std::max(before, after);
  double level = before;
  for (const Step& step : steps) highest = std::max(highest, level += step.delta);

  constexpr double kLeft = 300;
  constexpr double kRight = 120;
  const double scale = (kWidth - kLeft - kRight) / highest;
  std::string body;
  int row = 0;
  const auto bar = [&](const std::string& name, const char* kind, double from, double to,
                       const std::string& text) {
    const double x = kLeft + std::min(from, to) * scale;
    const int y = row++ * (kRowHeight + 4);
    body += fmt::format(
        "<text x=\"0\" y=\"{}\">{}</text><rect class=\"{}\" x=\"{:.1f}\" y=\"{}\" "
        "width=\"{:.1f}\" height=\"{}\"/><text x=\"{:.1f}\" y=\"{}\">{}</text>\n",
        y + 13, report::Escape(Fit(name, kLeft)), kind, x, y,
        std::max(1.0, std::abs(to - from) * scale), kRowHeight,
        kLeft + std::max(from, to) * scale + 4, y + 13, report::Escape(text));
  };
  bar("baseline", "same", 0, before, FormatBytes(RoundToBytes(before)));
  level = before;
  for (const Step& step : steps) {
    bar(step.name, step.delta < 0 ? "less" : "more", level, level + step.delta,
        FormatSignedBytes(std::llround(step.delta)));
    level += step.delta;
  }
  bar("candidate", "same", 0, after, FormatBytes(RoundToBytes(after)));
  return fmt::format(
             "<svg viewBox=\"0 0 {:.0f} {}\" role=\"img\" aria-label=\"From the baseline's "
             "heap at its peak to the candidate's\">\n",
             kWidth, row * (kRowHeight + 4)) +
         body + "</svg>\n";
}

std::string ChangeGraphSvg(const std::vector<StackChange>& changes) {
  Node root;
  for (const StackChange& change : changes) {
    root.before += change.before;
    root.after += change.after;
    Node* node = &root;
    const auto descend = [&](const std::string& name) {
      auto& child = node->children[name];
      if (child == nullptr) child = std::make_unique<Node>();
      node = child.get();
      node->before += change.before;
      node->after += change.after;
    };
    if (change.stack.is_arena) descend("arenas of Python's allocator");
    int depth = 0;
    for (auto frame = change.stack.frames.rbegin();
         frame != change.stack.frames.rend() && depth < kDeepest; ++frame, ++depth) {
      descend(NameOf(*frame));
    }
  }
  if (root.width() <= 0) return "";
  return Graph(root).Svg();
}

}  // namespace memwhy::gate
