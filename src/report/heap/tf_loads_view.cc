// SPDX-License-Identifier: Apache-2.0
#include "report/heap/tf_loads_view.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/bytes.h"
#include "base/terminal_text.h"
#include "report/parts/session_json.h"
#include "report/parts/wrap.h"
#include "report/views/columns.h"

namespace memwhy::report {
namespace {

using model::TfCounts;

constexpr std::size_t kGroupsInText = 5;
constexpr std::size_t kNameColumns = 24;

Json CountsJson(const TfCounts& counts) {
  return {{"functions", counts.functions},
          {"graphdef_bytes", counts.graphdef_bytes},
          {"handles", counts.handles},
          {"objects", counts.objects},
          {"malloc", counts.malloc ? Json(*counts.malloc) : Json(nullptr)},
          {"rss", counts.rss}};
}

// What the clean-ups have left of the loads: only the end of the process frees it.
TfCounts Left(const model::TfLoads& loads) {
  TfCounts last = loads.end;
  for (const model::TfCleanup& cleanup : loads.cleanups) {
    if (cleanup.after) last = *cleanup.after;
  }
  return Difference(loads.loads.front().before, last);
}

struct Freed {
  std::string what;
  std::optional<TfCounts> freed;
};

std::vector<Freed> FreedByEach(const model::TfLoads& loads) {
  std::vector<Freed> out;
  TfCounts last = loads.end;
  for (const model::TfCleanup& cleanup : loads.cleanups) {
    if (!cleanup.after) {
      out.push_back({cleanup.what, std::nullopt});
      continue;
    }
    out.push_back({cleanup.what, Difference(*cleanup.after, last)});
    last = *cleanup.after;
  }
  out.push_back({"process exit", Left(loads)});
  return out;
}

std::string SignedCount(std::int64_t count) {
  if (count == 0) return "0";
  const auto magnitude =
      count < 0 ? 0 - static_cast<std::uint64_t>(count) : static_cast<std::uint64_t>(count);
  return (count < 0 ? "-" : "+") + FormatCount(magnitude);
}

std::string CountsRow(const std::string& name, const TfCounts& counts) {
  return fmt::format(
      "{:<{}} {:>6} {:>9} {:>7} {:>9} {:>9} {:>9}\n", ShortenLeft(name, kNameColumns), kNameColumns,
      SignedCount(counts.functions), FormatSignedBytes(counts.graphdef_bytes),
      SignedCount(counts.handles), SignedCount(counts.objects),
      counts.malloc ? FormatSignedBytes(*counts.malloc) : "unknown", FormatSignedBytes(counts.rss));
}

std::string CountsHead(const std::string& name) {
  return fmt::format("{:<{}} {:>6} {:>9} {:>7} {:>9} {:>9} {:>9}\n", name, kNameColumns, "funcs",
                     "graphdefs", "handles", "objects", "malloc", "rss");
}

// 1, 2, 5, 10, 20, 50 ... and the last.
bool IsShownLoad(std::size_t number, std::size_t last) {
  if (number == last) return true;
  std::size_t unit = 1;
  while (unit * 10 <= number) unit *= 10;
  return number == unit || number == 2 * unit || number == 5 * unit;
}

std::string LoadsTable(const model::TfLoads& loads) {
  std::string out = CountsHead("since the first load");
  const TfCounts& first = loads.loads.front().before;
  for (std::size_t i = 0; i < loads.loads.size(); ++i) {
    if (!IsShownLoad(i + 1, loads.loads.size())) continue;
    out += CountsRow(fmt::format("after load {}", FormatCount(i + 1)),
                     Difference(first, loads.loads[i].after));
  }
  out += CountsRow("at the script's end", Difference(first, loads.end));
  return out;
}

// The loads themselves, without what the script did between them; the first one of a loader also
// imports and makes what all of them use.
std::string LoadersTable(const model::TfLoads& loads) {
  struct Sum {
    std::int64_t loads = 0;
    TfCounts total;
  };
  std::vector<std::string> order;
  std::map<std::string, Sum> sums;
  for (const model::TfLoad& load : loads.loads) {
    Sum& sum = sums[load.loader];
    if (sum.loads++ == 0) {
      order.push_back(load.loader);
      sum.total.malloc = 0;
    }
    const TfCounts added = Difference(load.before, load.after);
    sum.total.functions += added.functions;
    sum.total.graphdef_bytes += added.graphdef_bytes;
    sum.total.handles += added.handles;
    sum.total.objects += added.objects;
    if (added.malloc && sum.total.malloc) {
      *sum.total.malloc += *added.malloc;
    } else {
      sum.total.malloc = std::nullopt;
    }
    sum.total.rss += added.rss;
  }
  std::string out = CountsHead("one load, on average");
  for (const std::string& loader : order) {
    const Sum& sum = sums[loader];
    TfCounts mean = sum.total;
    mean.functions /= sum.loads;
    mean.graphdef_bytes /= sum.loads;
    mean.handles /= sum.loads;
    mean.objects /= sum.loads;
    if (mean.malloc) *mean.malloc /= sum.loads;
    mean.rss /= sum.loads;
    if (loader.size() <= kNameColumns) {
      out += CountsRow(loader, mean);
    } else {
      out += EscapeName(loader) + '\n' + CountsRow("", mean);
    }
  }
  return out;
}

std::string FreedTable(const model::TfLoads& loads) {
  std::string out = CountsHead("freed by");
  for (const Freed& one : FreedByEach(loads)) {
    if (one.freed) {
      out += CountsRow(one.what, *one.freed);
    } else {
      out += fmt::format("{:<{}} (none imported)\n", one.what, kNameColumns);
    }
  }
  return out;
}

// The beginning of a path is what tells.
std::string ShortPath(const std::string& path) {
  constexpr std::size_t kPathColumns = 67;
  const std::string clean = EscapeName(path);
  if (clean.size() <= kPathColumns) return clean;
  return std::string(CutBytes(clean, kPathColumns - 4)) + " ...";
}

std::string HeldText(const HeldLook& look) {
  const bool is_end = look.when == "end";
  std::string out = is_end ? "\nHeld at the script's end\n" : "\nHeld after all clean-ups\n";
  if (!look.trouble.empty()) {
    return out + Wrap("  ", "no heap dump: " + EscapeName(look.trouble));
  }
  bool has_any = false;
  for (const HeldLook::Kind& kind : look.kinds) {
    if (kind.count == 0) continue;
    has_any = true;
    out +=
        fmt::format("  {} {}{}\n", FormatCount(kind.count), kind.what, kind.count == 1 ? "" : "s");
    std::size_t shown = 0;
    std::uint64_t rest = 0;
    for (const analysis::HeldGroup& group : kind.held.groups) {
      if (shown++ >= kGroupsInText) {
        rest += group.count;
        continue;
      }
      out += fmt::format(
          "  {:>7}  {}\n", FormatCount(group.count),
          group.path.empty() ? "nobody; they wait for a collection" : ShortPath(group.path));
    }
    if (rest != 0) out += fmt::format("  {:>7}  by other paths\n", FormatCount(rest));
    if (kind.held.not_in_dump != 0) {
      out += fmt::format("  {:>7}  not found in the dump\n", FormatCount(kind.held.not_in_dump));
    }
  }
  if (!has_any) out += "  nothing of the loads\n";
  return out;
}

}  // namespace

std::string TfLoadsText(const ShownTfLoads& shown) {
  const model::TfLoads& loads = *shown.loads;
  std::string head = "TensorFlow " + loads.tensorflow;
  for (const auto& [package, version] : loads.keras) head += ", " + package + " " + version;
  head += fmt::format("; {} load{}", FormatCount(loads.loads.size()),
                      loads.loads.size() == 1 ? "" : "s");
  if (loads.failed != 0) head += fmt::format(", {} more failed", FormatCount(loads.failed));
  std::string out = Wrap("", EscapeName(head));
  out += '\n' + LoadersTable(loads);
  out += '\n' + LoadsTable(loads);
  out += '\n' + FreedTable(loads);
  out += Wrap("",
              "del deletes the script's names; process exit is what only that frees, of what there "
              "was not before the first load. Negative: there was more afterwards.");
  for (const HeldLook& look : shown.looks) out += HeldText(look);
  return out;
}

std::string TfLoadsJson(const ShownTfLoads& shown) {
  const model::TfLoads& loads = *shown.loads;
  Json keras = Json::object();
  for (const auto& [package, version] : loads.keras) keras[package] = version;
  Json document = {{"schema", "memwhy.tf.loads/1"},
                   {"session",
                    {{"target", shown.target},
                     {"pid", nullptr},
                     {"python", nullptr},
                     {"exit_status", loads.exit_status},
                     {"ended", fmt::format("exit:{}", loads.exit_status)}}},
                   {"tensorflow", loads.tensorflow},
                   {"keras", std::move(keras)},
                   {"failed", loads.failed},
                   {"baseline", CountsJson(loads.loads.front().before)},
                   {"loads", Json::array()},
                   {"end", CountsJson(loads.end)},
                   {"cleanups", Json::array()},
                   {"held", Json::array()},
                   {"held_unknown", Json::array()}};
  std::size_t index = 0;
  for (const model::TfLoad& load : loads.loads) {
    Json row = {{"index", ++index}, {"loader", load.loader}};
    row.update(CountsJson(load.after));
    row["added"] = CountsJson(Difference(load.before, load.after));
    document["loads"].push_back(std::move(row));
  }
  for (const Freed& one : FreedByEach(loads)) {
    document["cleanups"].push_back(
        {{"what", one.what}, {"freed", one.freed ? CountsJson(*one.freed) : Json(nullptr)}});
  }
  for (const HeldLook& look : shown.looks) {
    if (!look.trouble.empty()) {
      document["held_unknown"].push_back({{"when", look.when}, {"why", look.trouble}});
    }
    for (const HeldLook::Kind& kind : look.kinds) {
      for (const analysis::HeldGroup& group : kind.held.groups) {
        document["held"].push_back({{"when", look.when},
                                    {"what", kind.what},
                                    {"count", group.count},
                                    {"path", TextOrNull(group.path)},
                                    {"invisible_to_gc", group.is_invisible_to_gc}});
      }
    }
  }
  return DumpJson(document);
}

}  // namespace memwhy::report
