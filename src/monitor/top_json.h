// SPDX-License-Identifier: Apache-2.0
//
// One look as memwhy.top/1: what --json-lines prints once per look. Unknown is null. Pure.
#pragma once

#include <nlohmann/json.hpp>

#include "monitor/top_view.h"

namespace memwhy::monitor {

// `wall_seconds`: seconds since 1970 of the look.
nlohmann::ordered_json TopDocument(const TopView& view, double wall_seconds);

}  // namespace memwhy::monitor
