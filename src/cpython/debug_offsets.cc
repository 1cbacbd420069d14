// SPDX-License-Identifier: Apache-2.0
#include "cpython/debug_offsets.h"

#include <cstring>

namespace memwhy::cpython {
namespace {

// char cookie[8]; uint64_t version (PY_VERSION_HEX), free_threaded; then structures of offsets.
constexpr char kCookie[] = "xdebugpy";
constexpr std::uint32_t kVersion = 8;
constexpr std::uint32_t kFreeThreaded = 16;

struct DebugOffset {
  int minor;
  std::uint32_t position;             // in _Py_DebugOffsets
  std::uint32_t Layout::* field;      // where it is taken; null: it must be `value`
  std::uint64_t value;                // what the headers of this version say
  [[maybe_unused]] const char* name;  // in _Py_DebugOffsets, for the reader of the table
};

constexpr DebugOffset kDebugOffsets[] = {
#include "cpython/debug_offset_table.inc"
};

constexpr std::uint64_t kMaxOffset = 1u << 20;  // of a sane one

}  // namespace

const char* ApplyDebugOffsets(Address runtime, std::uint32_t version, Layout* layout) noexcept {
  if (std::memcmp(reinterpret_cast<const void*>(runtime), kCookie, 8) != 0) {
    return "this CPython does not describe its structures (no _Py_DebugOffsets)";
  }
  if (Peek<std::uint64_t>(runtime, kVersion) >> 8 != version >> 8) {
    return "this CPython's _Py_DebugOffsets are of another version";
  }
  if (Peek<std::uint64_t>(runtime, kFreeThreaded) != 0) {
    return "free-threaded CPython: without the GIL a stack could change while it is read";
  }
  const std::uint32_t collecting = layout->gc_collecting;
  for (const DebugOffset& row : kDebugOffsets) {
    if (row.minor != layout->minor) continue;
    const auto said = Peek<std::uint64_t>(runtime, row.position);
    if (row.field == nullptr ? said != row.value : said > kMaxOffset) {
      return "this build of CPython has structures of its own that memwhy does not know";
    }
    if (row.field != nullptr) layout->*row.field = static_cast<std::uint32_t>(said);
  }
  // The generations stand before it, and nothing is said of them.
  if (layout->gc_collecting != collecting) layout->gc_generations = kAbsent;
  return nullptr;
}

}  // namespace memwhy::cpython
