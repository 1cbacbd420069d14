// SPDX-License-Identifier: Apache-2.0
//
// Builds the stream of a heap dump by hand, for tests: the grammar of wire/heap_dump.h, nothing
// checked.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "model/heap/dump_decoder.h"
#include "wire/heap_dump.h"
#include "wire/varint.h"

namespace memwhy::model {

// Addresses of objects for tests.
inline constexpr std::uint64_t kModuleObject = 0x7f0000001010;
inline constexpr std::uint64_t kDictObject = 0x7f0000002010;
inline constexpr std::uint64_t kKeyObject = 0x7f0000003010;
inline constexpr std::uint64_t kListObject = 0x7f0000004010;
inline constexpr std::uint64_t kClassObject = 0x7f0000007010;

class FakeDump {
 public:
  explicit FakeDump(std::uint32_t version = wire::kDumpVersion) {
    for (const char c : wire::kDumpMagic) bytes_.push_back(static_cast<std::uint8_t>(c));
    Number(version);
  }

  // What follows is written by `lane`, below kMaxLanes; ids of types and shapes are its own.
  void Lane(std::uint32_t lane) {
    Tag(wire::DumpTag::kLane);
    Number(lane);
    lane_ = lane;
  }
  // Returns the type's id.
  std::uint32_t Type(std::string_view name, std::uint32_t flags, std::uint64_t bytes,
                     std::uint64_t address) {
    Tag(wire::DumpTag::kType);
    Text(name);
    Number(flags);
    Number(bytes);
    Address(address);
    auto& all = lanes_[lane_].flags;
    all.push_back(flags);
    return static_cast<std::uint32_t>(all.size() - 1);
  }
  std::uint32_t Shape(wire::ShapeRest rest,
                      const std::vector<std::pair<wire::EdgeKind, std::string_view>>& labels) {
    Tag(wire::DumpTag::kShape);
    Byte(static_cast<std::uint8_t>(rest));
    Number(labels.size());
    for (const auto& [kind, text] : labels) {
      Byte(static_cast<std::uint8_t>(kind));
      Text(text);
    }
    return lanes_[lane_].shapes++;
  }
  void Object(std::uint32_t type, std::uint64_t address, std::uint64_t references,
              const std::vector<std::uint64_t>& edges = {},
              std::optional<std::uint32_t> shape = std::nullopt, std::uint64_t extra = 0) {
    Number(wire::kFirstType + type);
    Address(address);
    const std::uint32_t flags = lanes_[lane_].flags[type];
    if ((flags & wire::kTypeHasExtra) != 0) Number(extra);
    Number(references << 1 | 1);
    if ((flags & wire::kTypeIsLeaf) == 0) Edges(address, edges, shape);
  }
  void File(std::string_view path) {
    Tag(wire::DumpTag::kFile);
    Text(path);
  }
  void Root(wire::DumpRoot kind, wire::RootCounts counts, std::string_view name,
            const std::vector<std::uint64_t>& edges,
            std::optional<std::uint32_t> shape = std::nullopt) {
    Tag(wire::DumpTag::kRoot);
    Byte(static_cast<std::uint8_t>(kind));
    Byte(static_cast<std::uint8_t>(counts));
    Number(0);
    Number(0);
    Text(name);
    Edges(lanes_[lane_].last, edges, shape);
  }
  void List(std::uint32_t list) {
    Tag(wire::DumpTag::kList);
    Number(list);
  }
  void Key(std::uint64_t address, std::string_view text) {
    Tag(wire::DumpTag::kText);
    Address(address);
    Text(text);
  }
  void Buffer(std::uint64_t address, std::uint64_t bytes, wire::BufferKind kind,
              DumpDevice device = {}) {
    Tag(wire::DumpTag::kBuffer);
    Address(address);
    Number(bytes);
    Byte(static_cast<std::uint8_t>(kind));
    if (kind != wire::BufferKind::kDevice) return;
    Byte(device.type);
    Byte(device.index);
  }
  void NativeType(std::string_view mangled) {
    Tag(wire::DumpTag::kNativeType);
    Text(mangled);
  }
  void Block(std::uint64_t address, std::uint64_t bytes, std::uint32_t native_type,
             const std::vector<std::uint64_t>& edges = {}) {
    Tag(wire::DumpTag::kBlock);
    Address(address);
    Number(bytes);
    Number(native_type);
    Edges(address, edges, std::nullopt);
  }
  // Of torch's C++; the members that `torch` has for its kind.
  void Torch(const DumpTorch& torch, const std::vector<std::uint64_t>& edges = {},
             std::optional<std::uint32_t> shape = std::nullopt) {
    Tag(wire::DumpTag::kTorch);
    Byte(static_cast<std::uint8_t>(torch.kind));
    Address(torch.address);
    Number(torch.bytes);
    Number(torch.native_type);
    if (torch.kind == wire::TorchKind::kTensor) {
      for (const auto* words : {&torch.words, &torch.autograd}) Numbers(*words);
      Number(torch.version ? std::uint64_t{*torch.version} + 1 : 0);
      Numbers(torch.sizes);
      Byte(torch.is_view ? 1 : 0);
    } else if (torch.kind == wire::TorchKind::kStorage) {
      Number(torch.data);
      Number(torch.data_bytes);
      Byte(torch.device.type);
      Byte(torch.device.index);
      Byte(torch.is_owned ? 1 : 0);
      Byte(torch.is_reached ? 1 : 0);
    }
    Edges(torch.address, edges, shape);
  }
  void Own(std::uint64_t object, std::uint64_t block) {
    Tag(wire::DumpTag::kOwn);
    Address(object);
    Number(
        wire::ZigZag((static_cast<std::int64_t>(block) - static_cast<std::int64_t>(object)) >> 3));
  }
  void TypeTotal(std::uint64_t type, std::uint64_t objects, std::uint64_t bytes) {
    Tag(wire::DumpTag::kTypeTotal);
    Number(type);
    Number(objects);
    Number(bytes);
  }
  // Both as they stand in the stream.
  void Pair(std::uint64_t referrer, std::uint64_t referent, std::uint64_t references) {
    Tag(wire::DumpTag::kPair);
    Number(referrer);
    Number(referent);
    Number(references);
  }
  void End() {
    Tag(wire::DumpTag::kEnd);
    for (int i = 0; i < 3; ++i) Number(0);
  }

  void Tag(wire::DumpTag tag) { Byte(static_cast<std::uint8_t>(tag)); }
  void Byte(std::uint8_t value) { bytes_.push_back(value); }
  void Number(std::uint64_t value) {
    std::uint8_t out[wire::kMaxVarintBytes];
    bytes_.insert(bytes_.end(), out, wire::PutVarint(out, value));
  }
  void Text(std::string_view text) {
    Number(text.size());
    bytes_.insert(bytes_.end(), text.begin(), text.end());
  }
  void Address(std::uint64_t address) {
    std::uint64_t& last = lanes_[lane_].last;
    Number(
        wire::ZigZag((static_cast<std::int64_t>(address) - static_cast<std::int64_t>(last)) >> 3));
    last = address;
  }
  const std::vector<std::uint8_t>& bytes() const { return bytes_; }

 private:
  struct OneLane {
    std::vector<std::uint32_t> flags;  // of types
    std::uint32_t shapes = 0;
    std::uint64_t last = 0;
  };

  void Numbers(const std::vector<std::uint64_t>& numbers) {
    Number(numbers.size());
    for (const std::uint64_t number : numbers) Number(number);
  }
  void Edges(std::uint64_t from, const std::vector<std::uint64_t>& edges,
             std::optional<std::uint32_t> shape) {
    Number(edges.size() << 1 | static_cast<std::uint64_t>(shape.has_value()));
    if (shape) Number(*shape);
    for (const std::uint64_t edge : edges) {
      if (edge == 0) {
        Byte(0);
        continue;
      }
      Number(
          wire::ZigZag((static_cast<std::int64_t>(edge) - static_cast<std::int64_t>(from)) >> 3) +
          1);
      from = edge;
    }
  }

  std::vector<std::uint8_t> bytes_;
  std::array<OneLane, wire::kMaxLanes> lanes_;
  std::uint32_t lane_ = 0;
};

// Gives bytes in pieces of `chunk`.
class FakeDumpSource : public DumpSource {
 public:
  explicit FakeDumpSource(std::vector<std::uint8_t> bytes, std::size_t chunk = 1 << 20)
      : bytes_(std::move(bytes)), chunk_(chunk) {}
  Result<void> Rewind() override {
    at_ = 0;
    return {};
  }
  Result<std::span<const std::uint8_t>> Next() override {
    const std::size_t n = std::min(chunk_, bytes_.size() - at_);
    at_ += n;
    return std::span<const std::uint8_t>(bytes_).subspan(at_ - n, n);
  }

 private:
  std::vector<std::uint8_t> bytes_;
  std::size_t chunk_;
  std::size_t at_ = 0;
};

}  // namespace memwhy::model
