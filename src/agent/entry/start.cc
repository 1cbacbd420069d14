// SPDX-License-Identifier: Apache-2.0
//
// Brings the agent up when the loader runs its constructor: decides whether to record, opens the
// ring file, hooks the interpreter. Any doubt ends in kModeDormant: the target runs as without us.
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "agent/capture/arena_hook.h"
#include "agent/capture/native_stack.h"
#include "agent/capture/object_hook.h"
#include "agent/capture/process_end.h"
#include "agent/capture/recording.h"
#include "agent/capture/request_signal.h"
#include "agent/capture/sandbox.h"
#include "agent/capture/stack_cache.h"
#include "agent/capture/stream.h"
#include "agent/capture/thread_state.h"
#include "agent/entry/other_rings.h"
#include "agent/entry/request.h"
#include "agent/ground/agent.h"
#include "agent/ground/fork_gate.h"
#include "agent/ground/given_variables.h"
#include "agent/ground/private_memory.h"
#include "agent/ground/raw_memory.h"
#include "agent/ground/real_functions.h"
#include "agent/ground/redaction.h"
#include "agent/ground/tally.h"
#include "agent/ground/text_buffer.h"
#include "agent/python/collection_hold.h"
#include "agent/python/python_api.h"
#include "program/program_file.h"

namespace memwhy::agent {

Agent g_agent;

namespace {
alignas(4096) char g_mode_memory[4096];
}  // namespace
ModePage& g_mode_page = reinterpret_cast<ModePage&>(g_mode_memory);

void SetMode(Mode mode) noexcept { g_mode_page.mode.store(mode, std::memory_order_release); }

namespace {

using wire::RingHeader;

constexpr std::uint64_t kChildPoolBytes = 16u << 20;  // of a forked child: there may be many
constexpr std::uint64_t kMemoryPoolBytes = 2u << 20;  // the same where a ring is memory
char g_session[768];                                  // absolute path of the session directory
char g_rings[768];                                    // the same of the folder of rings
std::uint64_t* g_inherited_arenas = nullptr;          // in a forked child, until its ring exists
std::uint32_t g_inherited_arena_count = 0;

// Reads a whole small file of /proc into `out`; returns its length, 0 on failure.
std::size_t ReadFile(const char* path, char* out, std::size_t room) noexcept {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t n = read(fd, out, room - 1);
  close(fd);
  if (n <= 0) return 0;
  out[n] = 0;
  return static_cast<std::size_t>(n);
}

// A number of /proc/self/stat; the command's name (field 2) may hold anything, so count from the
// last parenthesis.
std::uint64_t ReadStatField(int wanted) noexcept {
  char text[1024];
  if (ReadFile("/proc/self/stat", text, sizeof(text)) == 0) return 0;
  const char* at = std::strrchr(text, ')');
  for (int field = 2; at != nullptr && field < wanted; ++field) {
    at = std::strchr(at + 1, ' ');
  }
  return at == nullptr ? 0 : std::strtoull(at, nullptr, 10);
}

constexpr int kStartTicksField = 22;
constexpr int kStartStackField = 28;

// Takes the clock of the stream from the kernel's own.
void ChooseClock() noexcept {
  char source[64] = {};
  ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource", source,
           sizeof(source));
  const auto is = [&source](const char* name) {
    return std::strncmp(source, name, std::strlen(name)) == 0;
  };
  // The kernel uses the time-stamp counter only while it is steady on all processors.
  const bool counts_cycles = wire::kHasCycleCounter && is("tsc");
  g_agent.clock = counts_cycles ? wire::ClockKind::kTsc : wire::ClockKind::kMonotonicNs;
  g_agent.clock_shift = counts_cycles ? 5 : 3;  // about 10 ns: finer than a hand-over
  // Those that the C library reads without the kernel.
  g_agent.needs_clock_calls = !is("tsc") && !is("kvm-clock") &&
                              !is("hyperv_clocksource_tsc_page") && !is("arch_sys_counter");
}

// A limit on the size of files (RLIMIT_FSIZE) ends a process that goes beyond it.
bool MayMakeFileOf(std::uint64_t bytes) noexcept {
  rlimit limit{};
  return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur >= bytes;
}

bool MayMakeRingOf(std::uint64_t pool_bytes) noexcept {
  return MayMakeFileOf(
      wire::RingFileBytes(static_cast<std::uint32_t>(pool_bytes / wire::kChunkBytes)));
}

std::uint64_t PoolBytes() noexcept {
  const char* text = GivenVariable(kPoolBytes);
  std::uint64_t bytes = text == nullptr ? wire::kMaxPoolBytes : std::strtoull(text, nullptr, 10);
  if (const std::uint64_t share = AddressSpaceShare(); bytes > share) bytes = share;
  if (bytes > wire::kMaxPoolBytes) bytes = wire::kMaxPoolBytes;
  while (bytes > wire::kMinPoolBytes && !MayMakeRingOf(bytes)) bytes /= 2;
  return bytes < wire::kMinPoolBytes ? wire::kMinPoolBytes : bytes;
}

bool WantsObjects() noexcept {
  const char* modes = GivenVariable(kModes);
  return modes != nullptr && std::strstr(modes, "objects") != nullptr;
}

bool WantsNative() noexcept {
  const char* modes = GivenVariable(kModes);
  return modes != nullptr && std::strstr(modes, "native") != nullptr;
}

// Rings that are not in the session may lie in a tmpfs (/dev/shm): then they take memory at once.
bool TakesMemory(struct statfs* disk) noexcept {
  return std::strcmp(g_rings, g_session) != 0 && statfs(g_rings, disk) == 0 &&
         disk->f_type == TMPFS_MAGIC;
}

// The program, and others, need what is in there: half of it is theirs.
bool LeavesMemory(std::uint64_t bytes) noexcept {
  struct statfs disk{};
  if (!TakesMemory(&disk) || disk.f_blocks == 0) return true;  // 0: without a limit
  const auto block = static_cast<std::uint64_t>(disk.f_bsize);
  return disk.f_bavail * block >= bytes + disk.f_blocks * block / 2;
}

// Creates and maps the ring file under a temporary name. Null on failure, nothing left behind.
RingHeader* CreateRing(const char* path, std::uint32_t chunk_count) noexcept {
  const std::uint64_t bytes = wire::RingFileBytes(chunk_count);
  if (!MayMakeFileOf(bytes) || !LeavesMemory(bytes)) return nullptr;
  const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return nullptr;
  // Real blocks, not a hole: a full disk must fail here and not at a later store.
  void* at = MAP_FAILED;
  if (posix_fallocate(fd, 0, static_cast<off_t>(bytes)) == 0) {
    at = g_real.mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  close(fd);
  if (at == MAP_FAILED) {
    unlink(path);
    return nullptr;
  }
  return static_cast<RingHeader*>(at);
}

void FillHeader(RingHeader& ring, std::uint32_t chunk_count) noexcept {
  std::memcpy(ring.magic, wire::kRingMagic, sizeof(ring.magic));
  ring.version = wire::kRingVersion;
  ring.header_bytes = sizeof(RingHeader);
  ring.chunk_bytes = wire::kChunkBytes;
  ring.chunk_count = chunk_count;
  ring.arena_offset = wire::ArenaOffset(chunk_count);
  ring.arena_capacity = wire::kArenaCapacity;
  ring.pool_offset = wire::PoolOffset(chunk_count);
  ring.pid = static_cast<std::uint32_t>(getpid());
  ring.parent_pid = static_cast<std::uint32_t>(getppid());
  ring.clock_kind = static_cast<std::uint32_t>(g_agent.clock);
  ring.clock_shift = g_agent.clock_shift;
  ring.clock_at_start = wire::ReadAfter(g_agent.clock);
  ring.monotonic_ns_at_start = wire::MonotonicNs();
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  ring.realtime_ns_at_start = static_cast<std::uint64_t>(now.tv_sec) * 1000000000u +
                              static_cast<std::uint64_t>(now.tv_nsec);
  ring.modes = wire::kKnowsRedaction | (WantsObjects() ? wire::kRecordsObjects : 0) |
               (g_has_native_stacks ? wire::kRecordsNative : 0) |
               (g_redaction.is_on ? wire::kRedacts : 0);
  ring.private_begin = g_private.begin;
  ring.private_end = g_private.begin + g_private.bytes;
  ring.python_version = g_agent.python.version;
  ring.python_runtime = g_agent.python.runtime;
  if (g_agent.python.layout != nullptr) {
    // Arenas and pools became larger with 3.10 (Include/internal/pycore_pymalloc.h).
    const bool large = g_agent.python.layout->minor >= 10;
    ring.arena_bytes = large ? 1u << 20 : 256u << 10;
    ring.pool_bytes = large ? 16u << 10 : 4u << 10;
  }
  TextBuffer text(ring.python_text, sizeof(ring.python_text));
  text.Number((g_agent.python.version >> 24) & 0xff).Text(".");
  text.Number((g_agent.python.version >> 16) & 0xff).Text(".");
  text.Number((g_agent.python.version >> 8) & 0xff);
  ring.recorder_beat_ns.store(ring.monotonic_ns_at_start);
}

Follow ReadFollow() noexcept {
  const char* follow = GivenVariable(kFollow);
  if (follow != nullptr && std::strcmp(follow, "none") == 0) return Follow::kNone;
  if (follow != nullptr && std::strcmp(follow, "fork") == 0) return Follow::kFork;
  return Follow::kAll;
}

// The session's recorder holds a lock on its file as long as it lives. A program that starts later,
// with our variables still in its environment, must not fill rings that nobody reads.
bool RecorderIsGone() noexcept {
  char path[1024];
  TextBuffer(path, sizeof(path)).Text(g_session).Text("/blocks.mwy");
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool is_free = flock(fd, LOCK_SH | LOCK_NB) == 0;
  close(fd);
  return is_free;
}

// Unless every process is followed, only the first CPython of the session starts by itself.
bool MayRecord(const char* session) noexcept {
  if (g_agent.follow == Follow::kAll) return true;
  char path[1024];
  TextBuffer(path, sizeof(path)).Text(session).Text("/claimed");
  const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

// Where this process's ring goes; an earlier image of the same process may have left one.
void ChooseRingPath(char* out, std::size_t room, std::uint64_t start) noexcept {
  for (std::uint64_t image = 0; image < 1000; ++image) {
    WriteRingPath(out, room, g_rings, start, image);
    if (access(out, F_OK) != 0) return;
  }
}

// Whether the target's calls come to us: an executable with a malloc of its own, or a library that
// is preloaded before us, has them first.
bool HasTheCalls() noexcept {
  if (program::LookAtProgram(AT_FDCWD, "/proc/self/exe").defines_malloc) return false;
  char path[1024];
  const char* begin = nullptr;
  const char* end = std::getenv("LD_PRELOAD");
  while (end != nullptr && NextPreload(end, &begin, &end) && !IsAgentEntry(begin, end)) {
    const auto length = static_cast<std::size_t>(end - begin);
    if (length >= sizeof(path)) continue;
    std::memcpy(path, begin, length);
    path[length] = 0;
    if (program::LookAtProgram(AT_FDCWD, path).defines_malloc) return false;
    // Found by the loader, and not by us.
    if (std::strchr(path, '/') == nullptr && std::strstr(path, "malloc") != nullptr) return false;
  }
  return true;
}

// Why this CPython cannot be recorded, where that is known.
void NoteUnseen(wire::Unseen why) noexcept {
  TallyNote(why, static_cast<std::uint32_t>(getpid()), program_invocation_name);
}

void NoteNoRing() noexcept {
  if (access(g_rings, W_OK) != 0) return NoteUnseen(wire::Unseen::kNoAccess);
  NoteUnseen(MayMakeRingOf(wire::kMinPoolBytes) ? wire::Unseen::kNoRing : wire::Unseen::kFileLimit);
}

// A CPython whose stacks cannot be read is recorded without them; a free-threaded one not at all.
bool OpenRing(std::uint64_t pool, bool is_dormant) noexcept {
  const auto chunk_count = static_cast<std::uint32_t>(pool / wire::kChunkBytes);
  const std::uint64_t start = ReadStatField(kStartTicksField);
  char final_path[1024];
  char path[1024];
  ChooseRingPath(final_path, sizeof(final_path), start);
  TextBuffer(path, sizeof(path)).Text(final_path).Text(".tmp");
  RingHeader* ring = CreateRing(path, chunk_count);
  if (ring == nullptr) return false;
  FillHeader(*ring, chunk_count);
  ring->start_ticks = start;
  ring->start_stack = ReadStatField(kStartStackField);
  ring->fork_clock = g_agent.fork_clock;
  if (g_agent.fork_parent != 0) ring->parent_pid = g_agent.fork_parent;
  auto* base = reinterpret_cast<std::uint8_t*>(ring);
  g_agent.ring = ring;
  g_agent.chunks = reinterpret_cast<wire::ChunkHeader*>(base + 4096);
  g_agent.arenas = reinterpret_cast<std::uint64_t*>(base + ring->arena_offset);
  g_agent.slots = reinterpret_cast<wire::ThreadSlot*>(base + wire::SlotOffset(chunk_count));
  g_agent.pool = base + ring->pool_offset;
  g_agent.touched.store(0, std::memory_order_relaxed);
  g_agent.wait_budget.Start(wire::MonotonicNs());
  g_agent.chunk_count = chunk_count;
  if (const char* obstacle = g_agent.python.obstacle; obstacle != nullptr) {
    TextBuffer note(ring->note, sizeof(ring->note));
    note.Text(obstacle);
    if (!is_dormant) note.Text("; allocations are recorded without Python stacks");
  }
  ring->state.store(static_cast<std::uint32_t>(is_dormant ? wire::AgentState::kDormant
                                                          : wire::AgentState::kRecording),
                    std::memory_order_release);
  if (rename(path, final_path) != 0) {
    unlink(path);
    return false;
  }
  return true;
}

// Registered first, so it runs as the last one before the fork.
// The record keeps the instant exact in the session (session/columns.h).
void BeforeFork() {
  PassForkGate();
  ThreadState* t = RecordingThread();
  const std::uint64_t ticks = TicksBefore();
  g_agent.fork_clock = ticks << g_agent.clock_shift;
  g_agent.fork_parent = static_cast<std::uint32_t>(OwnPid());
  if (t == nullptr) return;
  Recording recording(*t);
  WriteFork(*t, ticks);
}

void AfterForkInParent() { LeaveForkGate(false); }

// Keeps what the child inherits of the arena table before the parent changes it. The ring itself is
// made at the first event: most forked children only execute another program.
void AfterForkInChild() {
  LeaveForkGate(true);
  g_agent.main_thread = pthread_self();
  LeaveHoldAfterFork();
  if (!g_agent.has_started || g_agent.follow == Follow::kNone) return;
  const std::uint32_t count = g_agent.ring->arenas_used.load(std::memory_order_relaxed);
  g_inherited_arenas = static_cast<std::uint64_t*>(TakePrivate(count * sizeof(std::uint64_t)));
  if (g_inherited_arenas == nullptr) return;
  std::memcpy(g_inherited_arenas, g_agent.arenas, count * sizeof(std::uint64_t));
  g_inherited_arena_count = count;
}

bool Start() noexcept {
  g_agent.main_thread = pthread_self();
  const char* disabled = std::getenv("MEMWHY_DISABLE");
  if (disabled != nullptr && std::strcmp(disabled, "1") == 0) return false;
  const char* session = GivenVariable(kSession);
  if (session == nullptr || session[0] != '/') return false;
  if (std::strlen(session) >= sizeof(g_session)) return false;
  TextBuffer(g_session, sizeof(g_session)).Text(session);
  const char* rings = GivenVariable(kRings);
  if (rings == nullptr) rings = session;
  if (rings[0] != '/' || std::strlen(rings) >= sizeof(g_rings)) return false;
  TextBuffer(g_rings, sizeof(g_rings)).Text(rings);
  if (const char* tally = GivenVariable(kTally); tally != nullptr) MapTally(tally);
  EndEarlierImages(g_rings, ReadStatField(kStartTicksField));
  g_agent.follow = ReadFollow();
  ReadRedaction();
  if (!FindPython(g_agent.python)) return false;  // a shell, a tool: nothing to do here
  if (RecorderIsGone()) return false;
  if (!MayRecord(session)) return false;
  if (!ReservePrivateMemory()) {
    NoteUnseen(wire::Unseen::kNoMemory);
    return false;
  }
  ChooseClock();
  if (!HasTheCalls()) NoteUnseen(wire::Unseen::kAllocatorFirst);
  if (WantsNative()) PrepareNativeStacks();
  const bool is_dormant = g_agent.python.free_threaded;
  // A dormant agent only leaves a note: the smallest ring will do.
  if (!OpenRing(is_dormant ? wire::kMinPoolBytes : PoolBytes(), is_dormant)) {
    NoteNoRing();
    return false;
  }
  if (is_dormant) NoteUnseen(wire::Unseen::kFreeThreaded);
  if (is_dormant || !InstallThreadEnd()) return false;
  // Our ring has its name already: the recorder finds us, or this after it looked.
  RevokePermits(g_rings);
  if (madvise(g_mode_memory, sizeof(g_mode_memory), MADV_WIPEONFORK) != 0) return false;
  if (g_agent.python.layout != nullptr) WatchCodeObjects();
  InstallArenaHook();
  if (WantsObjects()) InstallObjectHook();
  InstallRequestSignal();
  pthread_atfork(&BeforeFork, &AfterForkInParent, &AfterForkInChild);
  InstallExitNote();
  g_agent.has_started = true;
  return true;
}

bool StartInChild() noexcept {
  if (g_agent.follow == Follow::kNone || RecorderIsGone()) return false;
  RingHeader* parents = g_agent.ring;
  const std::uint64_t parents_bytes = wire::RingFileBytes(g_agent.chunk_count);
  struct statfs disk{};
  const std::uint64_t limit = TakesMemory(&disk) ? kMemoryPoolBytes : kChildPoolBytes;
  const std::uint64_t pool = PoolBytes();
  ForgetThreadsAfterFork();
  if (!OpenRing(pool < limit ? pool : limit, false)) {
    NoteNoRing();
    g_agent.ring = parents;
    return false;
  }
  // Its ring has its name already: the recorder finds this process, or this after it looked.
  wire::Revoke(&parents->clock_permit);
  UnmapRaw(parents, parents_bytes);
  ShowRequestSignal();
  if (g_inherited_arenas != nullptr) {
    std::memcpy(g_agent.arenas, g_inherited_arenas, g_inherited_arena_count * 8);
    g_agent.ring->arenas_used.store(g_inherited_arena_count, std::memory_order_release);
    g_inherited_arenas = nullptr;
  }
  return true;
}

__attribute__((constructor)) void OnLoad() {
  const int saved = errno;
  ResolveRealFunctions();
  KeepVariables();
  SetMode(Start() ? kModeRecording : kModeDormant);
  HideAddedVariables();
  errno = saved;
}

}  // namespace

void EnterForkedChild() noexcept {
  if (!g_agent.has_started) return;
  const int saved = errno;
  // Dormant meanwhile: what is called below must not come back here.
  SetMode(kModeDormant);
  if (!IsSandboxed() && StartInChild()) {
    SetMode(kModeRecording);
  } else if (IsSandboxed() && g_agent.follow != Follow::kNone) {
    TallyNote(wire::Unseen::kFiltered, 0, program_invocation_name);  // its id is not known
  }
  errno = saved;
}

}  // namespace memwhy::agent
