// SPDX-License-Identifier: Apache-2.0
//
// Words to people while or after a program runs that shares our standard error: nobody may have to
// read them, so they are left out when there is no room at once (a full pipe, a stopped terminal).
#pragma once

#include <string_view>

namespace memwhy::recorder {

// Writes "memwhy: LINE" and an end of line. Never waits.
void Say(std::string_view line);

}  // namespace memwhy::recorder
