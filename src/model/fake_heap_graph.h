// SPDX-License-Identifier: Apache-2.0
//
// Writes heap graph files in memory, for tests.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "wire/heap_graph.h"
#include "wire/varint.h"

namespace memwhy::model {

class FakeHeapGraph {
 public:
  FakeHeapGraph() {
    bytes_.append(wire::kGraphMagic, sizeof(wire::kGraphMagic));
    bytes_.append("\x01\0\0\0", 4);
  }

  std::uint32_t Root(wire::RootKind kind, std::string_view name) {
    Byte(static_cast<std::uint8_t>(wire::GraphTag::kRoot));
    Byte(static_cast<std::uint8_t>(kind));
    Text(name);
    return roots_++;
  }

  struct Step {
    wire::Label label = wire::Label::kNone;
    std::string_view text = "";
    std::int64_t number = 0;
  };

  // Returns the node's number.
  std::uint32_t ObjectAtRoot(std::uint32_t root, Step step, std::string_view type,
                             std::uint64_t address, std::uint64_t size, std::int64_t length = -1,
                             std::uint64_t buffer = 0) {
    return Object(true, root, step, type, address, size, length, buffer);
  }
  std::uint32_t ObjectBelow(std::uint32_t parent, Step step, std::string_view type,
                            std::uint64_t address, std::uint64_t size, std::int64_t length = -1,
                            std::uint64_t buffer = 0) {
    return Object(false, parent, step, type, address, size, length, buffer);
  }
  std::uint32_t BlockBelow(std::uint32_t parent, std::uint64_t address, std::uint64_t size,
                           std::string_view native_type = "") {
    Byte(static_cast<std::uint8_t>(wire::GraphTag::kBlock));
    Parent(false, parent);
    Label({wire::Label::kNative, "", 16});
    Address(address);
    Number(size);
    const auto node = static_cast<std::uint32_t>(nodes_++);
    if (native_type.empty()) return node;
    const auto [it, is_new] = natives_.try_emplace(std::string(native_type), natives_.size() + 1);
    if (is_new) {
      Byte(static_cast<std::uint8_t>(wire::GraphTag::kNativeType));
      Text(native_type);
    }
    Byte(static_cast<std::uint8_t>(wire::GraphTag::kBlockClass));
    Number(node);
    Number(it->second);
    return node;
  }

  std::string Finish() {
    std::string file = bytes_;
    std::uint8_t out[10];
    file.push_back(static_cast<char>(wire::GraphTag::kEnd));
    for (const std::uint64_t value : {objects_, nodes_ - objects_, std::uint64_t{1000}}) {
      file.append(reinterpret_cast<char*>(out),
                  static_cast<std::size_t>(wire::PutVarint(out, value) - out));
    }
    return file;
  }

 private:
  std::uint32_t Object(bool at_root, std::uint32_t parent, Step step, std::string_view type,
                       std::uint64_t address, std::uint64_t size, std::int64_t length,
                       std::uint64_t buffer) {
    auto [it, is_new] = types_.try_emplace(std::string(type), types_.size() + 1);
    if (is_new) {
      Byte(static_cast<std::uint8_t>(wire::GraphTag::kType));
      Text(type);
    }
    Byte(static_cast<std::uint8_t>(wire::GraphTag::kObject));
    Parent(at_root, parent);
    Label(step);
    Number(it->second);
    Address(address);
    Number(size);
    Number(static_cast<std::uint64_t>(length + 1));
    if (length >= 0) Number(buffer >> 3);
    ++objects_;
    return static_cast<std::uint32_t>(nodes_++);
  }
  void Byte(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void Number(std::uint64_t value) {
    std::uint8_t out[10];
    bytes_.append(reinterpret_cast<char*>(out),
                  static_cast<std::size_t>(wire::PutVarint(out, value) - out));
  }
  void Text(std::string_view text) {
    Number(text.size());
    bytes_.append(text);
  }
  void Parent(bool at_root, std::uint32_t number) {
    Number(at_root ? 0 : number + 1);
    if (at_root) Number(number);
  }
  void Address(std::uint64_t address) {
    Number(wire::ZigZag(static_cast<std::int64_t>(address) - last_));
    last_ = static_cast<std::int64_t>(address);
  }
  void Label(const Step& step) {
    Byte(static_cast<std::uint8_t>(step.label));
    switch (step.label) {
      case wire::Label::kAttribute:
      case wire::Label::kTextKey:
      case wire::Label::kOtherKey:
      case wire::Label::kLocal:
      case wire::Label::kCell:
        Text(step.text);
        break;
      case wire::Label::kNumberKey:
        Number(wire::ZigZag(step.number));
        break;
      case wire::Label::kIndex:
      case wire::Label::kNative:
        Number(static_cast<std::uint64_t>(step.number));
        break;
      case wire::Label::kNone:
      case wire::Label::kDict:
      case wire::Label::kItem:
        break;
    }
  }

  std::string bytes_;
  std::map<std::string, std::uint64_t> types_;
  std::map<std::string, std::uint64_t> natives_;
  std::int64_t last_ = 0;
  std::uint32_t roots_ = 0;
  std::uint64_t nodes_ = 0;
  std::uint64_t objects_ = 0;
};

}  // namespace memwhy::model
