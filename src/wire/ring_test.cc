// SPDX-License-Identifier: Apache-2.0
#include "wire/ring.h"

#include <gtest/gtest.h>

namespace memwhy::wire {
namespace {

TEST(RingName, IsOfNumbersOnly) {
  for (const char* name : {"ring.4711.123456", "ring.1.2.3", "ring.4711.123456 (deleted)"}) {
    EXPECT_TRUE(IsRingName(name)) << name;
  }
  for (const char* name : {"", "ring", "ring.", "ring.4711", "ring.log.1", "ring.1.2.tmp",
                           "a.ring.1.2", "string.1.2"}) {
    EXPECT_FALSE(IsRingName(name)) << name;
  }
}

}  // namespace
}  // namespace memwhy::wire
