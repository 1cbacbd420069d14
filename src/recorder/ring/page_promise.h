// SPDX-License-Identifier: Apache-2.0
//
// Whether a file system keeps its word about pages that were reserved (fallocate). A store into a
// mapped page ends the process by SIGBUS where it does not: one that writes a new copy of every
// page (btrfs) has no room for the copy on a full disk, one behind a network may lose its server.
// Only file systems that are known to write in place are trusted. What lies below an overlay is
// found by an experiment: a page of a small file is written twice, and must stay where it is on the
// disk. Any thread.
#pragma once

#include <cstdint>
#include <string>

namespace memwhy::recorder {

struct PagePromise {
  bool is_kept = false;
  bool is_memory = false;  // its pages are memory, and gone when the machine restarts
  std::string disk;        // "ext4", "an overlay", "a file system of type 0x1234"
  std::string why;         // where it is not kept, a clause: "writes a new copy of ..."
};

// By the type that statfs tells. An overlay is not kept by that alone.
PagePromise PromiseOfType(std::uint64_t type);

// Of files in this folder. May make a small file there, and removes it.
PagePromise PromiseOf(const std::string& folder);

// The experiment: whether a page of a file in this folder stays where it is when it is written
// again. False where that cannot be found out.
bool WritesInPlace(const std::string& folder);

}  // namespace memwhy::recorder
