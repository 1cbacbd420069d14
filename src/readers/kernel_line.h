// SPDX-License-Identifier: Apache-2.0
//
// What dmesg, /dev/kmsg, journalctl and syslog daemons put in front of a message: when it was
// written and by whom. A message of another program that only quotes the kernel's words is told
// apart by its tag. Pure; any bytes are fine.
#pragma once

#include <string>
#include <string_view>

namespace memwhy::readers {

struct KernelLine {
  std::string message;
  std::string at;      // as the log spells it; "" without a time. /dev/kmsg: seconds since boot
  std::string uptime;  // the kernel's own time, "849.654331"; "" without one
  std::string caller;  // "T4711": the task that wrote it, where the kernel tells (PRINTK_CALLER)
  std::string tag;     // "kernel", "systemd-oomd"; "" without one
};

KernelLine ParseKernelLine(std::string_view line);

}  // namespace memwhy::readers
