// SPDX-License-Identifier: Apache-2.0
//
// Whether the filters on system calls (seccomp) under which this process lives, a container's as a
// rule, let a request pass. A child of ours, which has the same filters, makes the calls that the
// agent makes to serve one; a filter that punishes one of them ends the child and not the target.
// A target inherits these filters: as long as it has no more of them, what the child was allowed is
// allowed there.
#pragma once

#include <cstdint>

#include "base/file_system.h"

namespace memwhy::recorder {

// The number of filters of this process if the child lived; 0: it has none, or the child was ended,
// or the kernel does not tell. Forks: call it while the process has one thread.
std::uint32_t TryFilters(const FileSystem& fs);

}  // namespace memwhy::recorder
