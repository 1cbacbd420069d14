// SPDX-License-Identifier: Apache-2.0
#include "monitor/live_ledger.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/strings.h"
#include "model/ledger/build_ledger.h"
#include "model/ledger/mapping_kind.h"
#include "model/ledger/share_kind.h"
#include "monitor/anonymous_walk.h"
#include "monitor/malloc_walk.h"
#include "os/cgroup.h"
#include "os/pagemap.h"
#include "os/process.h"
#include "os/remote_memory.h"
#include "os/smaps.h"

namespace memwhy::monitor {
namespace {

using model::ShareKind;

model::Mapping FromVma(const os::Vma& vma) {
  model::Mapping mapping;
  mapping.begin = vma.start;
  mapping.end = vma.end;
  mapping.permissions = vma.perms;
  mapping.inode = vma.inode;
  mapping.name = vma.name;
  mapping.rss = vma.rss;
  mapping.anonymous = vma.anonymous;
  mapping.private_dirty = vma.private_dirty;
  mapping.swap = vma.swap;
  return mapping;
}

// Without the right to read pagemap, residency stays unknown.
void ReadResidency(pid_t pid, model::MapsPass& pass) {
  const auto pagemap = os::Pagemap::Open(pid);
  if (!pagemap) return;
  for (const model::Mapping& mapping : pass.mappings) {
    if (mapping.rss == 0 || model::KindOf(mapping) != model::MappingKind::kAnonymous) continue;
    const auto runs = pagemap->ReadRuns(mapping.begin, mapping.end);
    if (!runs) return;
    for (const os::PageRun& run : *runs) {
      if (!run.is_swapped) pass.resident.push_back({run.start, run.end});
    }
  }
  pass.residency_known = true;
}

std::optional<model::Ledger> CgroupLedger(const FileSystem& fs, pid_t pid, Bytes anonymous) {
  const auto memory = os::ReadCgroupMemory(fs, pid);
  if (!memory || !memory->usage) return std::nullopt;
  model::Ledger ledger;
  ledger.account = "cgroup";
  ledger.total = *memory->usage;
  Bytes sum = 0;
  const auto add = [&](const char* name, Bytes bytes) {
    if (bytes == 0) return;
    ledger.shares.push_back({"system", name, bytes, 0});
    sum += bytes;
  };
  add("anonymous memory of this process", anonymous);
  if (memory->anon && *memory->anon > anonymous) {
    add("anonymous memory of others", *memory->anon - anonymous);
  }
  const Bytes shared = memory->shmem.value_or(0);
  add("shared memory", shared);
  if (memory->file && *memory->file > shared) add("page cache", *memory->file - shared);
  add("kernel memory", memory->kernel.value_or(0));
  ledger.unattributed = static_cast<SignedBytes>(ledger.total - sum);
  return ledger;
}

// Headers of chunks are everywhere in a heap: a walk reads most of it.
constexpr std::chrono::milliseconds kWalkTime{400};
constexpr Bytes kWorthTrimming = Bytes{1} << 20;

// The stack pointers of threads that wait in the kernel, and where their stacks end. Without the
// right to read them stacks stay anonymous.
std::vector<model::Thread> ReadThreads(const FileSystem& fs, pid_t pid,
                                       std::span<const model::Mapping> mappings) {
  constexpr std::uint64_t kUsualStack = 8ull << 20;
  constexpr std::uint64_t kPage = 4096;
  std::vector<model::Thread> threads;
  const auto names = fs.ListDir(fmt::format("/proc/{}/task", pid));
  if (!names) return threads;
  for (const std::string& name : *names) {
    const auto tid = ParseUint(name);
    const auto text = fs.ReadSmall(fmt::format("/proc/{}/task/{}/syscall", pid, name));
    if (!tid || !text) continue;
    // "... 0xSTACK_POINTER 0xPROGRAM_COUNTER"; a thread that runs has neither.
    const auto fields = SplitFields(Trim(*text));
    if (fields.size() < 3) continue;
    std::string_view stack = fields[fields.size() - 2];
    const auto pointer = ConsumePrefix(stack, "0x") ? ParseHex(stack) : std::nullopt;
    if (!pointer) continue;
    model::Thread thread;
    thread.tid = static_cast<std::uint32_t>(*tid);
    thread.stack_pointer = *pointer;
    for (const model::Mapping& mapping : mappings) {
      if (*pointer < mapping.begin || *pointer >= mapping.end) continue;
      // Memory mapped earlier may lie right above, in the same mapping: FindThreadStacks cuts two
      // pages behind what is given here.
      const std::uint64_t end = std::min(mapping.end, mapping.begin + kUsualStack);
      if (*pointer < end && end - mapping.begin > 2 * kPage) {
        thread.thread_pointer = end - 2 * kPage;
      }
    }
    threads.push_back(thread);
  }
  return threads;
}

const char* PreloadedAllocator(std::span<const model::Mapping> mappings) {
  struct Known {
    std::string_view library;
    const char* name;
  };
  constexpr Known kKnown[] = {{"libjemalloc.so", "jemalloc"},
                              {"libtcmalloc", "tcmalloc"},
                              {"libmimalloc.so", "mimalloc"},
                              {"libsnmalloc", "snmalloc"}};
  for (const model::Mapping& mapping : mappings) {
    for (const Known& known : kKnown) {
      if (StartsWith(Basename(mapping.name), known.library)) return known.name;
    }
  }
  return nullptr;
}

model::Share Owned(ShareKind kind, Bytes bytes) { return model::MakeShare(kind, bytes, bytes); }

// Replaces one share by parts of it; what they leave is the first part's.
void SplitShare(model::Ledger* ledger, ShareKind kind, std::vector<model::Share> parts) {
  const auto share = std::find_if(ledger->shares.begin(), ledger->shares.end(),
                                  [&](const model::Share& each) { return each.kind == kind; });
  if (share == ledger->shares.end()) return;
  Bytes left = share->bytes;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    parts[i].bytes = std::min(parts[i].bytes, left);
    left -= parts[i].bytes;
    parts[i].owned = std::min(parts[i].owned, parts[i].bytes);
  }
  parts.front().bytes = left;
  std::erase_if(parts, [](const model::Share& part) { return part.bytes == 0; });
  const auto at = ledger->shares.erase(share);
  ledger->shares.insert(at, parts.begin(), parts.end());
}

void AddSentence(model::Ledger* ledger, const std::string& sentence) {
  if (!ledger->note.empty()) ledger->note += " ";
  ledger->note += sentence;
}

// What the heaps of glibc's malloc hold, instead of one share for all of it.
void SplitMalloc(pid_t pid, const model::MapsPass& pass, model::Ledger* ledger) {
  if (!pass.residency_known) return;
  const model::ClaimList heaps = model::FindMallocHeaps(pass.mappings, {});
  std::uint64_t main_heap = 0;
  for (const model::Mapping& mapping : pass.mappings) {
    if (mapping.name == "[heap]" && main_heap == 0) main_heap = mapping.begin;
  }
  const auto until = std::chrono::steady_clock::now() + kWalkTime;
  const ReadMemory read = [&](std::uint64_t address, std::span<std::byte> into) {
    return os::ReadRemoteExact(pid, address, into).has_value();
  };
  const MallocUse use = WalkMallocHeaps(heaps, main_heap, model::Residency(pass.resident), read,
                                        [&] { return std::chrono::steady_clock::now() < until; });
  // All of it: another allocator's heap, or no right to read memory.
  if (use.unwalked == use.total()) return;
  SplitShare(ledger, ShareKind::kMallocUnread,
             {model::MakeShare(ShareKind::kMallocInUse, 0, 0),
              Owned(ShareKind::kMallocFreeInArenas, use.free_chunks),
              Owned(ShareKind::kMallocFreeOfThreads, use.tcache),
              Owned(ShareKind::kMallocFreeTop, use.top),
              model::MakeShare(ShareKind::kMallocUnwalked, use.unwalked, 0)});
  if (use.trimmable >= kWorthTrimming) {
    AddSentence(ledger,
                fmt::format("malloc_trim(0) would return about {}.", FormatBytes(use.trimmable)));
  }
}

// Anonymous memory that is no heap, stack or data of a library.
std::vector<model::Range> PlainAnonymous(const model::MapsPass& pass, std::uint32_t pid,
                                         std::span<const model::Thread> threads) {
  model::ClaimList known =
      model::Overlay(model::FindThreadStacks(pass.mappings, threads, pid, pass.time),
                     model::Overlay(model::FindMallocHeaps(pass.mappings, {}),
                                    model::Disjoint(model::FindLibraryData(pass.mappings))));
  std::vector<model::Range> ranges;
  auto claim = known.begin();
  for (const model::Mapping& mapping : pass.mappings) {
    if (mapping.rss == 0 || model::KindOf(mapping) != model::MappingKind::kAnonymous) continue;
    std::uint64_t at = mapping.begin;
    while (claim != known.end() && claim->end <= at) ++claim;
    for (auto inside = claim; inside != known.end() && inside->begin < mapping.end; ++inside) {
      if (inside->begin > at) ranges.push_back({at, inside->begin});
      at = std::max(at, inside->end);
    }
    if (at < mapping.end) ranges.push_back({at, mapping.end});
  }
  return ranges;
}

// Blocks that malloc mapped and pools of pymalloc, by what stands in memory.
void SplitAnonymous(pid_t pid, const model::MapsPass& pass, std::span<const model::Thread> threads,
                    model::Ledger* ledger) {
  if (!pass.residency_known) return;
  const auto ranges = PlainAnonymous(pass, static_cast<std::uint32_t>(pid), threads);
  const auto until = std::chrono::steady_clock::now() + kWalkTime;
  const ReadMemory read = [&](std::uint64_t address, std::span<std::byte> into) {
    return os::ReadRemoteExact(pid, address, into).has_value();
  };
  const AnonymousUse use = WalkAnonymous(ranges, model::Residency(pass.resident), read,
                                         [&] { return std::chrono::steady_clock::now() < until; });
  SplitShare(ledger, ShareKind::kAnonymousUnread,
             {model::MakeShare(ShareKind::kAnonymousUnread, 0, 0),
              model::MakeShare(ShareKind::kPymallocInUse, use.pymalloc_in_use, 0),
              Owned(ShareKind::kPymallocFree, use.pymalloc_free),
              model::MakeShare(ShareKind::kMallocMapped, use.mapped_blocks, 0)});
}

void NameAllocator(const char* allocator, model::Ledger* ledger) {
  // Some take memory by mmap, some by brk.
  model::Share all{"native", fmt::format("{}, or mapped by the program", allocator), 0, 0};
  std::erase_if(ledger->shares, [&](const model::Share& share) {
    const bool is_its =
        share.kind == ShareKind::kAnonymousUnread || share.kind == ShareKind::kMallocUnread;
    if (is_its) all.bytes += share.bytes;
    return is_its;
  });
  if (all.bytes > 0) ledger->shares.insert(ledger->shares.begin(), all);
}

}  // namespace

Result<LiveLook> LookAtProcess(const FileSystem& fs, pid_t pid) {
  LiveLook look;
  model::Process process;
  process.pid = static_cast<std::uint32_t>(pid);
  if (auto executable = os::ReadExecutable(fs, pid)) look.recording.command = *executable;
  look.recording.mode = "live";
  look.recording.processes.push_back(process);

  MEMWHY_TRY(const auto vmas, os::ReadSmaps(fs, pid));
  if (vmas.empty()) return Error::Of("process {} has no address space: it ended", pid);
  model::MapsPass pass;
  std::transform(vmas.begin(), vmas.end(), std::back_inserter(pass.mappings), FromVma);
  ReadResidency(pid, pass);
  const std::vector<model::Thread> threads = ReadThreads(fs, pid, pass.mappings);
  model::Ledger rss =
      model::BuildRssLedger(model::RssInput{pass, process, threads, {}, model::BlocksKnown::kNone});
  SplitAnonymous(pid, pass, threads, &rss);
  if (const char* allocator = PreloadedAllocator(pass.mappings)) {
    NameAllocator(allocator, &rss);
  } else {
    SplitMalloc(pid, pass, &rss);
  }
  Bytes huge = 0;
  for (const os::Vma& vma : vmas) huge += vma.anon_huge_pages;
  if (huge > 0) {
    AddSentence(&rss, fmt::format("{} of anonymous memory lie on huge pages, which are resident as "
                                  "a whole.",
                                  FormatBytes(huge)));
  }
  look.ledgers.push_back(std::move(rss));
  Bytes anonymous = 0;
  for (const model::Mapping& mapping : pass.mappings) anonymous += mapping.anonymous;
  if (auto cgroup = CgroupLedger(fs, pid, anonymous)) look.ledgers.push_back(std::move(*cgroup));
  return look;
}

}  // namespace memwhy::monitor
