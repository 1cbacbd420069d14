// SPDX-License-Identifier: Apache-2.0
#include "report/oom/oom_json.h"

#include <utility>

namespace memwhy::report {
namespace {

template <typename T>
Json OomValue(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json KillJson(const model::OomKill& kill) {
  Json others = Json::array();
  for (const model::OomOther& other : kill.others) {
    others.push_back(
        {{"pid", OomValue(other.pid)}, {"name", other.name}, {"rss", OomValue(other.rss)}});
  }
  return Json{{"pid", OomValue(kill.pid)},
              {"name", TextOrNull(kill.name)},
              {"scope", model::OomScopeName(kill.scope)},
              {"killer", kill.killer},
              {"cgroup", OomValue(kill.cgroup)},
              {"victim_cgroup", OomValue(kill.victim_cgroup)},
              {"limit", OomValue(kill.limit)},
              {"usage", OomValue(kill.usage)},
              {"total_vm", OomValue(kill.total_vm)},
              {"rss", OomValue(kill.rss)},
              {"anon_rss", OomValue(kill.anon_rss)},
              {"file_rss", OomValue(kill.file_rss)},
              {"shmem_rss", OomValue(kill.shmem_rss)},
              {"processes", OomValue(kill.processes)},
              {"at", TextOrNull(kill.at)},
              {"asked_by", TextOrNull(kill.asked_by)},
              {"line", kill.line},
              {"ambiguous", kill.is_ambiguous},
              {"others", std::move(others)},
              {"others_total", kill.others_total}};
}

Json CountersJson(const model::OomCounters& counters) {
  return Json{{"directory", counters.directory},
              {"version", counters.version},
              {"oom_kills", OomValue(counters.oom_kills)},
              {"oom_events", OomValue(counters.oom_events)},
              {"group_kills", OomValue(counters.group_kills)},
              {"limit_hits", OomValue(counters.limit_hits)},
              {"high_hits", OomValue(counters.high_hits)},
              {"kills_group", OomValue(counters.kills_group)},
              {"killer_off", OomValue(counters.is_killer_off)},
              {"usage", OomValue(counters.usage)},
              {"peak", OomValue(counters.peak)},
              {"limit", OomValue(counters.limit)},
              {"limit_directory", TextOrNull(counters.limit_directory)}};
}

}  // namespace

Json OomDocument(const std::string& source, const model::OomLog& log,
                 const std::optional<model::OomCounters>& counters) {
  Json kills = Json::array();
  for (const model::OomKill& kill : log.kills) kills.push_back(KillJson(kill));
  Json document;
  document["schema"] = "memwhy.oom/1";
  document["session"] = nullptr;
  document["log"] = TextOrNull(source);
  document["kills"] = std::move(kills);
  document["unparsed"] = log.unparsed;
  document["lines"] = log.lines;
  document["duplicates"] = log.duplicates;
  document["spared"] = log.spared;
  document["unfinished"] = log.unfinished;
  document["cgroup"] = counters ? CountersJson(*counters) : Json(nullptr);
  return document;
}

}  // namespace memwhy::report
