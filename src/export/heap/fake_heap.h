// SPDX-License-Identifier: Apache-2.0
//
// Heap dumps for the tests of exports: a small one with every kind of edge and root and with names
// that try to break out of a file, and random ones.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/heap/fake_dump.h"
#include "model/heap/object_graph.h"

namespace memwhy::exports {

// Quotes, a line's end, NUL, a lone surrogate as Python encodes it, and no UTF-8 at all.
inline constexpr std::string_view kHostileNames[] = {
    "quote\"back\\slash", std::string_view("nul\0behind", 10),
    "line\nend\r\t",      "\xed\xa0\x80 alone",
    "\xff\xfe bytes",     "[[[",
    "]}],\"strings\":[",  "\xe2\x82",
    "<img src=x>",        "a/b/c",
    "\xf0\x9f\x90\x8d"};

// A fake dump with all that an export shows, in the order in which tests here name it.
class FakeHeap : private model::FakeDump {
 public:
  static constexpr std::uint32_t kNoShape = 0xffffffff;
  using Addresses = std::vector<std::uint64_t>;  // of an object's references; 0: null
  using Labels = std::vector<std::pair<wire::EdgeKind, std::string_view>>;

  std::uint32_t Type(std::string_view name, std::uint64_t bytes,
                     std::uint32_t flags = wire::kTypeHasExtra) {
    return FakeDump::Type(name, flags, bytes, 0);
  }
  std::uint32_t Shape(wire::ShapeRest rest, const Labels& labels = {}) {
    return FakeDump::Shape(rest, labels);
  }
  void Object(std::uint32_t type, std::uint64_t address, std::uint64_t extra_bytes = 0,
              const Addresses& edges = {}, std::uint32_t shape = kNoShape) {
    FakeDump::Object(type, address, 1, edges, Known(shape), extra_bytes);
  }
  using FakeDump::Buffer;
  void Buffer(std::uint64_t address, std::uint64_t bytes) {
    FakeDump::Buffer(address, bytes, wire::BufferKind::kArray);
  }
  void Root(wire::DumpRoot kind, std::string_view name, const Addresses& edges,
            std::uint32_t shape = kNoShape) {
    FakeDump::Root(kind, wire::RootCounts::kEach, name, edges, Known(shape));
  }
  void KeyText(std::uint64_t address, std::string_view text) { Key(address, text); }
  void KeyNumber(std::uint64_t address, std::int64_t number) {
    Tag(wire::DumpTag::kNumber);
    Address(address);
    Number(wire::ZigZag(number));
  }
  void Weak(std::uint64_t source, std::uint64_t target) {
    Tag(wire::DumpTag::kWeak);
    Address(source);
    Number(
        wire::ZigZag((static_cast<std::int64_t>(target) - static_cast<std::int64_t>(source)) >> 3));
  }

  std::vector<std::uint8_t> Stream() const {
    FakeDump whole = *this;
    whole.End();
    return whole.bytes();
  }
  Result<model::ObjectGraph> Load() const {
    model::FakeDumpSource source(Stream());
    return model::ObjectGraph::Load(source);
  }

 private:
  static std::optional<std::uint32_t> Known(std::uint32_t shape) {
    return shape == kNoShape ? std::nullopt : std::optional(shape);
  }
};

// Addresses of what the small heap holds.
struct SmallHeap {
  static constexpr std::uint64_t kModule = 0x10000, kDict = 0x10040, kStore = 0x10080,
                                 kList = 0x100c0, kName = 0x10100, kKey = 0x10140, kFive = 0x10180,
                                 kFrame = 0x101c0, kCell = 0x10200, kArray = 0x10240,
                                 kBuffer = 0x20000, kSet = 0x10280, kGarbage = 0x102c0,
                                 kHostile = 0x30000;
  static constexpr std::uint64_t kBufferBytes = (std::uint64_t{5} << 30) + 8;

  FakeHeap dump;

  explicit SmallHeap(std::uint64_t buffer_bytes = kBufferBytes) {
    using wire::EdgeKind;
    using wire::ShapeRest;
    const auto module = dump.Type("module", 72, 0);
    const auto dict = dump.Type("dict", 64);
    const auto store = dump.Type("app.Store", 48, 0);
    const auto list = dump.Type("list", 56);
    const auto str = dump.Type("str", 49, wire::kTypeHasExtra | wire::kTypeIsLeaf);
    const auto number = dump.Type("int", 28, wire::kTypeHasExtra | wire::kTypeIsLeaf);
    const auto frame = dump.Type("frame", 120);
    const auto cell = dump.Type("cell", 40, 0);
    const auto array = dump.Type("numpy.ndarray", 112);
    const auto set = dump.Type("set", 216);
    const auto attributes = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttributes, ""}});
    const auto pairs = dump.Shape(ShapeRest::kPairs);
    const auto slots = dump.Shape(
        ShapeRest::kPlain, {{EdgeKind::kAttribute, "items"}, {EdgeKind::kAttribute, "name"}});
    const auto indexed = dump.Shape(ShapeRest::kIndexed);
    const auto locals =
        dump.Shape(ShapeRest::kPlain, {{EdgeKind::kLocal, "self"}, {EdgeKind::kLocal, "closed"}});
    const auto content = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kCell, "closed"}});
    const auto native = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kNative, ""}});
    const auto items =
        dump.Shape(ShapeRest::kPlain, {{EdgeKind::kItem, ""}, {EdgeKind::kItem, ""}});

    dump.Object(module, kModule, 0, {kDict}, attributes);
    dump.Object(dict, kDict, 168, {kKey, kStore, kFive, kList}, pairs);
    dump.Object(store, kStore, 0, {kList, kName}, slots);
    dump.Object(list, kList, 32, {kName, 0, kStore, kStore}, indexed);
    dump.Object(str, kName, 1000);
    dump.Object(str, kKey, 5);
    dump.Object(number, kFive);
    dump.Object(frame, kFrame, 0, {kStore, kCell}, locals);
    dump.Object(cell, kCell, 0, {kArray}, content);
    dump.Object(array, kArray, 0, {kBuffer}, native);
    dump.Buffer(kBuffer, buffer_bytes);
    dump.Object(set, kSet, 0, {kKey, kFive}, items);
    dump.Object(list, kGarbage, 0, {kGarbage}, indexed);
    AddHostile();
    dump.KeyText(kKey, "store");
    dump.KeyNumber(kFive, -5);
    dump.Weak(kSet, kStore);  // in another order than the objects
    dump.Weak(kStore, kList);
    dump.Root(wire::DumpRoot::kModule, "app", {kModule});
    dump.Root(wire::DumpRoot::kFrame, "handler", {kFrame});
    dump.Root(wire::DumpRoot::kStack, "handler", {kList});
    dump.Root(wire::DumpRoot::kThread, "MainThread", {kCell});
    dump.Root(wire::DumpRoot::kContext, "context", {kSet});
    dump.Root(wire::DumpRoot::kInterned, "interned", {kKey, kName});
    dump.Root(wire::DumpRoot::kNativeGlobal, "libapp.so:cache+8", {kArray, kArray});
  }

 private:
  // A class of each name with an attribute of each name, held by a key of each name.
  void AddHostile() {
    const auto dict = dump.Type("types.HostileDict", 64);
    const auto str = dump.Type("types.HostileKey", 49, wire::kTypeHasExtra | wire::kTypeIsLeaf);
    const auto pairs = dump.Shape(wire::ShapeRest::kPairs);
    FakeHeap::Labels labels;
    for (const auto name : kHostileNames) labels.emplace_back(wire::EdgeKind::kAttribute, name);
    const auto shape = dump.Shape(wire::ShapeRest::kPlain, labels);
    FakeHeap::Addresses entries;
    std::uint64_t at = kHostile + 64;
    for (const auto name : kHostileNames) {
      const auto type = dump.Type(name, 200, 0);
      dump.Object(str, at, 3);
      dump.Object(type, at + 64, 0, FakeHeap::Addresses(std::size(kHostileNames), kHostile), shape);
      dump.KeyText(at, name);
      entries.push_back(at);
      entries.push_back(at + 64);
      at += 512;
    }
    dump.Object(dict, kHostile, 900, entries, pairs);
    for (const auto name : kHostileNames) {
      dump.Root(wire::DumpRoot::kModule, name, {kHostile});
    }
  }
};

// Objects of ten types whose references lead anywhere; some are reached from no root.
inline FakeHeap RandomHeap(std::uint64_t seed, std::uint32_t objects) {
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t limit) { return random() % limit; };
  const auto address = [](std::uint64_t i) { return 0x100000 + i * 0x40; };
  FakeHeap dump;
  std::vector<std::uint32_t> shapes = {FakeHeap::kNoShape};
  shapes.push_back(dump.Shape(wire::ShapeRest::kIndexed));
  shapes.push_back(dump.Shape(wire::ShapeRest::kPairs));
  shapes.push_back(dump.Shape(wire::ShapeRest::kPlain, {{wire::EdgeKind::kAttribute, "next"},
                                                        {wire::EdgeKind::kAttribute, "value"}}));
  for (int i = 0; i < 10; ++i) {
    const bool is_leaf = i >= 7;
    dump.Type("app.T" + std::to_string(i), 16 + 8 * below(12),
              wire::kTypeHasExtra | (is_leaf ? wire::kTypeIsLeaf : 0));
  }
  for (std::uint32_t i = 0; i < objects; ++i) {
    const auto type = static_cast<std::uint32_t>(below(10));
    FakeHeap::Addresses edges;
    const std::uint64_t count = type >= 7 ? 0 : below(4);
    for (std::uint64_t k = 0; k < count; ++k) {
      const bool is_near = below(3) != 0;
      edges.push_back(address(is_near ? (i + 1 + below(8)) % objects : below(objects)));
    }
    dump.Object(type, address(i), below(4) == 0 ? below(500) : 0, edges,
                edges.empty() ? FakeHeap::kNoShape : shapes[below(shapes.size())]);
  }
  for (int i = 0; i < 6; ++i) {
    dump.Root(static_cast<wire::DumpRoot>(below(8)), "root " + std::to_string(i),
              {address(below(objects)), address(below(objects))});
  }
  return dump;
}

}  // namespace memwhy::exports
