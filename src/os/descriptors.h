// SPDX-License-Identifier: Apache-2.0
//
// Open descriptors of a process, counted by what they are. Names of files are not kept. Any thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "model/recording.h"

namespace memwhy::os {

// What a link of /proc/PID/fd is: "socket", "pipe", "eventpoll", "deleted file", "file" ...
std::string DescriptorKind(std::string_view link);

// Most first; empty where they may not be read. Of more than kMaxDescriptors the rest is "not
// read".
std::vector<model::DescriptorCount> CountDescriptors(const FileSystem& fs, pid_t pid);
inline constexpr std::size_t kMaxDescriptors = 4096;

}  // namespace memwhy::os
