// SPDX-License-Identifier: Apache-2.0
//
// The ring file: how events travel from a target process to the recorder, and what survives when
// either is killed. One file per target process in the session directory, `ring.PID.START[.N]` (N
// counts the images that one process executed), mapped shared by both, of fixed size, every block
// of it reserved from the start; pages come into memory as they are used.
//
//   +-----------------+  0
//   | RingHeader      |  4096 bytes
//   +-----------------+  4096
//   | ChunkHeader[n]  |  64 bytes each, rounded up to a page
//   +-----------------+  arena_offset
//   | arena table     |  8 bytes each: base address of a live pymalloc arena, or 0
//   +-----------------+  SlotOffset
//   | ThreadSlot[4096]|  64 bytes each
//   +-----------------+  pool_offset
//   | chunk 0 .. n-1  |  chunk_bytes each
//   +-----------------+
//
// Invariant: every byte that `committed` covers is a whole sequence of records of one thread, and
// (thread, stream_offset) says where in that thread's stream it stands; so a reader that knows how
// far it has got in each stream can take the rest from this file at any time, also after a kill.
//
// Life of a chunk: kFree -> kOwned by one thread (compare-and-swap by the thread) -> kSealed
// (compare-and-swap by the thread, when full or at its end) -> kFree (store by the recorder, after
// the bytes are in the session file). The recorder reads owned chunks as well, up to `committed`.
//
// A chunk of a quiet thread is taken back: kOwned -> kWanted (recorder) -> kSealed, by whoever
// comes first: its owner, at its next event, or the recorder, which proves first that the owner
// writes nothing there. Whatever the owner finds, it goes on in another chunk, at the offset where
// this one ended. The proof:
//   owner, each event                        recorder
//   A  slot.is_writing = 1                   1  state: kOwned -> kWanted
//   B  state is kOwned by me? else leave     2  membarrier(MEMBARRIER_CMD_GLOBAL)
//   C  write, committed = ... (release)      3  slot.is_writing (acquire): 1? then leave it for now
//   D  slot.is_writing = 0 (release)         4  state: kWanted -> kSealed; read up to committed
// A and B are plain accesses in this order of the program; a processor may let B pass A. But
// between the begin and the end of 2 every thread of the system passes a point where all that it
// did before is visible to all, and where it sees all that came before 2. An owner that passes this
// point before B sees 1 and leaves. An owner that passes it after B had done A before it, so 3 sees
// its A or something later: the 1, or the 0 of D, and by D's release all of C. That holds on any
// processor that Linux runs on (the kernel's grace period orders them all); x86 needs 2 because
// loads pass earlier stores there, aarch64 for the same reason and more.
// Each thread has a slot of its own, since a thread that has lost its chunk still does A. A thread
// that finds no slot keeps no chunk: it seals after each event.
// Trust: the recorder maps this file of a process that may scribble on it; it copies values before
// it checks them and never follows them outside the mapping.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "wire/request.h"

namespace memwhy::wire {

inline constexpr char kRingMagic[8] = {'M', 'W', 'Y', 'R', 'I', 'N', 'G', '1'};
inline constexpr std::uint32_t kRingVersion = 3;
inline constexpr std::uint32_t kChunkBytes = 32 * 1024;
inline constexpr std::uint64_t kMaxPoolBytes = 64ull << 20;
inline constexpr std::uint64_t kMinPoolBytes = 1ull << 20;

inline constexpr std::uint32_t kThreadSlots = 4096;  // threads alive at once that can be told apart
inline constexpr std::uint32_t kNoSlot = kThreadSlots;

enum class ClockKind : std::uint32_t { kTsc = 1, kMonotonicNs = 2 };

enum class AgentState : std::uint32_t {
  kStarting = 0,
  kRecording = 1,
  kDetached = 2,  // gave up: the recorder is gone
  kEnded = 3,     // the process reached its exit handlers
  kDormant = 4,   // loaded, records nothing (no CPython, or a version it does not know)
  kReplaced = 5,  // the process executes another program now
};

// Whether the recorder takes chunks of quiet threads back. kUnknown: it has not come yet.
enum class TakeBack : std::uint32_t { kUnknown = 0, kYes = 1, kNo = 2 };

// Of RingHeader::modes.
inline constexpr std::uint32_t kRecordsObjects = 1;  // the object domains from the start on
inline constexpr std::uint32_t kRedacts = 2;         // wire/redaction.h, in all that it writes
inline constexpr std::uint32_t kRecordsNative = 8;   // C frames
inline constexpr std::uint32_t kKnowsRedaction = 4;  // it can redact a dump (DumpOrder)

struct RingHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t header_bytes;
  std::uint32_t chunk_bytes;
  std::uint32_t chunk_count;
  std::uint64_t pool_offset;

  std::uint32_t pid;
  std::uint32_t parent_pid;   // of a forked process: who forked it, even if gone since
  std::uint64_t start_ticks;  // field 22 of /proc/PID/stat: tells a reused pid apart
  std::uint32_t clock_kind;   // ClockKind
  std::uint32_t clock_shift;  // one tick of the stream is 1 << clock_shift of the clock
  std::uint64_t clock_at_start;
  std::uint64_t monotonic_ns_at_start;
  std::uint64_t realtime_ns_at_start;
  std::uint64_t fork_clock;  // clock just before the fork that made this process; 0: not by fork
  std::uint32_t python_version;  // PY_VERSION_HEX; 0 when there is none
  std::uint32_t modes;           // kRecordsObjects and the like
  std::uint64_t private_begin;   // the agent's own memory in the target, one range
  std::uint64_t private_end;
  std::uint64_t python_runtime;  // address of _PyRuntime, 0 if none
  std::uint64_t arena_offset;    // of the arena table in this file
  std::uint32_t arena_capacity;  // entries of the arena table
  std::uint32_t arena_bytes;     // size of one pymalloc arena (256 KiB or 1 MiB), 0: none seen
  std::uint32_t pool_bytes;      // size of one pymalloc pool (4 KiB or 16 KiB)
  std::uint32_t reserved;
  char python_text[64];  // "3.11.2", NUL-terminated
  char note[256];        // why dormant, or what is not recorded; NUL-terminated

  // Written by the agent.
  alignas(64) std::atomic<std::uint32_t> state;   // AgentState
  std::atomic<std::uint32_t> threads_started;     // stream indexes handed out: 0 .. n-1
  std::atomic<std::uint32_t> chunks_used;         // high-water mark of chunk indexes, exclusive
  std::atomic<std::uint32_t> chunks_sealed_hint;  // bumped at each seal
  std::atomic<std::uint64_t> lost_events;
  std::atomic<std::uint64_t> lost_bytes;
  std::atomic<std::uint64_t> waited_ns;     // time that producers spent waiting for room
  std::atomic<std::uint64_t> private_used;  // bytes of the private range handed out
  std::atomic<std::uint64_t> detached_ns;   // CLOCK_MONOTONIC when the agent gave up, 0: it did not
  std::atomic<std::uint32_t> arenas_used;   // high-water mark of the arena table, exclusive
  std::atomic<std::uint32_t> arenas_unlisted;  // live arenas that found no entry
  std::atomic<std::uint32_t> waiting;          // threads that wait for a chunk now

  // Written by the recorder.
  alignas(64) std::atomic<std::uint64_t> recorder_beat_ns;  // CLOCK_MONOTONIC, each drain
  std::atomic<std::uint32_t> recorder_sleeps;  // 1 while it waits on this word (shared futex)
  std::atomic<std::uint32_t> stop;             // 1: record no more
  std::atomic<std::uint32_t> take_back;        // TakeBack
  // Chunks from this index on were free for some time: their pages may leave the target's rss.
  // 0: not known.
  std::atomic<std::uint32_t> chunks_needed;
  // Written by both, see wire/clock_permit.h.
  std::atomic<std::uint64_t> clock_permit;

  alignas(64) Request request;

  // How the process left this program; written by the agent, by its own clock. What others did
  // after it could know of the end comes after it.
  alignas(64) std::atomic<std::uint64_t> end_clock;  // with kEnded and kReplaced; 0: not noted
  std::atomic<std::uint64_t> exec_clock;             // just before an exec; 0 again when it failed
  std::atomic<std::uint32_t> exit_code;              // with kEnded and end_clock
  std::uint32_t reserved_2;
  // Field 28 of /proc/PID/stat: another value there tells that the process executes another
  // program. 0: not known.
  std::uint64_t start_stack;
};
static_assert(sizeof(RingHeader) <= 4096);

enum class ChunkState : std::uint32_t { kFree = 0, kOwned = 1, kSealed = 2, kWanted = 3 };

// The word of a chunk's state: the low two bits; above them, for kOwned and kWanted, the owner's
// stream index. So a thread tells its own chunk from one that another has by now.
constexpr ChunkState StateOf(std::uint32_t word) noexcept {
  return static_cast<ChunkState>(word & 3);
}
constexpr std::uint32_t OwnedBy(std::uint32_t thread) noexcept {
  return thread << 2 | static_cast<std::uint32_t>(ChunkState::kOwned);
}
constexpr std::uint32_t WantedFrom(std::uint32_t owned_word) noexcept {
  return owned_word | static_cast<std::uint32_t>(ChunkState::kWanted);
}
static_assert(StateOf(WantedFrom(OwnedBy(7))) == ChunkState::kWanted);

struct alignas(64) ChunkHeader {
  std::atomic<std::uint32_t> state;      // see StateOf
  std::uint32_t thread;                  // stream index in this process
  std::uint32_t tid;                     // kernel's thread id
  std::atomic<std::uint32_t> committed;  // bytes of whole records from the chunk's start
  std::uint64_t stream_offset;           // where the chunk's first byte stands in the stream
  std::uint32_t slot;                    // the owner's ThreadSlot; kNoSlot: it has none
};
static_assert(sizeof(ChunkHeader) == 64);

struct alignas(64) ThreadSlot {
  std::atomic<std::uint32_t> is_writing;
};
static_assert(sizeof(ThreadSlot) == 64);

constexpr std::uint64_t ChunkTableBytes(std::uint32_t chunk_count) noexcept {
  return (static_cast<std::uint64_t>(chunk_count) * sizeof(ChunkHeader) + 4095) / 4096 * 4096;
}

inline constexpr std::uint32_t kArenaCapacity = 32 * 1024;  // 32 GiB of 1 MiB arenas

inline constexpr std::string_view kRingPrefix = "ring.";

// Whether a file of this name, without its folder, is a ring: "ring.4711.123456". As the kernel
// names a mapping: with " (deleted)" behind it once the session is closed.
constexpr bool IsRingName(std::string_view base) noexcept {
  if (base.substr(0, kRingPrefix.size()) != kRingPrefix) return false;
  base = base.substr(kRingPrefix.size());
  base = base.substr(0, base.find(' '));
  return base.find('.') != std::string_view::npos &&
         base.find_first_not_of("0123456789.") == std::string_view::npos;
}

constexpr std::uint64_t ArenaOffset(std::uint32_t chunk_count) noexcept {
  return 4096 + ChunkTableBytes(chunk_count);
}

constexpr std::uint64_t SlotOffset(std::uint32_t chunk_count) noexcept {
  return ArenaOffset(chunk_count) + kArenaCapacity * sizeof(std::uint64_t);
}

constexpr std::uint64_t PoolOffset(std::uint32_t chunk_count) noexcept {
  return SlotOffset(chunk_count) + kThreadSlots * sizeof(ThreadSlot);
}

constexpr std::uint64_t RingFileBytes(std::uint32_t chunk_count) noexcept {
  return PoolOffset(chunk_count) + static_cast<std::uint64_t>(chunk_count) * kChunkBytes;
}

}  // namespace memwhy::wire
