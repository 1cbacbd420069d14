// SPDX-License-Identifier: Apache-2.0
#include "recorder/signals/file_size_signal.h"

#include <unistd.h>

namespace memwhy::recorder {
namespace {

struct sigaction g_file_size_before;
bool g_is_file_size_ignored = false;

}  // namespace

void IgnoreFileSizeSignal() {
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  g_is_file_size_ignored = sigaction(SIGXFSZ, &ignore, &g_file_size_before) == 0;
}

void RestoreFileSizeSignal() {
  if (g_is_file_size_ignored) sigaction(SIGXFSZ, &g_file_size_before, nullptr);
}

bool IsOwnFileSizeSignal(int number, const siginfo_t& info) {
  // The kernel names the process that wrote as the sender.
  return number == SIGXFSZ && info.si_code == SI_USER && info.si_pid == getpid();
}

}  // namespace memwhy::recorder
