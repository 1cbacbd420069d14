// SPDX-License-Identifier: Apache-2.0
//
// Buffered writer of a heap graph file (wire/heap_graph.h has the grammar).
#pragma once

#include <cstddef>
#include <cstdint>

#include "wire/heap_graph.h"

namespace memwhy::agent {

// One step from a parent to a child, as the path will print it.
struct GraphLabel {
  wire::Label kind = wire::Label::kNone;
  std::int64_t number = 0;     // kIndex, kNumberKey, kNative
  const char* text = nullptr;  // kAttribute, kTextKey, kOtherKey, kLocal, kCell
  std::size_t text_bytes = 0;
};

class GraphFile {
 public:
  bool Open(const char* path) noexcept;  // replaces an existing file
  bool Close() noexcept;                 // flushes; false: something could not be written

  void PutHeader() noexcept;
  void PutByte(std::uint8_t value) noexcept;
  void PutNumber(std::uint64_t value) noexcept;
  void PutSigned(std::int64_t value) noexcept;
  void PutText(const char* text, std::size_t bytes) noexcept;
  void PutLabel(const GraphLabel& label) noexcept;
  // A root is sent as 0 and its number, a node as its number + 1.
  void PutParent(bool is_root, std::uint32_t number) noexcept;

 private:
  void Flush() noexcept;
  int fd_ = -1;
  std::uint8_t* buffer_ = nullptr;
  std::size_t used_ = 0;
  bool failed_ = false;
};

}  // namespace memwhy::agent
