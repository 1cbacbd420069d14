// SPDX-License-Identifier: Apache-2.0
//
// What a decision log holds (docs/formats/govern-log.md). Numbers come back as the same numbers, so
// a replay can ask for equality. Reading throws nlohmann::json::exception on what is no such
// document. Pure.
#pragma once

#include <nlohmann/json.hpp>

#include "govern/pressure/controller.h"

namespace memwhy::govern {

nlohmann::json ConfigJson(const ControllerConfig& config);
ControllerConfig ConfigOfJson(const nlohmann::json& json);
nlohmann::json StateJson(const ControllerState& state);
ControllerState StateOfJson(const nlohmann::json& json);
nlohmann::json InputJson(const TickInput& input);
TickInput InputOfJson(const nlohmann::json& json);
nlohmann::json DecisionJson(const Decision& decision);

}  // namespace memwhy::govern
