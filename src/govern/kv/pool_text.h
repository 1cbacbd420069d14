// SPDX-License-Identifier: Apache-2.0
//
// A pool's state in words, for a terminal of 80 columns. Pure.
#pragma once

#include <string>

#include "govern/kv/page_reader.h"

namespace memwhy::govern {

// `now_ns`: since 1970, to say how old the state is.
std::string PoolText(const PageView& view, std::uint64_t now_ns);

}  // namespace memwhy::govern
