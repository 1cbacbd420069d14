// SPDX-License-Identifier: Apache-2.0
#include "export/heap/hprof.h"

#include <algorithm>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "export/heap/hprof_layout.h"
#include "export/text.h"

namespace memwhy::exports {
namespace {

using model::ObjectGraph;
using Node = ObjectGraph::Node;

enum class Tag : std::uint8_t {
  kText = 0x01,
  kLoadClass = 0x02,
  kTrace = 0x05,
  kSegment = 0x1c,
  kEnd = 0x2c,
};
enum class Part : std::uint8_t {  // of a segment
  kRootGlobal = 0x01,
  kRootFrame = 0x03,
  kRootStack = 0x04,
  kRootSystem = 0x05,
  kRootBlock = 0x06,
  kRootUnknown = 0xff,
  kClass = 0x20,
  kInstance = 0x21,
  kArray = 0x22,
  kPrimitives = 0x23,
};
enum class Basic : std::uint8_t { kObject = 2, kByte = 8, kShort = 9, kInt = 10, kLong = 11 };

constexpr std::uint32_t kTrace = 1;  // the only stack trace, an empty one
constexpr std::size_t kSegmentBytes = 1 << 20;
constexpr std::uint64_t kMaxArrayBytes = 1 << 30;  // a segment holds less than 4 GiB
constexpr std::uint64_t kMaxItems = kMaxArrayBytes / kIdBytes;
// Of a process. A damaged dump may say more, and all of it would be written.
constexpr std::uint64_t kAddressSpace = std::uint64_t{1} << 47;

// Addresses are multiples of 8, so classes and arrays find free ids beside them.
constexpr std::uint64_t kClassMark = 5;
constexpr std::uint64_t kItemsMark = 1;
constexpr std::uint64_t kBytesMark = 2;
constexpr std::uint64_t kSpareMark = 3;

// Numbers are big-endian.
class Record {
 public:
  void Clear() { bytes_.clear(); }
  Record& U1(std::uint64_t value) { return Number(value, 1); }
  Record& U2(std::uint64_t value) { return Number(value, 2); }
  Record& U4(std::uint64_t value) { return Number(value, 4); }
  Record& U8(std::uint64_t value) { return Number(value, 8); }
  Record& Add(std::string_view bytes) {
    bytes_.append(bytes);
    return *this;
  }
  Record& Zeros(std::uint64_t bytes) {
    bytes_.append(bytes, '\0');
    return *this;
  }
  Record& Start(Part part) { return U1(static_cast<std::uint64_t>(part)); }
  const std::string& bytes() const { return bytes_; }

 private:
  Record& Number(std::uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) bytes_.push_back(static_cast<char>(value >> (8 * i)));
    return *this;
  }
  std::string bytes_;
};

// The padding of an instance as fields, largest first.
std::vector<Basic> PaddingFields(std::uint64_t bytes) {
  std::vector<Basic> fields(bytes / 8, Basic::kLong);
  if ((bytes & 4) != 0) fields.push_back(Basic::kInt);
  if ((bytes & 2) != 0) fields.push_back(Basic::kShort);
  if ((bytes & 1) != 0) fields.push_back(Basic::kByte);
  return fields;
}

class HprofWriter {
 public:
  HprofWriter(const ObjectGraph& graph, Sink& sink) : graph_(graph), sink_(sink), layout_(graph) {}

  Result<void> Write() {
    std::uint64_t bytes = 0;
    for (Node node = ObjectGraph::kFirst; node < graph_.first_root(); ++node) {
      bytes += std::min(graph_.bytes(node), kAddressSpace);
      if (bytes >= kAddressSpace) {
        return Error("the objects of this dump are said to be larger than an address space");
      }
    }
    Record head;
    head.Add(std::string_view("JAVA PROFILE 1.0.2\0", 19)).U4(kIdBytes).U8(0);
    sink_.Write(head.bytes());
    WriteNames();
    WriteClasses();
    WriteRoots();
    HprofEdges edges;
    for (Node node = ObjectGraph::kFirst; node < graph_.first_root(); ++node) {
      layout_.Split(node, &edges);
      WriteObject(node, edges);
    }
    EndSegment();
    Plain(Tag::kEnd, Record());
    return sink_.Finish();
  }

 private:
  // Java's classes, then a class for each type and those of buffers. VisualVM computes nothing
  // where references by which Java does not hold objects are missing.
  static constexpr std::string_view kJavaClasses[] = {
      "java/lang/Object",
      "java/lang/Class",
      "[B",
      "[Ljava/lang/Object;",
      "java/lang/ref/Reference",
      "java/lang/ref/WeakReference",
      "java/lang/ref/SoftReference",
      "java/lang/ref/FinalReference",
      "java/lang/ref/PhantomReference",
  };
  enum JavaClass : std::uint32_t {
    kJavaObject = 0,
    kJavaItems = 3,
    kJavaReference = 4,
    kFirstType = std::size(kJavaClasses),
  };
  static std::uint64_t ClassId(std::uint32_t number) {
    return std::uint64_t{number} << 3 | kClassMark;
  }

  // An address that is some other object's, or none, makes room for a number.
  std::uint64_t IdOf(Node node) const {
    if (node == ObjectGraph::kNone) return 0;
    const std::uint64_t address = graph_.address(node);
    if (address != 0 && address % 8 == 0 && graph_.Find(address) == node) return address;
    return SpareId(node);
  }
  static std::uint64_t SpareId(std::uint64_t number) {
    return std::uint64_t{1} << 62 | number << 3 | kSpareMark;
  }
  // Of an object's array; arrays of objects without an address get numbers behind all nodes.
  std::uint64_t ArrayId(std::uint64_t id, std::uint64_t mark) {
    return id % 8 == 0 ? id | mark : SpareId(std::uint64_t{graph_.size()} + spare_++);
  }

  void Plain(Tag tag, const Record& body) {
    Record head;
    head.U1(static_cast<std::uint64_t>(tag)).U4(0).U4(body.bytes().size());
    sink_.Write(head.bytes());
    sink_.Write(body.bytes());
  }

  std::uint64_t Name(std::string_view text) {
    const auto [found, is_new] = names_.try_emplace(std::string(text), names_.size() + 1);
    if (is_new) Plain(Tag::kText, Record().U8(found->second).Add(text));
    return found->second;
  }

  // All names, then all classes, then the segments in one row: readers want it so.
  void WriteNames() {
    std::vector<std::string_view> classes(std::begin(kJavaClasses), std::end(kJavaClasses));
    for (const HprofClass& one : layout_.classes()) {
      classes.push_back(one.name);
      for (const std::string_view field : one.field_names) Name(field);
      for (std::size_t i = 0; i < PaddingFields(one.padding).size(); ++i) Name(PaddingName(i));
    }
    Name("items");
    Name("bytes");
    Name("referent");
    for (const std::string_view name : classes) Name(name);
    for (std::uint32_t i = 0; i < classes.size(); ++i) {
      Plain(Tag::kLoadClass, Record().U4(i + 1).U8(ClassId(i)).U4(kTrace).U8(Name(classes[i])));
    }
    Plain(Tag::kTrace, Record().U4(kTrace).U4(0).U4(0));
  }
  static std::string PaddingName(std::size_t i) { return fmt::format("(memory {})", i + 1); }

  void WriteClasses() {
    for (std::uint32_t i = 0; i < kFirstType; ++i) {
      const std::uint64_t super = i == kJavaObject     ? 0
                                  : i > kJavaReference ? ClassId(kJavaReference)
                                                       : ClassId(kJavaObject);
      const bool has_referent = i >= kJavaReference;
      Record& body = Class(i, super, kInstanceBytes + (has_referent ? kIdBytes : 0));
      if (i == kJavaReference) {
        body.U2(1).U8(Name("referent")).U1(static_cast<std::uint64_t>(Basic::kObject));
      } else {
        body.U2(0);
      }
      Put();
    }
    for (std::uint32_t i = 0; i < layout_.classes().size(); ++i) {
      const HprofClass& one = layout_.classes()[i];
      const std::vector<Basic> padding = PaddingFields(one.padding);
      Record& body = Class(kFirstType + i, ClassId(kJavaObject), one.instance_bytes);
      body.U2(one.field_count() + padding.size());
      const auto field = [&](std::string_view name, Basic type) {
        body.U8(Name(name)).U1(static_cast<std::uint64_t>(type));
      };
      for (const std::string_view name : one.field_names) field(name, Basic::kObject);
      if (one.has_items) field("items", Basic::kObject);
      if (one.has_bytes) field("bytes", Basic::kObject);
      for (std::size_t k = 0; k < padding.size(); ++k) field(PaddingName(k), padding[k]);
      Put();
    }
  }
  // Up to the number of its fields: no loader, signers, domain, constants or static fields.
  Record& Class(std::uint32_t number, std::uint64_t super, std::uint64_t instance_bytes) {
    record_.Clear();
    return record_.Start(Part::kClass)
        .U8(ClassId(number))
        .U4(kTrace)
        .U8(super)
        .Zeros(5 * kIdBytes)
        .U4(instance_bytes)
        .U2(0)
        .U2(0);
  }

  // Classes are roots as in a dump of Java: no object holds its class.
  void WriteRoots() {
    for (std::uint32_t i = 0; i < kFirstType + layout_.classes().size(); ++i) {
      record_.Clear();
      record_.Start(Part::kRootSystem).U8(ClassId(i));
      Put();
    }
    std::map<std::uint64_t, std::uint32_t> threads;  // serial number by pthread_self
    std::map<std::uint64_t, std::uint32_t> frames;   // begun in the thread
    for (Node root = graph_.first_root(); root < graph_.size(); ++root) {
      const ObjectGraph::Root& facts = graph_.root(root);
      const std::uint32_t thread =
          threads.try_emplace(facts.thread, static_cast<std::uint32_t>(threads.size() + 1))
              .first->second;
      // A frame's evaluation stack comes behind the frame.
      std::uint32_t& begun = frames[facts.thread];
      if (wire::IsFrameRoot(facts.kind)) ++begun;
      const std::uint32_t frame = begun == 0 ? 0 : begun - 1;
      for (const Node target : graph_.Targets(root)) {
        if (target == ObjectGraph::kNothing) continue;
        WriteRoot(facts, IdOf(target), thread, frame);
      }
    }
  }
  void WriteRoot(const ObjectGraph::Root& root, std::uint64_t id, std::uint32_t thread,
                 std::uint32_t frame) {
    record_.Clear();
    if (root.is_unexplained) {
      record_.Start(Part::kRootUnknown).U8(id);
      return Put();
    }
    switch (root.kind) {
      case wire::DumpRoot::kModule:
        record_.Start(Part::kRootSystem).U8(id);
        break;
      case wire::DumpRoot::kFrame:
      case wire::DumpRoot::kStack:
      case wire::DumpRoot::kGreenlet:
        record_.Start(Part::kRootFrame).U8(id).U4(thread).U4(frame);
        break;
      case wire::DumpRoot::kThread:
        record_.Start(Part::kRootStack).U8(id).U4(thread);
        break;
      case wire::DumpRoot::kContext:
        record_.Start(Part::kRootBlock).U8(id).U4(thread);
        break;
      case wire::DumpRoot::kInterned:
      case wire::DumpRoot::kInterpreter:
      case wire::DumpRoot::kNativeGlobal:
      case wire::DumpRoot::kKeyTable:
        record_.Start(Part::kRootGlobal).U8(id).U8(id);  // and of a JNI reference: none here
        break;
    }
    Put();
  }

  void WriteObject(Node node, const HprofEdges& edges) {
    const std::uint32_t class_number = layout_.ClassOf(node);
    const HprofClass& one = layout_.classes()[class_number];
    const std::uint64_t id = IdOf(node);
    const std::int64_t extra = layout_.ExtraBytes(node, edges.items.size());
    const std::uint64_t items = edges.items.empty() ? 0 : ArrayId(id, kItemsMark);
    const std::uint64_t bytes = extra < 0 ? 0 : ArrayId(id, kBytesMark);
    record_.Clear();
    record_.Start(Part::kInstance)
        .U8(id)
        .U4(kTrace)
        .U8(ClassId(kFirstType + class_number))
        .U4(kIdBytes * one.field_count() + one.padding);
    for (const Node field : edges.fields) record_.U8(IdOf(field));
    if (one.has_items) record_.U8(items);
    if (one.has_bytes) record_.U8(bytes);
    record_.Zeros(one.padding);
    Put();
    if (items != 0) WriteItems(items, edges.items);
    if (extra >= 0) WriteBytes(bytes, static_cast<std::uint64_t>(extra));
  }

  // What is too long for one array becomes an array of arrays.
  void WriteItems(std::uint64_t id, std::span<const Node> items) {
    if (items.size() <= kMaxItems) {
      std::vector<std::uint64_t> ids;
      for (const Node item : items) ids.push_back(IdOf(item));
      return WriteArray(id, ids);
    }
    std::vector<std::uint64_t> parts;
    for (; !items.empty(); items = items.subspan(std::min<std::size_t>(items.size(), kMaxItems))) {
      parts.push_back(SpareId(std::uint64_t{graph_.size()} + spare_++));
      WriteItems(parts.back(), items.first(std::min<std::size_t>(items.size(), kMaxItems)));
    }
    WriteArray(id, parts);
  }
  void WriteBytes(std::uint64_t id, std::uint64_t bytes) {
    if (bytes <= kMaxArrayBytes) return WriteZeros(id, bytes);
    std::vector<std::uint64_t> parts;
    for (std::uint64_t left = bytes; left > 0; left -= std::min(left, kMaxArrayBytes)) {
      parts.push_back(SpareId(std::uint64_t{graph_.size()} + spare_++));
      WriteZeros(parts.back(), std::min(left, kMaxArrayBytes));
    }
    WriteArray(id, parts);
  }
  void WriteArray(std::uint64_t id, const std::vector<std::uint64_t>& elements) {
    record_.Clear();
    record_.Start(Part::kArray).U8(id).U4(kTrace).U4(elements.size()).U8(ClassId(kJavaItems));
    for (const std::uint64_t element : elements) record_.U8(element);
    Put();
  }
  void WriteZeros(std::uint64_t id, std::uint64_t bytes) {
    record_.Clear();
    record_.Start(Part::kPrimitives)
        .U8(id)
        .U4(kTrace)
        .U4(bytes)
        .U1(static_cast<std::uint64_t>(Basic::kByte));
    if (bytes < kSegmentBytes) {
      record_.Zeros(bytes);
      return Put();
    }
    EndSegment();
    StartSegment(record_.bytes().size() + bytes);
    sink_.Write(record_.bytes());
    sink_.WriteZeros(bytes);
  }

  // Adds record_ to the segment that is being filled.
  void Put() {
    if (segment_.size() + record_.bytes().size() > kSegmentBytes) EndSegment();
    segment_.append(record_.bytes());
  }
  void EndSegment() {
    if (segment_.empty()) return;
    StartSegment(segment_.size());
    sink_.Write(segment_);
    segment_.clear();
  }
  void StartSegment(std::uint64_t bytes) {
    Record head;
    head.U1(static_cast<std::uint64_t>(Tag::kSegment)).U4(0).U4(bytes);
    sink_.Write(head.bytes());
  }

  const ObjectGraph& graph_;
  Sink& sink_;
  HprofLayout layout_;
  std::unordered_map<std::string, std::uint64_t> names_;
  Record record_;
  std::string segment_;
  std::uint64_t spare_ = 0;
};

}  // namespace

Result<void> WriteHprof(const ObjectGraph& graph, Sink& sink) {
  return HprofWriter(graph, sink).Write();
}

}  // namespace memwhy::exports
