// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace memwhy {

void CheckFailed(const char* file, int line, const char* text) {
  std::fprintf(stderr, "memwhy: internal error at %s:%d: %s\n", file, line, text);
  std::abort();
}

}  // namespace memwhy
