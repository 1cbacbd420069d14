// SPDX-License-Identifier: Apache-2.0
#include "model/device_name.h"

#include <iterator>

namespace memwhy::model {
namespace {

// By number; c10/core/DeviceType.cpp.
constexpr const char* kNames[] = {"cpu", "cuda", "mkldnn",       "opengl", "opencl", "ideep",
                                  "hip", "fpga", "maia",         "xla",    "vulkan", "metal",
                                  "xpu", "mps",  "meta",         "hpu",    "ve",     "lazy",
                                  "ipu", "mtia", "privateuseone"};

constexpr std::uint8_t kNoIndex = 0xff;

}  // namespace

std::string DeviceName(DumpDevice device) {
  std::string name = device.type < std::size(kNames) ? kNames[device.type]
                                                     : "device type " + std::to_string(device.type);
  if (device.index != kNoIndex) name += ":" + std::to_string(device.index);
  return name;
}

}  // namespace memwhy::model
