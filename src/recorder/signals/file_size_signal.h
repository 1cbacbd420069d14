// SPDX-License-Identifier: Apache-2.0
//
// SIGXFSZ, which ends a process whose file would exceed the limit on the size of files (ulimit -f,
// RLIMIT_FSIZE). In our own processes it is ignored, and the write fails with EFBIG. The programs
// that we start have what we were started with. One thread.
#pragma once

#include <signal.h>

namespace memwhy::recorder {

// From now on in this process and in what it forks. Once, before the first file is written.
void IgnoreFileSizeSignal();

// In a forked child before exec: the disposition that we were started with. Async-signal-safe.
void RestoreFileSizeSignal();

// Whether the kernel has sent this signal to us because of a write of our own.
bool IsOwnFileSizeSignal(int number, const siginfo_t& info);

}  // namespace memwhy::recorder
