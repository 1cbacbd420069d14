// SPDX-License-Identifier: Apache-2.0
#include "report/heap/heap_why.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/terminal_text.h"
#include "report/heap/heap_text.h"
#include "report/views/columns.h"

namespace memwhy::report {
namespace {

using model::ObjectGraph;
using Node = ObjectGraph::Node;

Json OwnerJson(const HeapDumpView& dump, const HeapWhyView& why, Node owner) {
  if (owner == ObjectGraph::kNone) return nullptr;
  return {{"address", AddressText(dump.graph->address(owner))},
          {"type", dump.graph->TypeName(owner)},
          {"text", why.paths->To(owner).text},
          {"retained", why.sizes->Retained(owner).host()},
          {"retained_device", why.sizes->Retained(owner).device}};
}

}  // namespace

void WriteHeapWhyJson(const HeapDumpView& dump, const HeapWhyView& why, std::size_t top,
                      const Sink& sink) {
  Json clusters = Json::array();
  for (std::size_t i = 0; i < std::min(top, why.clusters->clusters.size()); ++i) {
    const analysis::HeapCluster& cluster = why.clusters->clusters[i];
    const analysis::HeapPath path = why.paths->To(cluster.example);
    clusters.push_back(
        {{"signature", cluster.signature.empty() ? Json(nullptr) : Json(cluster.signature)},
         {"objects", cluster.objects},
         {"retained", cluster.retained},
         {"retained_device", cluster.device},
         {"example",
          {{"address", AddressText(dump.graph->address(cluster.example))},
           {"path", path.steps},
           {"text", path.text},
           {"retained", why.sizes->Retained(cluster.example).host()},
           {"retained_device", why.sizes->Retained(cluster.example).device}}},
         {"owner", OwnerJson(dump, why, cluster.owner)}});
  }
  sink(DumpJson({{"schema", "memwhy.heap.why/1"},
                 {"dump", DumpFactsJson(dump)},
                 {"type", why.type},
                 {"objects", why.objects},
                 {"looked_at", why.clusters->objects},
                 {"clusters", std::move(clusters)}}) +
       "\n");
}

std::string HeapWhyText(const HeapDumpView& dump, const HeapWhyView& why, std::size_t top) {
  std::string text = HeapHeadText(dump);
  const auto& clusters = why.clusters->clusters;
  const DeviceColumn devices(*dump.graph);
  text +=
      fmt::format("{} of {}, held in {}:\n\n", FormatCount(why.objects), ShortenLeft(why.type, 40),
                  clusters.size() == 1 ? "one way" : FormatCount(clusters.size()) + " ways");
  if (why.clusters->objects != why.objects) {
    text += fmt::format("({} of them were looked at)\n\n", FormatCount(why.clusters->objects));
  }
  for (std::size_t i = 0; i < std::min(top, clusters.size()); ++i) {
    const analysis::HeapCluster& cluster = clusters[i];
    text += fmt::format("{:>9} {:>10}{}  {}\n", FormatCount(cluster.objects),
                        FormatBytes(cluster.retained), devices.Cell(cluster.device),
                        cluster.signature.empty() ? "nothing: garbage that waits for the collector"
                                                  : EscapeName(cluster.signature));
    if (cluster.signature.empty()) continue;
    text += fmt::format("{:>21} for example {} at {}\n", "",
                        EscapeName(why.paths->To(cluster.example).text),
                        AddressText(dump.graph->address(cluster.example)));
    if (cluster.owner != ObjectGraph::kNone) {
      const analysis::RetainedBytes retained = why.sizes->Retained(cluster.owner);
      text += fmt::format("{:>21} freeing {} releases all of it ({}{})\n", "",
                          EscapeName(why.paths->To(cluster.owner).text),
                          FormatBytes(retained.host()), devices.Beside(retained.device));
    }
  }
  if (clusters.size() > top) text += fmt::format("... {} more (--top N)\n", clusters.size() - top);
  return text;
}

void WriteHeapTrendJson(std::span<const HeapDumpView> dumps,
                        std::span<const analysis::TypeTrend> types, std::size_t top,
                        const Sink& sink) {
  Json facts = Json::array();
  for (const HeapDumpView& dump : dumps) facts.push_back(dump.facts);
  Json rows = Json::array();
  for (std::size_t i = 0; i < std::min(top, types.size()); ++i) {
    rows.push_back({{"type", types[i].type},
                    {"objects", types[i].objects},
                    {"shallow", types[i].bytes},
                    {"grows", types[i].grows}});
  }
  sink(DumpJson({{"schema", "memwhy.heap.trend/1"},
                 {"dumps", std::move(facts)},
                 {"identity", "approximate"},
                 {"types", std::move(rows)}}) +
       "\n");
}

std::string HeapTrendText(std::span<const HeapDumpView> dumps,
                          std::span<const analysis::TypeTrend> types, std::size_t top) {
  std::string text = fmt::format("{} dumps\n\n", dumps.size());
  text += fmt::format("{:>11} {:>9} {:>9} {:>5}  {}\n", "bytes", "first", "last", "grows", "type");
  for (std::size_t i = 0; i < std::min(top, types.size()); ++i) {
    const analysis::TypeTrend& trend = types[i];
    text += fmt::format("{:>11} {:>9} {:>9} {:>5}  {}\n",
                        FormatSignedBytes(Delta(trend.bytes.front(), trend.bytes.back())),
                        FormatCount(trend.objects.front()), FormatCount(trend.objects.back()),
                        trend.grows ? "yes" : "", ShortenLeft(trend.type, 40));
  }
  if (types.size() > top) text += fmt::format("... {} more types (--top N)\n", types.size() - top);
  return text;
}

void WriteHeapQueryJson(const HeapDumpView& dump, std::span<const Node> nodes,
                        std::uint64_t matches, const analysis::HeapSizes& sizes, const Sink& sink) {
  const ObjectGraph& graph = *dump.graph;
  std::string head = DumpJson(
      {{"schema", "memwhy.heap.query/1"}, {"dump", DumpFactsJson(dump)}, {"matches", matches}});
  head.pop_back();
  sink(head + ",\"objects\":[");
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Node node = nodes[i];
    sink((i == 0 ? "" : ",") + DumpJson({{"address", AddressText(graph.address(node))},
                                         {"type", graph.TypeName(node)},
                                         {"shallow", graph.bytes(node)},
                                         {"retained", sizes.Retained(node).host()},
                                         {"retained_device", sizes.Retained(node).device},
                                         {"references", graph.references(node)},
                                         {"tracked", graph.is_tracked(node)},
                                         {"reachable", sizes.IsReachable(node)}}));
  }
  sink("]}\n");
}

std::string HeapQueryText(const HeapDumpView& dump, std::span<const Node> nodes,
                          std::uint64_t matches, const analysis::HeapSizes& sizes) {
  const ObjectGraph& graph = *dump.graph;
  std::string text = HeapHeadText(dump);
  const DeviceColumn devices(graph);
  text += fmt::format("{} objects match\n\n{:<18} {:>10} {:>10}{}  {}\n", FormatCount(matches),
                      "address", "own", "retained", devices.title(), "type");
  for (const Node node : nodes) {
    const analysis::RetainedBytes retained = sizes.Retained(node);
    text += fmt::format("{:<18} {:>10} {:>10}{}  {}\n", AddressText(graph.address(node)),
                        FormatBytes(graph.bytes(node)), FormatBytes(retained.host()),
                        devices.Cell(retained.device),
                        ShortenLeft(std::string(graph.TypeName(node)), 38 - devices.width()));
  }
  if (matches > nodes.size()) {
    text += fmt::format("... {} more (--top N)\n", FormatCount(matches - nodes.size()));
  }
  return text;
}

}  // namespace memwhy::report
