// SPDX-License-Identifier: Apache-2.0
#include "agent/heap_dump.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "agent/agent.h"
#include "agent/dump_walk.h"
#include "agent/holder_scan.h"
#include "agent/process_memory.h"
#include "agent/python_api.h"
#include "agent/text_buffer.h"

namespace memwhy::agent {
namespace {

using cpython::Peek;

constexpr double kMiB = 1024 * 1024;
// Measured on idle machines of 2 cores: docs/benchmarks.md. Only first guesses: the poster measures
// the first one on this machine, and a walk in place tells the second for the next.
constexpr std::uint64_t kUsualCloneNsPerMiB = 16'000;
constexpr std::uint64_t kHugePageGain = 45;           // a clone shares huge pages that much faster
constexpr std::uint64_t kPinnedNsPerMiB = 2'600'000;  // copied at once, page by page
constexpr std::uint64_t kFixedNs = 300'000;
// benchmarks/dump_pause, cases mappings and sparse: for each mapping, and for each page table
// beyond those that full pages need.
constexpr std::uint64_t kMappingNs = 2'000;
constexpr std::uint64_t kSparseTableNs = 3'500;
constexpr std::uint64_t kTablePages = 512;
std::uint64_t g_walk_ns_per_block = 120;  // of pymalloc's blocks in use
std::uint64_t g_clone_ns_per_mib = 0;     // of this process's last clone; 0: there was none
constexpr std::uint64_t kFixedBytes = 8u << 20;
constexpr unsigned kMostSeconds = 300;                  // a clone ends itself after that
constexpr std::uint64_t kMostWaitNs = 120'000'000'000;  // for questions
constexpr int kTimedOut = 3;                            // the clone's exit code
constexpr int kFaulted = 128;                           // and above: FaultGuard's, with the signal
constexpr char kNotOpened[] = "the dump's output could not be opened";
constexpr int kCollectionTries = 400;  // of 5 ms: for a collection under way to end

// For children that are forked meanwhile. Written with the GIL held, with which Python forks, too.
std::atomic<bool> g_holds_collection{false};

struct Prediction {
  DumpMethod method = DumpMethod::kClone;
  std::uint64_t pause_ns = 0;
  std::uint64_t bytes = 0;
};

std::uint64_t Scale(std::uint64_t bytes, std::uint64_t ns_per_mib) noexcept {
  return static_cast<std::uint64_t>(static_cast<double>(bytes) / kMiB *
                                    static_cast<double>(ns_per_mib));
}

std::uint64_t BlocksInUse() noexcept {
  const std::ptrdiff_t blocks =
      g_python_api.GetAllocatedBlocks == nullptr ? 0 : g_python_api.GetAllocatedBlocks();
  return blocks < 0 ? 0 : static_cast<std::uint64_t>(blocks);
}

// What a clone takes whatever the pages are.
std::uint64_t FixedPause(const ProcessMemory& memory) noexcept {
  constexpr std::uint64_t kPageBytes = 4096;
  const std::uint64_t tables = memory.table_bytes / kPageBytes;
  const std::uint64_t pages =
      (memory.anonymous_bytes + memory.huge_bytes + memory.file_bytes) / kPageBytes;
  const std::uint64_t needed = pages / kTablePages;
  const std::uint64_t sparse = tables > needed ? tables - needed : 0;
  return kFixedNs + memory.mappings * kMappingNs + sparse * kSparseTableNs;
}

// The last clone of this process knows its memory better than who measured another's, but it may
// have been interrupted, or have found few pages written.
std::uint64_t CloneRate(std::uint64_t measured) noexcept {
  const std::uint64_t usual = measured == 0 ? kUsualCloneNsPerMiB : measured;
  if (g_clone_ns_per_mib == 0) return usual;
  const std::uint64_t least = usual / 2;
  const std::uint64_t most = usual * 2;
  return g_clone_ns_per_mib < least ? least : g_clone_ns_per_mib > most ? most : g_clone_ns_per_mib;
}

void NoteClone(const ProcessMemory& memory, std::uint64_t pause_ns) noexcept {
  constexpr double kLeastMiB = 64;  // of less the fixed part is most
  const double mib =
      static_cast<double>(memory.anonymous_bytes + memory.huge_bytes / kHugePageGain) / kMiB;
  const std::uint64_t fixed = FixedPause(memory);
  if (mib < kLeastMiB || memory.pinned_bytes != 0 || pause_ns <= fixed) return;
  g_clone_ns_per_mib = static_cast<std::uint64_t>(static_cast<double>(pause_ns - fixed) / mib);
}

Prediction Predict(const HeapDumpOptions& options, const ProcessMemory& memory,
                   std::uint64_t blocks) noexcept {
  const std::uint64_t rate = CloneRate(options.clone_ns_per_mib);
  const std::uint64_t all = memory.anonymous_bytes + memory.huge_bytes;
  // Marks: 1 KiB for 64 KiB.
  const std::uint64_t marks = all / 64;
  Prediction clone{DumpMethod::kClone,
                   FixedPause(memory) + Scale(memory.anonymous_bytes, rate) +
                       Scale(memory.huge_bytes, rate / kHugePageGain) +
                       Scale(memory.pinned_bytes, kPinnedNsPerMiB),
                   // Its page tables, what it marks, and a tenth of the pages written meanwhile.
                   kFixedBytes + all / 512 + marks + memory.pinned_bytes + all / 10};
  const Prediction in_place{DumpMethod::kInPlace, kFixedNs + blocks * g_walk_ns_per_block,
                            kFixedBytes + marks};
  if (options.in_place) return in_place;
  // Pinned pages would be copied under everyone's feet.
  if (memory.pinned_bytes != 0 && clone.pause_ns > in_place.pause_ns) return in_place;
  if (options.headroom_bytes != 0 && clone.bytes > options.headroom_bytes) return in_place;
  return clone;
}

// With the GIL held, and closed before it is given back: a child that Python forks has no copy.
int OpenOutput(const char* path) noexcept {
  // A FIFO without a reader fails at once instead of waiting for ever.
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
  if (fd < 0) return fd;
  const int flags = fcntl(fd, F_GETFL);
  if (flags >= 0) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  return fd;
}

void OnTimeout(int) { syscall(SYS_exit_group, kTimedOut); }

// The stream is written; who reads it works out what to look for. False: nobody asks, or who read
// the stream is gone.
bool WaitForQuestions(int fd) noexcept {
  std::atomic<std::uint32_t>& stage = g_agent.ring->request_stage;
  stage.store(static_cast<std::uint32_t>(wire::DumpStage::kWaiting), std::memory_order_release);
  const std::uint64_t began = wire::MonotonicNs();
  while (wire::MonotonicNs() - began < kMostWaitNs) {
    if (stage.load(std::memory_order_acquire) ==
        static_cast<std::uint32_t>(wire::DumpStage::kAsked)) {
      return true;
    }
    pollfd reader{fd, 0, 0};
    const timespec wait{0, 1'000'000};
    if (syscall(SYS_ppoll, &reader, 1, &wait, nullptr, 0) > 0) return false;  // POLLERR
  }
  return false;
}

// `native` with the live blocks; null when there are none to be had, which is told.
NativeWalk* LoadBlocks(const HeapDumpOptions& options, NativeWalk& native) noexcept {
  if (!options.has_blocks) return nullptr;
  char path[sizeof(wire::RingHeader::request_output) + sizeof(wire::kBlocksSuffix)];
  TextBuffer(path, sizeof(path)).Text(options.output_path).Text(wire::kBlocksSuffix);
  if (native.Load(path)) return &native;
  g_agent.ring->request_blocks.store(static_cast<std::uint32_t>(wire::BlocksState::kUnusable));
  return nullptr;
}

// The clone's whole life. It has one thread, no locks that it could trust, and copies of all
// descriptors, of which it keeps one.
[[noreturn]] void RunClone(int fd, bool collects, const HeapDumpOptions& options) noexcept {
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
  const itimerval limit{{0, 0}, {kMostSeconds, 0}};
  setitimer(ITIMER_REAL, &limit, nullptr);
  FaultGuard::Install();
  MemoryMap map;
  DumpStream out;
  bool is_whole = false;
  if (map.Load() && out.Start(fd)) {
    FreeMemory free;
    DumpWalk walk(out, map, true);
    NativeWalk native(walk);
    is_whole = free.Load(map) && walk.Run(collects, &free, LoadBlocks(options, native));
    if (is_whole && options.scan_path != nullptr && WaitForQuestions(fd)) {
      FaultGuard guard;
      is_whole = AnswerHolderScan(options.scan_path, map, free, walk, guard, out) && out.Flush();
    }
  }
  syscall(SYS_exit_group, is_whole ? 0 : 1);
  __builtin_unreachable();
}

cpython::Address CurrentCollector() noexcept {
  return CollectorOf(reinterpret_cast<cpython::Address>(g_python_api.PyInterpreterState_Get()));
}

// Automatic collections off while the clone lives: one would write to every page. Its state before.
bool HoldCollection() noexcept {
  const cpython::Layout& layout = *g_agent.python.layout;
  bool before = false;
  if (g_python_api.PyGC_Disable != nullptr) {
    before = g_python_api.PyGC_Disable() != 0;
  } else if (layout.gc_enabled != cpython::kAbsent) {
    auto* enabled = reinterpret_cast<int*>(CurrentCollector() + layout.gc_enabled);
    before = *enabled != 0;
    *enabled = 0;
  }
  g_holds_collection.store(before, std::memory_order_relaxed);
  return before;
}

void ReleaseCollection() noexcept {
  const cpython::Layout& layout = *g_agent.python.layout;
  if (g_python_api.PyGC_Enable != nullptr) {
    g_python_api.PyGC_Enable();
  } else if (layout.gc_enabled != cpython::kAbsent) {
    *reinterpret_cast<int*>(CurrentCollector() + layout.gc_enabled) = 1;
  }
  g_holds_collection.store(false, std::memory_order_relaxed);
}

// With the GIL.
bool IsCollectorOn() noexcept {
  const bool is_on = HoldCollection();
  if (is_on) ReleaseCollection();
  return is_on;
}

bool IsCollecting() noexcept {
  const cpython::Layout& layout = *g_agent.python.layout;
  if (layout.gc_collecting == cpython::kAbsent) return false;
  return Peek<int>(CurrentCollector(), layout.gc_collecting) != 0;
}

bool IsFinalizing() noexcept {
  return cpython::PeekPointer(g_agent.python.runtime, g_agent.python.layout->runtime_finalizing) !=
         0;
}

// Takes the GIL at a moment when no collection is under way: its objects would be in no list.
int TakeGil() noexcept {
  for (int i = 0;; ++i) {
    const int state = g_python_api.PyGILState_Ensure();
    if (!IsCollecting() || i == kCollectionTries) return state;
    g_python_api.PyGILState_Release(state);
    const timespec wait{0, 5'000'000};
    nanosleep(&wait, nullptr);
  }
}

// 0: written. Else an errno of clone, or -1: the clone failed later.
int DumpByClone(const HeapDumpOptions& options, HeapDumpResult& result) noexcept {
  const int state = TakeGil();
  const std::uint64_t began = wire::MonotonicNs();
  const int fd = OpenOutput(options.output_path);
  if (fd < 0) {
    g_python_api.PyGILState_Release(state);
    result.error = kNotOpened;
    return -1;
  }
  const bool collects = HoldCollection();
  const long pid = syscall(SYS_clone, 0, nullptr, nullptr, nullptr, 0);
  if (pid == 0) RunClone(fd, collects, options);
  const int error = pid < 0 ? errno : 0;
  if (error != 0 && collects) ReleaseCollection();
  close(fd);
  // Before it is given back: who waits for it may take our processor, too.
  result.pause_ns = wire::MonotonicNs() - began;
  g_python_api.PyGILState_Release(state);
  if (error != 0) return error;
  result.taken_ns = began;
  result.method = DumpMethod::kClone;
  int status = 0;
  while (syscall(SYS_wait4, pid, &status, __WALL, nullptr) < 0 && errno == EINTR) {
  }
  if (collects && !IsFinalizing()) {
    const int again = g_python_api.PyGILState_Ensure();
    ReleaseCollection();
    g_python_api.PyGILState_Release(again);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
  result.error = WIFSIGNALED(status) ? "the clone was killed while it wrote the dump"
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
    result.error = "no memory for the dump";
    return;
  }
  result.method = DumpMethod::kInPlace;
  bool is_whole = false;
  {
    DumpWalk walk(out, map, false);
    NativeWalk native(walk);
    NativeWalk* const loaded = LoadBlocks(options, native);
    const int state = TakeGil();
    const std::uint64_t began = wire::MonotonicNs();
    const int fd = OpenOutput(options.output_path);
    if (fd < 0) {
      result.error = kNotOpened;
    } else {
      is_whole = out.Start(fd) && walk.Run(IsCollectorOn(), nullptr, loaded);
      is_whole = close(fd) == 0 && is_whole;
    }
    result.pause_ns = wire::MonotonicNs() - began;
    g_python_api.PyGILState_Release(state);
    result.taken_ns = began;
  }
  out.Stop();
  if (result.error != nullptr) return;
  if (is_whole && blocks > 10'000) g_walk_ns_per_block = result.pause_ns / blocks;
  if (!is_whole) result.error = "no memory for the dump, or nobody reads it";
}

}  // namespace

HeapDumpResult WriteHeapDump(const HeapDumpOptions& options) noexcept {
  HeapDumpResult result;
  const std::uint64_t blocks = BlocksInUse();
  const ProcessMemory memory = ReadProcessMemory();
  Prediction prediction = Predict(options, memory, blocks);
  const auto tell = [&] {
    result.predicted_ns = prediction.pause_ns;
    result.predicted_bytes = prediction.bytes;
    if (g_agent.ring == nullptr) return;
    g_agent.ring->request_method.store(static_cast<std::uint32_t>(prediction.method),
                                       std::memory_order_relaxed);
    g_agent.ring->request_predicted_bytes.store(prediction.bytes, std::memory_order_relaxed);
    g_agent.ring->request_predicted_ns.store(prediction.pause_ns, std::memory_order_release);
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
    const int error = DumpByClone(options, result);
    if (error > 0) {
      // EAGAIN: no more processes; ENOMEM: no commit; EPERM, ENOSYS: a filter of system calls.
      HeapDumpOptions in_place = options;
      in_place.in_place = true;
      prediction = Predict(in_place, memory, blocks);
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

void LeaveDumpAfterFork() noexcept {
  if (!g_holds_collection.load(std::memory_order_relaxed)) return;
  // Without a thread state there is no interpreter to tell: C code forked without the GIL.
  const auto current = g_agent.python.current_thread_state;
  if (current != nullptr && current() != nullptr) ReleaseCollection();
}

}  // namespace memwhy::agent
