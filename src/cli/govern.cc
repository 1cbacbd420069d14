// SPDX-License-Identifier: Apache-2.0
//
// memwhy govern show: the state of KV block pools, of running processes and of dead ones.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/terminal_text.h"
#include "cli/cli.h"
#include "cli/govern_run.h"
#include "cli/view_options.h"
#include "govern/kv/page_reader.h"
#include "govern/kv/pool_text.h"

namespace memwhy::cli {
namespace {

struct ShowOptions {
  std::vector<std::string> sources;
  bool json = false;
};

bool IsPid(std::string_view text) {
  return !text.empty() && text.size() <= 10 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The pages that a process has mapped, as it publishes its pools.
Result<std::vector<govern::PageView>> PagesOf(const std::string& pid) {
  MEMWHY_TRY(const std::string maps, RealFileSystem().ReadSmall("/proc/" + pid + "/maps"));
  std::vector<govern::PageView> views;
  for (std::size_t begin = 0; begin < maps.size();) {
    const std::size_t end = std::min(maps.find('\n', begin), maps.size());
    const std::string_view line = std::string_view(maps).substr(begin, end - begin);
    begin = end + 1;
    const std::size_t path = line.find('/');
    // Shared, and from its file's beginning.
    if (path == std::string_view::npos || line.find(" rw-s 00000000 ") == std::string_view::npos) {
      continue;
    }
    auto view = govern::ReadPage("/proc/" + pid + "/root" + std::string(line.substr(path)));
    if (view) views.push_back(*std::move(view));
  }
  return views;
}

int RunShow(const ShowOptions& options) {
  std::vector<govern::PageView> views;
  for (const std::string& source : options.sources) {
    if (IsPid(source)) {
      auto found = PagesOf(source);
      if (!found) {
        return Fail(kExitEnvironment,
                    fmt::format("process {}: {}", source, found.error().message()));
      }
      if (found->empty()) {
        return Fail(kExitEnvironment,
                    fmt::format("process {} publishes no pool; a pool does after "
                                "pool.publish(PATH), and a child of fork has none",
                                source));
      }
      std::move(found->begin(), found->end(), std::back_inserter(views));
      continue;
    }
    auto view = govern::ReadPage(source);
    if (!view) {
      return Fail(kExitUsage, fmt::format("{}: {}", source, view.error().message()));
    }
    views.push_back(*std::move(view));
  }
  const std::uint64_t now_ns = RealClock().WallNs();
  if (!options.json) {
    std::string text;
    for (const govern::PageView& view : views) {
      if (!text.empty()) text += "\n";
      text += govern::PoolText(view, now_ns);
    }
    PrintOut(text);
    return kExitOk;
  }
  std::string json = R"({"schema":"memwhy.govern.show/1","session":null,"pools":[)";
  for (std::size_t i = 0; i < views.size(); ++i) {
    if (i != 0) json += ",";
    std::string pool = govern::PoolStateJson(views[i].state);
    pool.insert(1, views[i].is_alive ? R"("alive":true,)" : R"("alive":false,)");
    json += pool;
  }
  PrintLine("{}", json + "]}");
  return kExitOk;
}

void AddGovernCommand(CLI::App& app, int* exit_code) {
  CLI::App* command =
      app.add_subcommand("govern", "KV blocks, tenants, and the loop that keeps a server alive");
  command->require_subcommand(1);
  const auto options = std::make_shared<ShowOptions>();
  CLI::App* show = command->add_subcommand("show", "Who holds how much of a pool, now");
  show->add_option("source", options->sources,
                   "Files that pools publish, or processes that have such pools")
      ->type_name("PATH|PID")
      ->required();
  show->add_flag("--json", options->json, "Print memwhy.govern.show/1");
  AddGovernRun(*command, exit_code);
  show->callback([options, exit_code] { *exit_code = RunShow(*options); });
}

const CommandRegistrar kGovernRegistrar("govern", AddGovernCommand);

}  // namespace
}  // namespace memwhy::cli
