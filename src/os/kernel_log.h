// SPDX-License-Identifier: Apache-2.0
//
// The kernel's log as this machine keeps it: /dev/kmsg, else the system call syslog, else the
// journal. Reading it may need a right; the error names it. One thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace memwhy::os {

struct KernelLogSource {
  std::string name;      // "/dev/kmsg", "syslog(2)", "journalctl -k"
  bool has_gap = false;  // records were overwritten before they were read
};

// Hands on all records that are there now, as text with line ends.
Result<KernelLogSource> ReadKernelLog(const std::function<void(std::string_view)>& sink);

}  // namespace memwhy::os
