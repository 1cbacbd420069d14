// SPDX-License-Identifier: Apache-2.0
//
// What a dump asks its clone, and what the clone answers: who else in the process's memory points
// to these objects (agent/holders/holder_scan.h has both formats).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "model/heap/object_graph.h"
#include "recorder/dump/holder_names.h"

namespace memwhy::recorder {

// The file of questions: sorted addresses.
Result<void> WriteQuestions(const std::string& path, std::span<const std::uint64_t> questions);

// The answers come from the target: nullopt when they are no such thing.
std::optional<model::HolderScan> ParseAnswers(std::span<const std::uint8_t> bytes,
                                              std::span<const std::uint64_t> questions,
                                              HolderNames& names);

}  // namespace memwhy::recorder
