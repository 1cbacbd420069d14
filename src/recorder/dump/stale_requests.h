// SPDX-License-Identifier: Apache-2.0
//
// What commands that were killed have left in a session's folder.
#pragma once

#include <sys/types.h>

#include <string>

namespace memwhy::recorder {

// Beside the pipe of a dump, whose name they begin with: the list of its questions.
inline constexpr char kQuestionsSuffix[] = ".ask";

// Removes the pipes of dumps of process `pid` that nobody reads, with the lists beside them. Those
// made within the last minute stay: somebody may be about to read them. What cannot be removed
// stays.
void RemoveStaleRequests(const std::string& folder, pid_t pid);

}  // namespace memwhy::recorder
