// SPDX-License-Identifier: Apache-2.0
//
// The heap graph file, version 1: which object was first reached from which, breadth first from the
// roots, so that the parents of a node are a shortest path to it. Roots come in the order module
// globals, frame locals, thread states; a later kind only adds what the earlier ones do not reach.
//
//   file     := magic[8] version:u32le record* end
//   record   := tag:b body                (v, z, text as in event.h)
//   kType    := text(name, "module.QualName")              defines the next type id, from 1
//   kNativeType := text(C++ name, mangled)                 defines the next native type id, from 1
//   kRoot    := kind:b text(name)                          defines the next root, from 0
//   kObject  := parent label v(type) z(address delta) v(shallow bytes) v(length + 1, or 0)
//               [v(buffer's address >> 3, or 0)]           only with a length: its table or array
//   kBlock   := parent label z(address delta) v(bytes)
//   kBlockClass := v(node) v(native type)                  of an earlier block
//   kEnd     := v(objects) v(blocks) v(predicted ns)
//   parent   := v(0) v(root)  |  v(node + 1)               nodes: objects and blocks count together
//   label    := kNone | kAttribute text | kTextKey text | kNumberKey z | kOtherKey text(type name)
//             | kIndex v | kDict | kNative v(offset) | kLocal text | kItem | kCell text
//
// kDict leads from an object to its attribute dict: that step and the key after it read `.name`.
// Text is cut at 64 characters. A block is a live malloc block; native steps are pointers found in
// the body of an object or a block, edges that gc cannot see.
#pragma once

#include <cstdint>

namespace memwhy::wire {

inline constexpr char kGraphMagic[8] = {'M', 'W', 'Y', 'H', 'E', 'A', 'P', '1'};
inline constexpr std::uint32_t kGraphVersion = 1;
inline constexpr std::uint32_t kMaxLabelBytes = 256;  // 64 characters

enum class GraphTag : std::uint8_t {
  kType = 1,
  kNativeType = 2,
  kRoot = 3,
  kObject = 4,
  kBlock = 5,
  kEnd = 6,
  kBlockClass = 7,
};

enum class RootKind : std::uint8_t { kModuleGlobal = 0, kFrameLocal = 1, kThreadState = 2 };

enum class Label : std::uint8_t {
  kNone = 0,
  kAttribute = 1,
  kTextKey = 2,
  kNumberKey = 3,
  kOtherKey = 4,
  kIndex = 5,
  kDict = 6,
  kNative = 7,
  kLocal = 8,
  kItem = 9,
  kCell = 10,
};

}  // namespace memwhy::wire
