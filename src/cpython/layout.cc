// SPDX-License-Identifier: Apache-2.0
#include "cpython/layout.h"

namespace memwhy::cpython {
namespace {

constexpr Layout kLayouts[] = {
#include "cpython/layout_table.inc"
};

}  // namespace

const Layout* FindLayout(int minor) noexcept {
  for (const Layout& layout : kLayouts) {
    if (layout.minor == minor) return &layout;
  }
  return nullptr;
}

}  // namespace memwhy::cpython
