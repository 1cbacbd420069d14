// SPDX-License-Identifier: Apache-2.0
//
// A copy of a ring file on another disk: its head and the bytes that threads have committed, what
// is between them a hole. Its process is gone, so that nothing changes meanwhile. One thread.
#pragma once

#include <string>

#include "base/result.h"

namespace memwhy::session {

// Writes it under a temporary name, to the disk, and gives it its name then. What stands there
// already is replaced; after an error it is as it was.
Result<void> CopyRing(const std::string& from, const std::string& to);

}  // namespace memwhy::session
