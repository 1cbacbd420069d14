// SPDX-License-Identifier: Apache-2.0
//
// A process with its descendants and the memory cgroup that they are in. Pages that several of them
// share are divided among the sharers (PSS), so that the sum over a tree fits what the cgroup is
// charged; rss would count them once per process. One thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"
#include "model/ledger/ledger.h"

namespace memwhy::monitor {

struct TreeMember {
  pid_t pid = 0;
  pid_t parent = 0;
  std::string name;
  std::string label;  // as in look.h
  Bytes rss = 0;
  // nullopt: smaps may not be read.
  std::optional<Bytes> pss;
  std::optional<Bytes> pss_anon;
  std::optional<Bytes> pss_file;
  std::optional<Bytes> pss_shmem;
  std::optional<Bytes> uss;  // pages that nobody else has
  std::optional<Bytes> swap;
  std::string cgroup;  // directory, "" unknown
};

struct TreeLook {
  std::vector<TreeMember> members;      // the root first, then by rss
  std::optional<model::Ledger> cgroup;  // of the root's memory cgroup
  std::string cgroup_directory;
  std::vector<std::string> notes;  // what could not be read, and which right is missing
};

Result<TreeLook> LookAtTree(const FileSystem& fs, pid_t root);

}  // namespace memwhy::monitor
