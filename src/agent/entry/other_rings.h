// SPDX-License-Identifier: Apache-2.0
//
// The rings of the session's processes, as one that has just named its own finds them.
// Context: at the start, before the first event.  Allocates: never.
#pragma once

namespace memwhy::agent {

// Revokes the clock permits (wire/clock_permit.h) in all of them, which last while a process is
// alone. By reads and writes of the files: a mapping could fault.
void RevokePermits(const char* rings) noexcept;

}  // namespace memwhy::agent
