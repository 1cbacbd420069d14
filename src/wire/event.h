// SPDX-License-Identifier: Apache-2.0
//
// The event stream of one thread, version 1: what the agent writes and every reader decodes.
//
// A stream belongs to one thread of one process and is cut into pieces anywhere between two
// records. Grammar (v = varint, z = zig-zag varint, b = byte, text = v length, bytes):
//
//   stream   := record*
//   record   := tag:b body                      tag = kind | flags
//   time     := v      ticks since this stream's previous time; ticks are clock >> clock_shift
//   address  := z      (address >> 3) - (this stream's previous address >> 3)
//   size     := v      absent with kSameSize: the stream's previous size
//   stack    := v      absent with kSameStack: the stream's previous stack
//
//   kMalloc, kCalloc     := time address size stack
//   kAllocate            := allocator:b time address size stack
//   kFree                := time address
//   kRealloc             := allocator:b time(before) old-address v(ticks until after)
//                           new-address size stack            allocator: realloc or reallocarray
//   kMap                 := allocator:b time address size stack     allocator: mmap or brk
//   kUnmap               := time address size(always present)       any range, also in parts
//   kRemap               := time(before) old-address v(old size) v(ticks) new-address size stack
//   kAdvise              := time address v(length) v(advice)        madvise; for the time line
//   kArenaFree           := time address                            pymalloc arena given back
//   kDefineNode          := v(parent) v(code) v(instruction)        defines the next node id
//   kDefineCode          := v(first line) v(python version: major << 8 | minor) text(name)
//                           text(file) text(module, may be empty) text(line table)
//                                                                   defines the next code id
//   kDefineModule        := v(module kind) v(load address) text(path) text(build id, hexadecimal)
//                                                                   defines the next code id: the
//                                                                   code of a file; the instruction
//                                                                   of its nodes is a pc less the
//                                                                   load address
//   kCodeModule          := v(code) text(module)                    module learned later
//   kThread              := v(tid) v(thread pointer) v(stack pointer) text(kernel name)
//   kThreadName          := text                                    threading.Thread's name
//   kThreadEnd           := time
//   kMark                := time v(count) text(name)
//   kLost                := v(events) v(bytes)                      dropped just before this point
//   kTime                := v(ticks)                                absolute: replaces the time
//   kFork                := time v(child pid) v(sequence)           just before a fork; pid 0: the
//                                                                   child's ring says it is a child
//   kPrivate             := v(begin) v(end)                         memory of ours in the target
//   kObjectAllocate      := allocator:b time address size stack     a small block of pymem_mem or
//                                                                   pymem_obj, in an object period
//   kObjectFree          := time address                            likewise; also of blocks that
//                                                                   were never told
//
// In sessions whose older part was folded into sums (session/fold.h) the stream of a thread opens
// with definitions and these, which no agent writes:
//
//   kHeld                := b(held flags) allocator:b v(process) address size stack
//                                                                   a block that this thread took
//                                                                   and `process` held at the cut
//   kFolded              := allocator:b v(process) stack v[10]      what else became of the blocks
//                                                                   that this thread took: bytes
//                                                                   and blocks of allocated,
//                                                                   released, temporary, at peak,
//                                                                   and live of ended processes
//   kState               := v(ticks) v(address >> 3) v(size) v(stack)
//                                                                   replaces the running state
//
// Stacks are nodes of a tree per stream: a node is (parent node, code, instruction index in code
// units; -1 is sent as 0 and n as n + 1). Ids 0..2 are reserved (below); the k-th kDefineNode of a
// stream defines node kFirstNode + k, the k-th kDefineCode or kDefineModule defines code kFirstCode
// + k. With C frames (--native) a return address stands for the byte before it, inside of the call.
// An object period (a fact of the session) is a time in which small objects are recorded as well.
// Their blocks lie inside of pymalloc arenas, which are recorded as ever: they are looked up by
// address and never added to sums. A reader forgets them all where the period ends.
// Sizes are requested bytes. A failed call writes nothing. A block taken by the allocator inside of
// another recorded call is not written.
#pragma once

#include <cstdint>

namespace memwhy::wire {

inline constexpr std::uint32_t kStreamVersion = 1;

enum class EventKind : std::uint8_t {
  kMalloc = 1,
  kCalloc = 2,
  kAllocate = 3,
  kFree = 4,
  kRealloc = 5,
  kMap = 6,
  kUnmap = 7,
  kRemap = 8,
  kAdvise = 9,
  kArenaFree = 10,
  kDefineNode = 11,
  kDefineCode = 12,
  kCodeModule = 13,
  kThread = 14,
  kThreadName = 15,
  kThreadEnd = 16,
  kMark = 17,
  kLost = 18,
  kTime = 19,
  kFork = 20,
  kPrivate = 21,
  kHeld = 22,
  kFolded = 23,
  kState = 24,
  kObjectAllocate = 25,
  kObjectFree = 26,
  kDefineModule = 27,
};

inline constexpr std::uint8_t kKindMask = 0x1f;
inline constexpr std::uint8_t kSameStack = 0x20;
inline constexpr std::uint8_t kSameSize = 0x40;

// Of kHeld.
inline constexpr std::uint8_t kHeldContinues = 1;  // a further part of the mapping before it
inline constexpr std::uint8_t kHeldLast = 2;       // the thread's last allocation before the cut

// Of kDefineModule. kOutside: code that lies in no file, of a JIT. kMark: no code; the instruction
// of its nodes is a StackMark.
enum class ModuleKind : std::uint8_t { kFile = 0, kOutside = 1, kMark = 2 };
inline constexpr std::uint8_t kModuleKinds = 3;

// Where frames are missing in a stack. kCut: at its root, what called its first frame. kNotMerged:
// between the Python frames and the C frames that were called last.
enum class StackMark : std::uint8_t { kCut = 0, kNotMerged = 1 };

// Entry points, as docs/formats/common.md names them; aliases under one name.
enum class Allocator : std::uint8_t {
  kMalloc = 0,
  kCalloc = 1,
  kRealloc = 2,
  kReallocarray = 3,
  kPosixMemalign = 4,
  kAlignedAlloc = 5,
  kMemalign = 6,
  kValloc = 7,
  kPvalloc = 8,
  kMmap = 9,
  kMremap = 10,
  kBrk = 11,
  kPymallocArena = 12,
  kPymemRaw = 13,
  kPymemMem = 14,
  kPymemObj = 15,
};
inline constexpr std::uint8_t kAllocatorCount = 16;

// The name of `allocator` in the words of docs/formats/common.md; "unknown" beyond the table.
constexpr const char* AllocatorName(Allocator allocator) noexcept {
  constexpr const char* kNames[kAllocatorCount] = {
      "malloc",         "calloc",    "realloc",   "reallocarray", "posix_memalign", "aligned_alloc",
      "memalign",       "valloc",    "pvalloc",   "mmap",         "mremap",         "brk",
      "pymalloc_arena", "pymem_raw", "pymem_mem", "pymem_obj"};
  const auto index = static_cast<std::uint8_t>(allocator);
  return index < kAllocatorCount ? kNames[index] : "unknown";
}

// Reserved stack ids.
inline constexpr std::uint32_t kStackNone = 0;       // the thread runs no Python
inline constexpr std::uint32_t kStackUnknown = 1;    // could not be read: null, never a guess
inline constexpr std::uint32_t kStackTruncated = 2;  // root of stacks deeper than kMaxDepth
inline constexpr std::uint32_t kFirstNode = 3;
inline constexpr std::uint32_t kCodeUnknown = 0;  // a frame whose code could not be read
inline constexpr std::uint32_t kFirstCode = 1;
inline constexpr int kMaxDepth = 8192;  // frames walked; deeper stacks are cut and say so

// Text limits, in bytes; longer text is cut at a character's border.
inline constexpr std::uint32_t kMaxNameBytes = 512;
inline constexpr std::uint32_t kMaxFileBytes = 1024;
inline constexpr std::uint32_t kMaxBuildIdBytes = 128;  // as text
inline constexpr std::uint32_t kMaxMarkBytes = 64;
inline constexpr std::uint32_t kMaxLineTableBytes = 24 * 1024;  // longer: sent empty, line unknown
// No record is longer than this.
inline constexpr std::uint32_t kMaxRecordBytes = 28 * 1024;

}  // namespace memwhy::wire
