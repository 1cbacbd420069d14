// SPDX-License-Identifier: Apache-2.0
//
// Functions, lines and inlined calls of many addresses at once, by DWARF. All addresses that lie in
// a unit are answered in one pass over it, and what no address lies in is skipped: that costs
// thousands of addresses little more than one. The debug data may be damaged: offsets only rise,
// depth is bounded, so every pass ends. One thread.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <span>
#include <vector>

#include "symbols/location.h"

namespace memwhy::symbols {

// `addresses` rise strictly, counted as in the debug data. One entry for each; empty where DWARF
// says nothing. Names are demangled. An entry without function has at least a line.
std::vector<Locations> WalkInlines(Dwarf* dwarf, std::span<const std::uint64_t> addresses);

}  // namespace memwhy::symbols
