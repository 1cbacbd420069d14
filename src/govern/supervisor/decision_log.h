// SPDX-License-Identifier: Apache-2.0
//
// The log of decisions (docs/formats/govern-log.md): lines of JSON. Invariant: each part begins
// with configuration and state of the controller, so that what follows can be replayed exactly.
// Bounded: at its limit the file becomes NAME.1 and a new one begins. Secrets never get here: it
// knows signals, actuators and numbers only. One writer.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "govern/actuators/chain.h"
#include "govern/pressure/controller.h"

namespace memwhy::govern {

class DecisionLog {
 public:
  // Appends to a file that is there. `controller` outlives the log.
  static Result<DecisionLog> Open(const std::string& path, Bytes limit,
                                  const Controller* controller, bool acts);

  // A failed write is counted; the governor goes on.
  void Tick(const TickInput& input, const Decision& decision);
  void Act(std::int64_t t_ms, const ActReport& report, std::int64_t limit);
  void Event(std::int64_t t_ms, const std::string& text);
  std::uint64_t failed() const { return failed_; }

 private:
  DecisionLog(std::string path, Bytes limit, const Controller* controller, bool acts);
  Result<void> Begin();
  void Line(const nlohmann::json& json);

  std::string path_;
  Bytes limit_;
  const Controller* controller_;
  bool acts_;
  UniqueFd file_;
  Bytes written_ = 0;
  std::uint64_t failed_ = 0;
};

struct ReplayResult {
  std::uint64_t parts = 0;
  std::uint64_t ticks = 0;
  std::uint64_t cuts = 0;
  std::uint64_t raises = 0;
  std::uint64_t different = 0;
  std::uint64_t unread = 0;      // lines that are no record: the last one of a killed governor
  std::string first_difference;  // line, what the log says, what comes out
};

// Decides everything again. Error: no log.
Result<ReplayResult> ReplayLog(const std::string& path);

}  // namespace memwhy::govern
