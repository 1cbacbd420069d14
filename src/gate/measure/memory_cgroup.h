// SPDX-License-Identifier: Apache-2.0
//
// A memory cgroup of our own for one run, with the limit of the deployment: version 1 or 2, below
// the cgroup that we are in. Gone with this object, which wants it to be empty. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"

namespace memwhy::gate {

class MemoryCgroup {
 public:
  // An error: this machine, or our rights, do not allow it.
  static Result<MemoryCgroup> Make(Bytes limit);
  MemoryCgroup(MemoryCgroup&& other) noexcept
      : directory_(std::exchange(other.directory_, "")), version_(other.version_) {}
  MemoryCgroup& operator=(MemoryCgroup&&) = delete;
  ~MemoryCgroup();

  // The file to which a process writes "0" to come in.
  std::string processes() const { return directory_ + "/cgroup.procs"; }
  std::optional<Bytes> Peak() const;
  std::uint64_t OomKills() const;

 private:
  MemoryCgroup(std::string directory, int version)
      : directory_(std::move(directory)), version_(version) {}
  std::string directory_;
  int version_ = 2;
};

}  // namespace memwhy::gate
