// SPDX-License-Identifier: Apache-2.0
//
// The value of the queued signal that announces a request (Request::signal). By it the
// agent tells that signal from one of the same number that somebody else sends to the program.
#pragma once

#include <cstdint>

namespace memwhy::wire {

inline constexpr std::uint64_t kRequestCookie = 0x4d575952514f4b31;  // "MWYRQOK1"

}  // namespace memwhy::wire
