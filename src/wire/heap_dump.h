// SPDX-License-Identifier: Apache-2.0
//
// The stream of a heap dump, version 3: every object of one process with all its references, as a
// clone of the process (or the process itself) writes it. Prose: docs/formats/heap-dump.md.
//
//   stream   := magic[8] v(version) record*           (v, z, text as in event.h)
//   record   := v(tag) body                           tag < kFirstType, else an object
//   object   := v(kFirstType + type) z(address delta) [v(extra bytes)] v(count) [edges]
//     address delta: (address - address of the record before that has one) >> 3
//     extra bytes:   beyond the type's own, only for types with kTypeHasExtra
//     count:         reference count << 1 | tracked; the reference count is 0 for immortal objects
//     edges:         only for types without kTypeIsLeaf
//   edges    := v(number << 1 | has shape) [v(shape)] edge[number]
//   edge     := v(0) for a null pointer | v(zigzag(delta) + 1)
//     delta: (target - target of the edge before, at first the object's own address) >> 3
//   kType    := text(name) v(flags) v(bytes) z(address delta)   defines the next type, from 0
//   kShape   := rest:b v(labels) {kind:b text}*           defines the next shape, from 0
//   kText    := z(address delta) text                     what a str says that serves as a key
//   kNumber  := z(address delta) z(value)                 what an int says that serves as a key
//   kList    := v(list)                                   the collector's list of what follows:
//                                                         0, 1, 2, kListPermanent, kListUnknown
//   kRoot    := kind:b counts:b v(thread) v(line) text edges    shape: names of the edges; line:
//   that
//                                                         a frame is at, 0 not known
//   kFile    := text                                      where the functions of the frames' roots
//                                                         that follow stand; not cut
//   kThread  := v(thread) text                            what threading calls a thread
//   kWeak    := z(address delta) z(target delta)          a weak reference and what it refers to
//   kBuffer  := z(address delta) v(bytes) kind:b [device] memory that objects refer to, no object;
//                                                         an edge to its address leads to it
//     device:        only of kDevice: type:b index:b, PyTorch's c10::DeviceType and a number of its
//                    own, 0xff where it is not told; the address is the device's
//   kNativeType := text(C++ name, mangled)                defines the next native type, from 1
//   kBlock   := z(address delta) v(bytes) v(native type, or 0) edges   native memory, likewise; its
//                                                         edges are no counted references
//   kOwn     := z(address delta) z(target delta)          a block that is part of an object and
//                                                         counted in its size or as its buffer
//   kSkipped := why:b z(address delta)                    an object that could not be read
//   kCollector := b(automatic collection is on) v(lists) {v(threshold) v(count)}*
//   kTypeTotal := v(type) v(objects) v(bytes)             of a census: all objects of one type,
//   with
//                                                         what lies outside of them
//   kPair    := v(referrer) v(referent) v(references)     of a census: how many references lead
//   from
//                                                         one to the other
//     referrer: a kind of root (DumpRoot), or kFirstType + type
//     referent: kFirstType + type, or kNoReferent for memory that is no object
//   kLane    := v(lane)                                   what follows was written by this lane
//   kTorch   := kind:b z(address delta) v(bytes) v(native type, or 0) [facts] edges
//                                                         an object of PyTorch's C++; its edges are
//                                                         no counted references
//     bytes:         of its block, where the dump follows native memory; else 0
//     of kTensor:    v(n) v(word)[n] v(m) v(word)[m] v(version + 1, or 0) v(d) v(size)[d] view:b
//                    the first words of the tensor and of what autograd has beside it, as they
//                    lie in memory; d: 0 where the sizes are among the words
//     of kStorage:   v(data) v(bytes) device type:b index:b is owned:b reached:b
//                    reached: 1 by a Python object or what that leads to, 0 by a search of memory
//   kEnd     := v(objects) v(edges) v(skipped)            nothing is missing, of all lanes
//
// Two processes may write one dump, each a lane of its own: 0, in which the stream begins and ends,
// and 1. Between two kLane stand whole records of one lane. Types, shapes, the list of the
// collector, the file and the addresses that the next ones are told against are a lane's own; a
// type that both define is one type, by its address. A stream of version 1 has no lanes, one of
// version 2 no kTorch.
//
// A census is a stream of kType, kTypeTotal, kPair and kEnd only: each type has its record before
// it is named, each pair stands once. Weak references and an object's reference to its own type are
// not counted.
//
// A shape gives the labels of the first edges; `rest` says how those behind them read: kPlain: no
// names; kIndexed: 0, 1, 2...; kPairs: key, value, key, value of a dict. Edges are counted
// references, unless the root says otherwise (RootCounts). An
// object of a type with kTypeIsOwned has one reference more, to its type, that is not written.
// A root's first edge is against the same address; the targets of kWeak and kOwn against their
// source. Text is cut
// at 64 characters.
#pragma once

#include <cstdint>

namespace memwhy::wire {

inline constexpr char kDumpMagic[8] = {'M', 'W', 'Y', 'D', 'U', 'M', 'P', '1'};
inline constexpr std::uint32_t kDumpVersion = 3;
inline constexpr std::uint32_t kMaxLanes = 2;
inline constexpr std::uint32_t kFirstType = 32;
inline constexpr std::uint32_t kNoReferent = 0;
inline constexpr std::uint32_t kMaxKeyBytes = 256;  // 64 characters of UTF-8

enum class DumpTag : std::uint8_t {
  kType = 1,
  kShape = 2,
  kText = 3,
  kNumber = 4,
  kList = 5,
  kRoot = 6,
  kWeak = 7,
  kBuffer = 8,
  kSkipped = 9,
  kEnd = 10,
  kCollector = 11,
  kNativeType = 12,
  kBlock = 13,
  kOwn = 14,
  kTypeTotal = 15,
  kPair = 16,
  kFile = 17,
  kThread = 18,
  kLane = 19,
  kTorch = 20,
};

inline constexpr std::uint32_t kTypeHasExtra = 1;  // its objects differ in size
inline constexpr std::uint32_t kTypeIsLeaf = 2;    // its objects refer to nothing
inline constexpr std::uint32_t kTypeIsOwned = 4;   // each object holds a reference to its type
inline constexpr std::uint32_t kTypeHasDel = 8;    // tp_del: the collector never frees its cycles

inline constexpr std::uint32_t kListPermanent = 3;
inline constexpr std::uint32_t kListUnknown = 4;  // the collector's lists could not be told apart

enum class ShapeRest : std::uint8_t { kPlain = 0, kIndexed = 1, kPairs = 2 };

// How an edge reads in a path.
enum class EdgeKind : std::uint8_t {
  kNone = 0,
  kAttribute = 1,   // .text
  kAttributes = 2,  // the attribute dict: it and the key behind it read .key
  kIndex = 3,       // [number]
  kKey = 4,         // a dict's key itself
  kValue = 5,       // ['text'], [number], [<type>]: by the key before it
  kLocal = 6,       // text, of a frame
  kCell = 7,        // text: a cell's content
  kItem = 8,        // of a set or another container without order
  kType = 9,        // the type of the object
  kNative = 10,     // a pointer in an extension's memory
  kInternal = 11,   // text: a member that Python code cannot name
};

enum class DumpRoot : std::uint8_t {
  kModule = 0,        // an entry of sys.modules; text: its name
  kFrame = 1,         // a running frame; text: the function's qualified name
  kThread = 2,        // a thread state
  kContext = 3,       // a thread's current context
  kInterned = 4,      // interned strings and other constants of the interpreter
  kInterpreter = 5,   // the interpreter's state; text: the member
  kNativeGlobal = 6,  // a word in a library's data; text: library:symbol+offset
  kKeyTable = 7,      // a table of keys that several dicts share
  kStack = 8,         // the evaluation stack of a running frame; text as of kFrame
  kGreenlet = 9,      // a frame of a greenlet that waits; text as of kFrame
};

// Of a function that runs or waits: what its frame holds, without the evaluation stack.
constexpr bool IsFrameRoot(DumpRoot kind) noexcept {
  return kind == DumpRoot::kFrame || kind == DumpRoot::kGreenlet;
}

// Whether the edges of a root are references that their targets count.
enum class RootCounts : std::uint8_t {
  kNone = 0,   // another one holds the object for it
  kEach = 1,   // each
  kMaybe = 2,  // words of an evaluation stack of which nobody knows how much is in use
};

enum class BufferKind : std::uint8_t {
  kArray = 0,    // of an array of numpy's
  kStorage = 1,  // of tensors, in memory of the process
  kDevice = 2,   // of tensors, in a device's memory
};

// Of PyTorch's C++ objects.
enum class TorchKind : std::uint8_t { kTensor = 0, kStorage = 1, kNode = 2, kHook = 3 };
inline constexpr std::uint32_t kMaxTorchWords = 64;

enum class SkipReason : std::uint8_t { kFault = 0, kBadType = 1, kTooManyTypes = 2 };

}  // namespace memwhy::wire
