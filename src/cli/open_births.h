// SPDX-License-Identifier: Apache-2.0
//
// The recording of a dumped process, for the births of its objects.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/sites/births.h"
#include "report/heap/heap_json.h"
#include "session/reader.h"

namespace memwhy::cli {

class OpenedBirths {
 public:
  // Replays `session` up to the instant of the dump whose facts these are.
  static Result<OpenedBirths> Open(const std::string& session, const nlohmann::json& facts);
  // nullopt: not recorded.
  std::optional<report::ShownBirth> Find(std::uint64_t address) const;

 private:
  std::unique_ptr<session::Session> session_;
  model::Births births_;
};

}  // namespace memwhy::cli
