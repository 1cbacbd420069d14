// SPDX-License-Identifier: Apache-2.0
//
// The last brake: memory.high of a cgroup (version 2), memory.soft_limit_in_bytes (version 1). It
// slows who allocates down (v2), or only says whose memory is reclaimed first (v1); without swap
// neither stops growth. One thread.
#pragma once

#include <string>

#include "base/bytes.h"
#include "govern/actuators/actuator.h"

namespace memwhy::govern {

class CgroupBrake : public Remedy {
 public:
  CgroupBrake(std::string directory, Bytes bytes);
  // Reads back what it wrote.
  Result<void> Do() override;

 private:
  std::string directory_;
  Bytes bytes_;
};

}  // namespace memwhy::govern
