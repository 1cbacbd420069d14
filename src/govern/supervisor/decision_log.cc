// SPDX-License-Identifier: Apache-2.0
#include "govern/supervisor/decision_log.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/regular_file.h"
#include "base/strings.h"
#include "govern/pressure/controller_json.h"

namespace memwhy::govern {
namespace {

constexpr const char* kSchema = "memwhy.govern.log/1";

}  // namespace

DecisionLog::DecisionLog(std::string path, Bytes limit, const Controller* controller, bool acts)
    : path_(std::move(path)), limit_(limit), controller_(controller), acts_(acts) {}

Result<DecisionLog> DecisionLog::Open(const std::string& path, Bytes limit,
                                      const Controller* controller, bool acts) {
  DecisionLog log(path, limit, controller, acts);
  if (!path.empty()) MEMWHY_TRY_VOID(log.Begin());
  return log;
}

Result<void> DecisionLog::Begin() {
  file_.Reset(open(path_.c_str(),
                   O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
                   0600));
  struct stat status{};
  if (!file_ || fstat(file_.get(), &status) != 0) return Error::FromErrno(errno, path_);
  if (!S_ISREG(status.st_mode)) {
    return Error::Of("{} is {} instead of a file", path_, KindOfFile(status.st_mode));
  }
  written_ = static_cast<Bytes>(status.st_size);
  Line({{"schema", kSchema},
        {"at", Rfc3339Now()},
        {"acts", acts_},
        {"config", ConfigJson(controller_->config())},
        {"state", StateJson(controller_->state())}});
  if (failed_ != 0) return Error::Of("{} cannot be written", path_);
  return {};
}

void DecisionLog::Line(const nlohmann::json& json) {
  if (!file_) return;
  const std::string line =
      json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (write(file_.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    ++failed_;
    return;
  }
  written_ += line.size();
}

void DecisionLog::Tick(const TickInput& input, const Decision& decision) {
  Line({{"in", InputJson(input)}, {"out", DecisionJson(decision)}});
  if (!file_ || written_ < limit_) return;
  // The state after this tick opens the next part.
  if (std::rename(path_.c_str(), (path_ + ".1").c_str()) != 0 || !Begin()) ++failed_;
}

void DecisionLog::Act(std::int64_t t_ms, const ActReport& report, std::int64_t limit) {
  nlohmann::json act = {{"t_ms", t_ms}, {"limit", limit}, {"result", report.result}};
  act["actuator"] =
      report.actuator.empty() ? nlohmann::json(nullptr) : nlohmann::json(report.actuator);
  act["effective"] = report.effective ? nlohmann::json(*report.effective) : nlohmann::json(nullptr);
  Line({{"act", act}});
}

void DecisionLog::Event(std::int64_t t_ms, const std::string& text) {
  Line({{"event", {{"t_ms", t_ms}, {"text", text}}}});
}

Result<ReplayResult> ReplayLog(const std::string& path) {
  MEMWHY_TRY(const RegularFile file, OpenRegular(path, "a log of decisions"));
  MEMWHY_TRY(const std::string text, RealFileSystem().ReadSmall(path));
  ReplayResult result;
  std::optional<Controller> controller;
  std::int64_t limit = 0;
  std::uint64_t number = 0;
  for (const std::string_view line : SplitLines(text)) {
    ++number;
    const auto json = nlohmann::json::parse(line, nullptr, false);
    try {
      if (!json.is_object()) {
        ++result.unread;
      } else if (json.contains("schema")) {
        if (json.at("schema") != kSchema) {
          return Error::Of("{}:{}: this memwhy replays {} only", path, number, kSchema);
        }
        controller.emplace(ConfigOfJson(json.at("config")), StateOfJson(json.at("state")));
        limit = controller->state().limit;
        ++result.parts;
      } else if (json.contains("in") && controller) {
        const Decision decision = controller->Tick(InputOfJson(json.at("in")));
        const auto again = DecisionJson(decision);
        ++result.ticks;
        result.cuts += decision.limit < limit;
        result.raises += decision.limit > limit;
        limit = decision.limit;
        if (again == json.at("out")) continue;
        if (result.different++ == 0) {
          result.first_difference = fmt::format("line {}: the log has {}, the replay {}", number,
                                                json.at("out").dump(), again.dump());
        }
      }
    } catch (const std::exception&) {
      ++result.unread;
    }
  }
  if (result.parts == 0) return Error::Of("{} is no log of decisions ({})", path, kSchema);
  return result;
}

}  // namespace memwhy::govern
