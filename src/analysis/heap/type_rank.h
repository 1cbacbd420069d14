// SPDX-License-Identifier: Apache-2.0
//
// How much a type's name tells the reader of a program: its own classes, then those of libraries,
// then those of the standard library, then those of the interpreter. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace memwhy::analysis {

enum class TypeRank : std::uint8_t { kProgram, kLibrary, kStandardLibrary, kInterpreter };

// "__main__.Session", "httpx.AsyncClient", "asyncio.events.Handle", "dict".
TypeRank RankOf(std::string_view type);

}  // namespace memwhy::analysis
