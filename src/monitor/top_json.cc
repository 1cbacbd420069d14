// SPDX-License-Identifier: Apache-2.0
#include "monitor/top_json.h"

#include <cmath>
#include <utility>

namespace memwhy::monitor {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json ValueOr(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json RateOr(const std::optional<double>& rate) {
  return rate ? Json(std::llround(*rate)) : Json(nullptr);
}

Json TextOr(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

constexpr const char* kLayerKeys[kLayers] = {"anon", "file", "shmem", "swap", "page_tables"};

Json RowJson(const TopRow& row) {
  Json layers;
  Json growths;
  for (std::size_t i = 0; i < kLayers; ++i) {
    layers[kLayerKeys[i]] = ValueOr(LayerBytes(row.process, static_cast<Layer>(i)));
    growths[kLayerKeys[i]] = RateOr(row.growths[i]);
  }
  return Json{{"pid", row.process.pid},
              {"parent", row.process.parent},
              {"name", row.process.name},
              {"program", row.process.label},
              {"python", row.process.is_python},
              {"threads", row.process.threads},
              {"rss", row.process.rss},
              {"rss_growth_bytes_per_second", RateOr(row.growth)},
              {"rss_shape", TextOr(row.shape)},
              {"layers", std::move(layers)},
              {"growth_bytes_per_second", std::move(growths)},
              {"cgroup", TextOr(row.process.cgroup)},
              {"seconds_to_limit", RateOr(row.seconds_to_limit)}};
}

Json LedgerOf(const TopView& view) {
  if (!view.ledger()) return nullptr;
  const model::Ledger& ledger = view.ledger()->ledger;
  Json shares = Json::array();
  for (const ShareRow& row : view.Shares()) {
    shares.push_back({{"layer", row.share.layer},
                      {"name", row.share.name},
                      {"bytes", row.share.bytes},
                      {"owned", row.share.owned},
                      {"growth_bytes_per_second", RateOr(row.growth)}});
  }
  return Json{{"account", ledger.account},
              {"total", ledger.total},
              {"shares", std::move(shares)},
              {"unattributed", ledger.unattributed},
              {"age_seconds", view.look().time - view.ledger()->time},
              {"note", TextOr(ledger.note)}};
}

}  // namespace

nlohmann::ordered_json TopDocument(const TopView& view, double wall_seconds) {
  const Look& look = view.look();
  Json processes = Json::array();
  for (const TopRow& row : view.Rows()) processes.push_back(RowJson(row));
  Json cgroups = Json::array();
  for (const auto& [directory, cgroup] : look.cgroups) {
    cgroups.push_back({{"directory", directory},
                       {"current", ValueOr(cgroup.current)},
                       {"working_set", ValueOr(cgroup.working_set)},
                       {"limit", ValueOr(cgroup.limit)},
                       {"limit_directory", TextOr(cgroup.limit_directory)},
                       {"oom_kills", ValueOr(cgroup.oom_kills)}});
  }
  Json document;
  document["schema"] = "memwhy.top/1";
  document["session"] = nullptr;
  document["time"] = wall_seconds;
  document["host"] = {{"total", ValueOr(look.host.total)},
                      {"available", ValueOr(look.host.available)},
                      {"swap_total", ValueOr(look.host.swap_total)},
                      {"swap_free", ValueOr(look.host.swap_free)},
                      {"oom_kills", ValueOr(look.host.oom_kills)},
                      {"oom_kills_since_start", ValueOr(view.host_kills_since_start())}};
  document["processes"] = std::move(processes);
  document["processes_seen"] = look.processes_seen;
  document["cgroups"] = std::move(cgroups);
  document["ledger"] = LedgerOf(view);
  document["missing"] = TextOr(look.missing);
  return document;
}

}  // namespace memwhy::monitor
