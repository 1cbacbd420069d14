// SPDX-License-Identifier: Apache-2.0
#include "agent/dump/heap_dump.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "agent/dump/pinned_memory.h"
#include "agent/dump/process_memory.h"
#include "agent/ground/agent.h"
#include "agent/ground/hung_up.h"
#include "agent/ground/text_buffer.h"
#include "agent/holders/holder_scan.h"
#include "agent/python/collection_hold.h"
#include "agent/python/python_thread.h"
#include "agent/walk/dump_run.h"
#include "agent/walk/walked_heap.h"

namespace memwhy::agent {
namespace {

using cpython::Peek;

constexpr unsigned kMaxSeconds = 300;                  // a clone ends itself after that
constexpr std::uint64_t kMaxWaitNs = 120'000'000'000;  // for questions
constexpr long kHeapDumpLookNs = 1'000'000;            // how often they are looked for
constexpr int kTimedOut = 3;                           // the clone's exit code
constexpr int kFaulted = 128;                          // and above: FaultGuard's, with the signal
constexpr char kNoMemory[] = "no memory for the dump";
constexpr char kNotOpened[] = "the dump's output could not be opened";
constexpr timespec kTargetFirst{0, 2'000'000};
constexpr timespec kBetweenLooks{0, 1'000'000};
constexpr int kCollectionTries = 400;  // of 5 ms: for a collection under way to end

// With the GIL held, and closed before it is given back: a child that Python forks has no copy.
int OpenOutput(const char* path) noexcept {
  // A FIFO without a reader fails at once instead of waiting for ever. Nothing is made here: who
  // asked has made it, and may be gone.
  int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fd;
  const int flags = fcntl(fd, F_GETFL);
  if (flags >= 0) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  return fd;
}

void OnTimeout(int) { syscall(SYS_exit_group, kTimedOut); }

// The stream is written; who reads it works out what to look for. False: nobody asks, or who read
// the stream is gone.
bool WaitForQuestions(int fd) noexcept {
  std::atomic<std::uint32_t>& stage = g_agent.ring->request.progress.stage;
  stage.store(static_cast<std::uint32_t>(wire::DumpStage::kWaiting), std::memory_order_release);
  const std::uint64_t began = wire::MonotonicNs();
  while (wire::MonotonicNs() - began < kMaxWaitNs) {
    if (stage.load(std::memory_order_acquire) ==
        static_cast<std::uint32_t>(wire::DumpStage::kAsked)) {
      return true;
    }
    if (IsHungUp(fd, kHeapDumpLookNs)) return false;
  }
  return false;
}

// `blocks` with the live ones; null when there are none to be had, which is told.
BlockIndex* LoadBlocks(const HeapDumpOptions& options, BlockIndex& blocks) noexcept {
  if (!options.has_blocks) return nullptr;
  char path[wire::kRequestPathBytes + sizeof(wire::kBlocksSuffix)];
  TextBuffer(path, sizeof(path)).Text(options.output_path).Text(wire::kBlocksSuffix);
  if (blocks.Load(path)) return &blocks;
  g_agent.ring->request.progress.blocks.store(
      static_cast<std::uint32_t>(wire::BlocksState::kUnusable));
  return nullptr;
}

// The clone's whole life. It has one thread, no locks that it could trust, and copies of all
// descriptors, of which it keeps one.
[[noreturn]] void RunClone(int fd, bool collects, const HeapDumpOptions& options,
                           const PinnedMemory& pinned, DumpLanes& lanes) noexcept {
  SetMode(kModeDormant);
  syscall(SYS_prctl, PR_SET_NAME, "memwhy-dump", 0, 0, 0);
  if (fd > 0) syscall(SYS_close_range, 0, fd - 1, 0);
  syscall(SYS_close_range, fd + 1, ~0u, 0);
  // Of all processes the kernel might choose it shall choose this one.
  const int oom = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (oom >= 0) {
    [[maybe_unused]] const ssize_t n = write(oom, "1000", 4);
    close(oom);
  }
  struct sigaction action{};
  action.sa_handler = &OnTimeout;
  sigaction(SIGALRM, &action, nullptr);
  sigset_t alarm_only;
  sigemptyset(&alarm_only);
  sigaddset(&alarm_only, SIGALRM);
  sigprocmask(SIG_UNBLOCK, &alarm_only, nullptr);
  const itimerval limit{{0, 0}, {kMaxSeconds, 0}};
  setitimer(ITIMER_REAL, &limit, nullptr);
  // All threads that waited for the GIL run now: the processors are theirs before they are ours and
  // our reader's. A kernel takes them from a process that computes a few milliseconds late.
  syscall(SYS_nanosleep, &kTargetFirst, nullptr);
  FaultGuard::Install();
  ReleaseCollection();  // of the copy: what is told of the collector is what it was
  MemoryMap map;
  DumpStream out;
  bool is_whole = false;
  if (map.Load(pinned.spared(), pinned.spared_count()) && out.Start(fd)) {
    FreeMemory free;
    WalkState walk(map, true);
    BlockIndex index;
    is_whole = free.Load(map) &&
               (options.is_census ? WriteCensus(out, walk, &free)
                                  : WriteDump(out, walk,
                                              {.collects = collects,
                                               .free = &free,
                                               .blocks = LoadBlocks(options, index),
                                               .lanes = lanes.is_started() ? &lanes : nullptr}));
    if (is_whole && options.scan_path != nullptr && WaitForQuestions(fd)) {
      FaultGuard guard;
      WalkedHeap heap(walk);
      is_whole = AnswerHolderScan(options.scan_path, map, free, heap, guard, out) && out.Flush();
    }
  }
  syscall(SYS_exit_group, is_whole ? 0 : 1);
  __builtin_unreachable();
}

bool IsFinalizing() noexcept {
  return cpython::PeekPointer(g_agent.python.runtime, g_agent.python.layout->runtime_finalizing) !=
         0;
}

// Takes the GIL at a moment when no collection is under way: its objects would be in no list. Null:
// no memory.
void* TakeQuietGil() noexcept {
  for (int i = 0;; ++i) {
    void* const state = TakeGil();
    if (state == nullptr || !IsCollecting() || i == kCollectionTries) return state;
    GiveGil(state);
    const timespec wait{0, 5'000'000};
    nanosleep(&wait, nullptr);
  }
}

// How long a thread waits for the GIL just now: while code runs all the time a switch interval or
// more, else nothing. Who stands behind a pause waits so once more, behind who ran before it.
std::uint64_t MeasureGilWait() noexcept {
  constexpr std::uint64_t kMaxNs = 20'000'000;  // a long call, which may not come again
  std::uint64_t wait = 0;
  for (int i = 0; i < 2; ++i) {
    const std::uint64_t began = wire::MonotonicNs();
    void* const state = TakeGil();
    const std::uint64_t took = wire::MonotonicNs() - began;
    if (state == nullptr) return 0;
    GiveGil(state);
    wait = std::max(wait, took);
    nanosleep(&kBetweenLooks, nullptr);  // who waited has it again
  }
  return std::min(wait, kMaxNs);
}

// Whether two processes are worth it: of few objects the second would hardly have begun.
bool IsWorthTwo(const HeapDumpOptions& options, std::uint64_t blocks) noexcept {
  constexpr std::uint64_t kMinBlocks = 300'000;
  return options.may_split && !options.has_blocks && !options.is_census && blocks >= kMinBlocks;
}

// 0: written. Else an errno of clone, or -1: the clone failed later.
int DumpByClone(const HeapDumpOptions& options, PinnedMemory& pinned,
                HeapDumpResult& result) noexcept {
  void* const state = TakeQuietGil();
  if (state == nullptr) {
    result.error = kNoMemory;
    return -1;
  }
  const std::uint64_t began = wire::MonotonicNs();
  const int fd = OpenOutput(options.output_path);
  if (fd < 0) {
    GiveGil(state);
    result.error = kNotOpened;
    return -1;
  }
  DumpLanes lanes;
  // While a collection is under way the lists lead one way only.
  if (options.may_split && !IsCollecting()) lanes.Start();
  const bool collects = HoldCollection();
  pinned.Spare();
  const long pid = syscall(SYS_clone, 0, nullptr, nullptr, nullptr, 0);
  if (pid == 0) RunClone(fd, collects, options, pinned, lanes);
  const int error = pid < 0 ? errno : 0;
  lanes.KeepFromForks();
  pinned.Restore();
  if (error != 0 && collects) ReleaseCollection();
  if (error == 0 && !options.is_census) StopObjects();
  close(fd);
  // Before it is given back: who waits for it may take our processor, too.
  result.pause_ns = wire::MonotonicNs() - began;
  GiveGil(state);
  if (error != 0) return error;
  result.taken_ns = began;
  result.spared_bytes = pinned.spared_bytes();
  result.method = DumpMethod::kClone;
  int status = 0;
  while (syscall(SYS_wait4, pid, &status, __WALL, nullptr) < 0 && errno == EINTR) {
  }
  const bool is_whole = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  const bool was_killed = !lanes.Reap(is_whole) || WIFSIGNALED(status);
  result.lanes = lanes.count();
  if (collects && !IsFinalizing()) {
    if (void* const again = TakeGil(); again != nullptr) {
      ReleaseCollection();
      GiveGil(again);
    }
  }
  if (is_whole) return 0;
  result.error = was_killed ? "the clone was killed while it wrote the dump"
                 : WEXITSTATUS(status) == kTimedOut
                     ? "the clone took longer than 300 s and ended itself"
                 : WEXITSTATUS(status) > kFaulted
                     ? "the clone met memory that it could not read and ended"
                     : "the clone could not write the dump (no memory, or nobody reads it)";
  return -1;
}

void DumpInPlace(const HeapDumpOptions& options, HeapDumpResult& result,
                 std::uint64_t blocks) noexcept {
  MemoryMap map;
  DumpStream out;
  if (!map.Load()) {
    result.error = kNoMemory;
    return;
  }
  result.method = DumpMethod::kInPlace;
  bool is_whole = false;
  {
    WalkState walk(map, false);
    BlockIndex index;
    BlockIndex* const loaded = LoadBlocks(options, index);
    void* const state = TakeQuietGil();
    if (state == nullptr) {
      result.error = kNoMemory;
      return;
    }
    const std::uint64_t began = wire::MonotonicNs();
    const int fd = OpenOutput(options.output_path);
    if (fd < 0) {
      result.error = kNotOpened;
    } else {
      FaultGuard::Borrow();
      is_whole = out.Start(fd) &&
                 (options.is_census
                      ? WriteCensus(out, walk, nullptr)
                      : WriteDump(out, walk, {.collects = IsCollectorOn(), .blocks = loaded}));
      FaultGuard::GiveBack();
      is_whole = close(fd) == 0 && is_whole;
      if (!options.is_census) StopObjects();
    }
    result.pause_ns = wire::MonotonicNs() - began;
    GiveGil(state);
    result.taken_ns = began;
  }
  out.Stop();
  if (result.error != nullptr) return;
  if (is_whole) NoteWalk(options, blocks, result.pause_ns);
  if (!is_whole) result.error = "no memory for the dump, or nobody reads it";
}

// What the clone goes without costs nothing, nor do its page tables.
void Leave(const PinnedMemory& pinned, ProcessMemory& memory) noexcept {
  constexpr std::uint64_t kTableShare = 512;  // a page of table for 512 pages, huge ones too
  const auto less = [](std::uint64_t& bytes, std::uint64_t by) {
    bytes -= by < bytes ? by : bytes;
  };
  const std::uint64_t left_out = pinned.present_bytes() + pinned.kept_back_bytes();
  less(memory.pinned_bytes, left_out);
  less(memory.huge_bytes, pinned.huge_bytes());
  less(memory.anonymous_bytes, left_out - std::min(left_out, pinned.huge_bytes()));
  less(memory.table_bytes, left_out / kTableShare);
}

}  // namespace

HeapDumpResult WriteHeapDump(const HeapDumpOptions& options) noexcept {
  HeapDumpResult result;
  const std::uint64_t blocks = BlocksInUse();
  ProcessMemory memory = ReadProcessMemory();
  PinnedMemory pinned;
  if (!options.in_place && (memory.pinned_bytes != 0 || memory.has_devices)) {
    pinned.Find();
    Leave(pinned, memory);
  }
  HeapDumpOptions chosen = options;
  chosen.gil_wait_ns = MeasureGilWait();
  chosen.may_split = IsWorthTwo(options, blocks);
  DumpPrediction prediction = PredictDump(chosen, memory, blocks);
  if (chosen.may_split && prediction.method != DumpMethod::kClone) {
    chosen.may_split = false;  // for one there may be room
    prediction = PredictDump(chosen, memory, blocks);
  }
  const auto tell = [&] {
    result.predicted_ns = prediction.pause_ns;
    result.predicted_bytes = prediction.bytes;
    if (g_agent.ring == nullptr) return;
    wire::RequestReply& reply = g_agent.ring->request.reply;
    reply.method.store(static_cast<std::uint32_t>(prediction.method), std::memory_order_relaxed);
    reply.predicted_bytes.store(prediction.bytes, std::memory_order_relaxed);
    reply.predicted_ns.store(prediction.pause_ns, std::memory_order_release);
  };
  const auto is_refused = [&] {
    if (options.limit_ns != 0 && prediction.pause_ns > options.limit_ns) {
      result.error = "the predicted pause is beyond the limit (--max-pause)";
    } else if (options.headroom_bytes != 0 && prediction.bytes > options.headroom_bytes) {
      result.error = "the memory cgroup has no room for a dump, not even in place";
    }
    return result.error != nullptr;
  };
  tell();
  if (is_refused()) return result;
  if (prediction.method == DumpMethod::kClone) {
    const int error = DumpByClone(chosen, pinned, result);
    if (error > 0) {
      // EAGAIN: no more processes; ENOMEM: no commit; EPERM, ENOSYS: a filter of system calls.
      HeapDumpOptions in_place = chosen;
      in_place.in_place = true;
      prediction = PredictDump(in_place, memory, blocks);
      tell();
      if (!is_refused()) DumpInPlace(options, result, blocks);
    } else {
      NoteClone(memory, result.pause_ns);
    }
  } else {
    DumpInPlace(options, result, blocks);
  }
  return result;
}

}  // namespace memwhy::agent
