// SPDX-License-Identifier: Apache-2.0
//
// What a recording takes from its surroundings once, before the target starts. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/file_system.h"
#include "base/result.h"

namespace memwhy::recorder {

std::string HostName();
std::string AbsolutePath(const std::string& path);

// User and system time of this process; nullopt when the kernel does not say.
std::optional<double> OwnCpuSeconds();

// Room for events in a target: 1 % of the memory that its cgroup may use, 64 MiB at most.
std::uint64_t PoolBytes(const FileSystem& fs);

// Whether the disk of a session has room for rings of that size and a little more.
Result<void> CheckRoom(const std::string& session, std::uint64_t pool_bytes);

}  // namespace memwhy::recorder
