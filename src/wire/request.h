// SPDX-License-Identifier: Apache-2.0
//
// What the recorder or an analysis asks of the agent, and the answer: one area of the ring's
// header, one request at a time. Invariant: who asks fills the order and the progress, then stores
// kPosted; from then on, until kDone or kFailed, only the agent writes, save for `stage`. Who asked
// stores kIdle after it has read the reply.
#pragma once

#include <atomic>
#include <cstdint>

namespace memwhy::wire {

// Both heap requests have the same order and reply. An agent that does not know a census writes a
// whole dump; who reads it can tell.
// kObjectsOn and kObjectsOff begin and end an object period (agent/capture/object_period.h); their
// reply is taken_ns, the moment of the change.
// kPredict and kIntervene (agent/entry/intervention.h) are about Request::intervention; their
// replies are answer, and predicted_ns or pause_ns.
enum class RequestKind : std::uint32_t {
  kNone = 0,
  kHeapDump = 2,
  kHeapCensus = 3,
  kObjectsOn = 4,
  kObjectsOff = 5,
  kPredict = 6,
  kIntervene = 7,
};

enum class RequestState : std::uint32_t {
  kIdle = 0,
  kPosted = 1,   // by who asks
  kRunning = 2,  // by the thread of the target that took it
  kDone = 3,
  kFailed = 4,  // RequestReply::error says why
};

// A dump that is asked to scan waits, once its stream is written, for the objects to look for: the
// file DumpOrder::questions, an array of sorted u64 addresses. The answers follow the stream
// (agent/holders/holder_scan.h).
enum class DumpStage : std::uint32_t { kStream = 0, kWaiting = 1, kAsked = 2 };

// kUnusable is the agent's answer: the file cannot be read, or is not sorted.
enum class BlocksState : std::uint32_t { kNone = 0, kGiven = 1, kUnusable = 2 };
inline constexpr char kBlocksSuffix[] = ".blocks";

// Of DumpProgress::lanes; no number of lanes, so that what an agent that does not know it leaves
// is none.
inline constexpr std::uint32_t kMayHaveLanes = 0x100;

inline constexpr std::uint32_t kRequestPathBytes = 512;

// Of a heap dump or a census; written by who asks. Flags are 0 or 1.
struct DumpOrder {
  std::uint64_t limit_ns;          // refuse beyond this predicted pause; 0: no limit
  std::uint64_t clone_ns_per_mib;  // of memory, measured on this machine just now; 0: not
  std::uint64_t headroom_bytes;    // what the target's cgroup has left; 0: no limit
  std::uint32_t in_place;          // do not try a clone
  std::uint32_t scan;              // wait for questions when the stream is written
  std::uint32_t redacts;  // keys and names become tokens; only for an agent with kKnowsRedaction
  std::uint32_t reserved;
  char output[kRequestPathBytes];     // a FIFO's path as the target sees it, NUL-terminated
  char questions[kRequestPathBytes];  // likewise, a file's
};

// Of a heap dump; both sides write it while the request runs.
struct DumpProgress {
  std::atomic<std::uint32_t> stage;  // DumpStage
  // BlocksState. The live native blocks lie in the file DumpOrder::output + kBlocksSuffix, a sorted
  // array of {u64 address, u64 size}.
  std::atomic<std::uint32_t> blocks;
  // kMayHaveLanes: two processes may write the dump at once. The agent's answer: how many did.
  std::atomic<std::uint32_t> lanes;
};

// The agent's answer. What it predicts comes before it begins, the rest at the end.
struct RequestReply {
  char error[512];                             // NUL-terminated; with kFailed
  std::atomic<std::uint64_t> predicted_ns;     // the pause; 0: not said yet
  std::atomic<std::uint64_t> predicted_bytes;  // memory for the time of the walk
  std::atomic<std::uint64_t> pause_ns;         // measured
  std::atomic<std::uint64_t> taken_ns;         // CLOCK_MONOTONIC of the moment that a dump shows
  std::atomic<std::uint64_t> spared_bytes;     // pinned memory left out of the clone
  std::atomic<std::uint32_t> method;           // 1 clone, 2 in place
  char answer[256];                            // to kPredict and kIntervene; NUL-terminated
};

struct Request {
  std::atomic<std::uint32_t> state;  // RequestState
  std::uint32_t kind;                // RequestKind
  std::uint32_t serial;
  std::uint32_t signal;  // the real-time signal that wakes a blocked thread; the agent's choice
  DumpOrder dump;
  DumpProgress progress;
  char intervention[16];  // NUL-terminated
  RequestReply reply;
};

}  // namespace memwhy::wire
