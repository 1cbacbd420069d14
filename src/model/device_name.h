// SPDX-License-Identifier: Apache-2.0
//
// What PyTorch calls a device: "cuda:0".
#pragma once

#include <cstdint>
#include <string>

namespace memwhy::model {

// As a heap dump has it (wire/heap_dump.h).
struct DumpDevice {
  std::uint8_t type = 0;
  std::uint8_t index = 0;  // 0xff: not told
};

std::string DeviceName(DumpDevice device);

}  // namespace memwhy::model
