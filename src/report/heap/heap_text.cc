// SPDX-License-Identifier: Apache-2.0
#include "report/heap/heap_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "base/bytes.h"
#include "base/strings.h"
#include "base/terminal_text.h"
#include "report/parts/wrap.h"
#include "report/views/columns.h"

namespace memwhy::report {
namespace {

using model::ObjectGraph;
using Node = ObjectGraph::Node;

constexpr std::size_t kTypesInCycle = 3;

std::string Cut(const std::string& text, std::size_t columns) { return ShortenLeft(text, columns); }

std::string MoreLines(std::size_t left, const char* what) {
  return left == 0 ? "" : fmt::format("... {} more {} (--top N)\n", FormatCount(left), what);
}

}  // namespace

DeviceColumn::DeviceColumn(const ObjectGraph& graph) {
  const auto devices = graph.DeviceBytes();
  if (!devices.empty()) name_ = devices.size() == 1 ? devices[0].first : "devices";
}

std::string DeviceColumn::title() const {
  return name_.empty() ? "" : fmt::format(" {:>10}", "devices");
}

std::string DeviceColumn::Cell(std::uint64_t bytes) const {
  return name_.empty() ? "" : fmt::format(" {:>10}", FormatBytes(bytes));
}

std::string DeviceColumn::Beside(std::uint64_t bytes) const {
  return bytes == 0 ? "" : fmt::format(" and {} on {}", FormatBytes(bytes), name_);
}

std::string HeapHeadText(const HeapDumpView& dump) {
  const ObjectGraph& graph = *dump.graph;
  std::string text = fmt::format("{} objects, {} references, {}", FormatCount(graph.objects()),
                                 FormatCount(graph.edges()), FormatBytes(graph.total_bytes()));
  const auto method = dump.facts.find("method");
  if (method != dump.facts.end() && method->is_string()) {
    text += fmt::format("; {}, pause {:.1f} ms", *method == "clone" ? "clone" : "in place",
                        dump.facts.value("pause_ms", 0.0));
  }
  text += "\n";
  std::string devices;
  for (const auto& [device, bytes] : graph.DeviceBytes()) {
    devices += fmt::format("{}{} {}", devices.empty() ? "" : ", ", FormatBytes(bytes), device);
  }
  if (!devices.empty()) text += Wrap("on devices: ", devices);
  std::uint64_t skipped = 0;
  for (const std::uint64_t count : graph.skipped().count) skipped += count;
  if (skipped != 0) text += fmt::format("{} objects could not be read\n", FormatCount(skipped));
  if (!graph.damage().empty()) {
    text += "This dump is incomplete: " + EscapeName(graph.damage()) +
            ". What follows describes its first part.\n";
  }
  return text + "\n";
}

std::string HeapTypesText(const HeapDumpView& dump, std::span<const analysis::TypeRow> rows,
                          std::size_t top) {
  std::string text = HeapHeadText(dump);
  const ObjectGraph& graph = *dump.graph;
  const DeviceColumn devices(graph);
  text += fmt::format("{:>10} {:>10} {:>10}{}  {}\n", "objects", "own", "retained", devices.title(),
                      "type");
  for (std::size_t i = 0; i < std::min(top, rows.size()); ++i) {
    text += fmt::format("{:>10} {:>10} {:>10}{}  {}\n", FormatCount(rows[i].objects),
                        FormatBytes(rows[i].shallow), FormatBytes(rows[i].retained),
                        devices.Cell(rows[i].device),
                        Cut(graph.type(rows[i].type).name, 46 - devices.width()));
  }
  return text + MoreLines(rows.size() - std::min(top, rows.size()), "types");
}

std::string HeapRetainedText(const HeapDumpView& dump, std::span<const Node> nodes,
                             const analysis::HeapSizes& sizes, const analysis::HeapPaths& paths) {
  std::string text = HeapHeadText(dump);
  const ObjectGraph& graph = *dump.graph;
  const DeviceColumn devices(graph);
  text += fmt::format("{:>10}{} {:>10}  {}\n", "retained", devices.title(), "objects", "who");
  for (const Node node : nodes) {
    const analysis::RetainedBytes retained = sizes.Retained(node);
    text += fmt::format("{:>10}{} {:>10}  {}\n", FormatBytes(retained.host()),
                        devices.Cell(retained.device), FormatCount(sizes.Objects(node)),
                        Cut(paths.To(node).text, 57 - devices.width()));
    text += fmt::format("{:{}} {}\n", "", 23 + devices.width(),
                        Cut(std::string(graph.TypeName(node)), 56 - devices.width()));
  }
  return text;
}

// Its innermost calls: enough to know the place.
std::string BirthText(const ShownBirth& birth) {
  constexpr std::size_t kFrames = 3;
  std::string text = fmt::format("  allocated at {:.1f} s", birth.seconds);
  if (!birth.is_known) return text + ", its stack is not known\n";
  for (std::size_t i = 0; i < birth.stack.size() && i < kFrames; ++i) {
    const model::Frame& frame = birth.stack[i];
    text += fmt::format("{} {}:{} {}", i == 0 ? "," : "\n    called from",
                        EscapeName(Basename(frame.file)), frame.line, EscapeName(frame.function));
  }
  return text + "\n";
}

// "frame local; app.py:12, thread worker-1 (0x7f..)": where the function of the path is, and its
// thread, the number as faulthandler and get_ident() have it.
std::string RootText(const ObjectGraph::Root& root) {
  std::string text = model::DumpRootName(root);
  if (!root.file.empty()) {
    text += fmt::format("; {}", Basename(root.file));
    if (root.line != 0) text += fmt::format(":{}", root.line);
  }
  if (root.thread != 0) {
    const std::string number = AddressText(root.thread);
    text += fmt::format("{} thread {}", root.file.empty() ? ";" : ",",
                        root.thread_name.empty() ? number : root.thread_name + " (" + number + ")");
  }
  return text;
}

std::string HeapPathText(const HeapDumpView& dump, std::span<const ShownPath> paths,
                         const analysis::HeapSizes& sizes, std::size_t of) {
  const ObjectGraph& graph = *dump.graph;
  std::string text = HeapHeadText(dump);
  const DeviceColumn devices(graph);
  bool has_more = false;  // another dump would say it
  for (const ShownPath& shown : paths) {
    const analysis::RetainedBytes retained = sizes.Retained(shown.node);
    text += fmt::format("{} at {}, {} of its own, retains {}\n",
                        Cut(std::string(graph.TypeName(shown.node)), 40),
                        AddressText(graph.address(shown.node)),
                        FormatBytes(graph.bytes(shown.node)), FormatBytes(retained.host()));
    if (retained.device != 0) text += fmt::format(" {}\n", devices.Beside(retained.device));
    if (shown.birth) text += BirthText(*shown.birth);
    if (shown.path.root == ObjectGraph::kNone) {
      text += "  no root reaches it: garbage that waits for the collector\n";
      continue;
    }
    // The whole path, however long: it is the answer.
    text += "  " + EscapeName(shown.path.text) + "\n";
    const std::string gap =
        shown.path.is_invisible_to_gc ? "; passes a pointer that the collector does not know" : "";
    text += Wrap("  root: ", RootText(graph.root(shown.path.root)) + gap);
    if (shown.path.held_by.empty()) continue;
    text += fmt::format("  held by {}\n", Cut(shown.path.held_by, 68));
    has_more |= !dump.facts.value("native", false);
  }
  if (of > paths.size()) text += MoreLines(of - paths.size(), "objects");
  if (has_more) {
    text += "\nMemory of C code leads there: heap dump --native follows it, too.\n";
  }
  return text;
}

std::string HeapCyclesText(const HeapDumpView& dump, const analysis::Garbage& garbage,
                           std::size_t top) {
  const ObjectGraph& graph = *dump.graph;
  std::string text = HeapHeadText(dump);
  if (garbage.cycles.empty()) {
    return text + "No garbage in cycles: a root reaches every cycle.\n";
  }
  text += fmt::format("{} of garbage in {} objects wait for the collector, in {} cycles\n\n",
                      FormatBytes(garbage.bytes), FormatCount(garbage.objects),
                      FormatCount(garbage.cycles.size()));
  const DeviceColumn devices(graph);
  text += fmt::format("{:>10}{} {:>10}  {:<13} {}\n", "retained", devices.title(), "objects", "why",
                      "types");
  // Cycles that look alike are one line.
  struct Group {
    std::uint64_t cycles = 0;
    std::uint64_t objects = 0;
    std::uint64_t retained = 0;
    std::uint64_t device = 0;
  };
  std::map<std::pair<std::string, std::string>, Group> groups;
  for (const analysis::GarbageCycle& cycle : garbage.cycles) {
    std::map<std::string, std::size_t> types;
    for (const Node node : cycle.members) ++types[std::string(graph.TypeName(node))];
    std::string names;
    std::size_t shown = 0;
    for (const auto& [name, count] : types) {
      if (shown++ == kTypesInCycle) {
        names += ", ...";
        break;
      }
      names += (names.empty() ? "" : ", ") + name;
    }
    Group& group = groups[{names, analysis::CycleWhyName(cycle.why)}];
    ++group.cycles;
    group.objects += cycle.members.size();
    group.retained += cycle.retained;
    group.device += cycle.device;
  }
  std::vector<std::pair<std::pair<std::string, std::string>, Group>> rows(groups.begin(),
                                                                          groups.end());
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return a.second.retained + a.second.device > b.second.retained + b.second.device;
  });
  for (std::size_t i = 0; i < std::min(top, rows.size()); ++i) {
    const auto& [key, group] = rows[i];
    text += fmt::format(
        "{:>10}{} {:>10}  {:<13} {}\n", FormatBytes(group.retained), devices.Cell(group.device),
        FormatCount(group.objects), key.second,
        Cut(fmt::format("{} x {}", FormatCount(group.cycles), key.first), 42 - devices.width()));
  }
  return text + MoreLines(rows.size() - std::min(top, rows.size()), "kinds of cycles");
}

std::string HeapRefsText(const HeapDumpView& dump, const analysis::ReferenceBalance& balance,
                         std::size_t top) {
  const ObjectGraph& graph = *dump.graph;
  std::string text = HeapHeadText(dump);
  struct Group {
    std::uint64_t objects = 0;
    std::int64_t surplus = 0;
    std::string example;
  };
  std::map<std::pair<int, std::string>, Group> groups;
  for (const analysis::UnbalancedObject& object : balance.objects) {
    Group& group =
        groups[{static_cast<int>(object.proof), std::string(graph.TypeName(object.node))}];
    ++group.objects;
    group.surplus += object.surplus;
    if (group.example.empty()) group.example = AddressText(graph.address(object.node));
  }
  text += fmt::format("{} objects checked; {} have references that no object explains,\n",
                      FormatCount(balance.checked), FormatCount(balance.objects.size()));
  text += fmt::format("{} of them are accounted for by C code\n", FormatCount(balance.held));
  if (!graph.was_scanned()) {
    text += "Memory was not scanned for other pointers, so none of this is proven.\n";
  }
  text += fmt::format("\n{:>10} {:>10}  {:<9} {:<32} {}\n", "objects", "surplus", "proof", "type",
                      "for example");
  std::vector<std::pair<std::pair<int, std::string>, Group>> rows(groups.begin(), groups.end());
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    if (a.first.first != b.first.first) return a.first.first < b.first.first;
    return a.second.objects > b.second.objects;
  });
  for (std::size_t i = 0; i < std::min(top, rows.size()); ++i) {
    const auto& [key, group] = rows[i];
    text +=
        fmt::format("{:>10} {:>+10}  {:<9} {:<32} {}\n", FormatCount(group.objects), group.surplus,
                    analysis::ReferenceProofName(static_cast<analysis::ReferenceProof>(key.first)),
                    Cut(key.second, 32), group.example);
  }
  return text + MoreLines(rows.size() - std::min(top, rows.size()), "types");
}

std::string HeapDiffText(const HeapDumpView& a, const HeapDumpView& b,
                         std::span<const analysis::TypeChange> changes, std::size_t top) {
  std::string text = "before: " + HeapHeadText(a);
  text.pop_back();
  text += "after:  " + HeapHeadText(b);
  const bool has_devices = !a.graph->DeviceBytes().empty() || !b.graph->DeviceBytes().empty();
  const auto device = [&](const std::string& column) {
    return has_devices ? fmt::format(" {:>11}", column) : "";
  };
  text += fmt::format("{:>10} {:>10} {:>11} {:>11}{}  {}\n", "new", "gone", "own", "retained",
                      device("devices"), "type");
  for (std::size_t i = 0; i < std::min(top, changes.size()); ++i) {
    const analysis::TypeChange& change = changes[i];
    text += fmt::format(
        "{:>10} {:>10} {:>11} {:>11}{}  {}\n", FormatCount(change.added), FormatCount(change.gone),
        FormatSignedBytes(change.shallow_delta), FormatSignedBytes(change.retained_delta),
        device(FormatSignedBytes(change.device_delta)), Cut(change.type, has_devices ? 21 : 33));
  }
  text += MoreLines(changes.size() - std::min(top, changes.size()), "types");
  return text +
         "\nObjects are matched by address and type; CPython uses addresses again, so new and "
         "gone\n"
         "are approximate.\n";
}

}  // namespace memwhy::report
