// SPDX-License-Identifier: Apache-2.0
//
// Which collections are those of an interpreter's exit. Pure.
#pragma once

#include <cstdint>
#include <span>

#include "model/gc_log.h"

namespace memwhy::readers {

// Measured: an exit of 2.7 collects once, one of 3.6 to 3.9 twice, one of 3.10 to 3.14 three times.
inline constexpr std::size_t kExitCollections = 3;

// `last` are the last full collections of one writer, nothing behind them. Those from the returned
// index on are the exit's; last.size() when none is.
std::size_t FirstOfExit(std::span<const model::GcCollection* const> last, bool has_text_before,
                        bool has_shutdown_line);

// Objects in the generations 0 to `generation` when it began. Its counts must be known.
std::uint64_t ObjectsUpTo(const model::GcCollection& collection, std::size_t generation);

}  // namespace memwhy::readers
