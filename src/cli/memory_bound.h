// SPDX-License-Identifier: Apache-2.0
//
// How much memory a command may take for the files that it reads (docs/limits.md): kFreeMemory and
// kMemoryPerByte for each byte of them, so that no file, whatever it says, fills the machine. The
// readers have tighter bounds of their own; this one stands behind them, as a limit on the data of
// the process (RLIMIT_DATA). It would hold for programs that are started later, too: only for
// commands that start none, or have done so. MEMWHY_MAX_MEMORY replaces it. One thread.
#pragma once

#include <cstdint>
#include <string>

namespace memwhy::cli {

inline constexpr std::uint64_t kFreeMemory = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kMemoryPerByte = 1024;
inline constexpr char kMaxMemoryVariable[] = "MEMWHY_MAX_MEMORY";

// A file or session is going to be read: raises the bound by its size. A bound that somebody else
// has set (ulimit -d) and that is lower stays.
void AllowMemoryFor(const std::string& path);

// What to say of memory that could not be had.
std::string OutOfMemoryMessage();

}  // namespace memwhy::cli
