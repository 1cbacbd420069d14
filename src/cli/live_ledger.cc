// SPDX-License-Identifier: Apache-2.0
#include "cli/live_ledger.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "model/ledger/build_ledger.h"
#include "model/ledger/mapping_kind.h"
#include "os/cgroup.h"
#include "os/pagemap.h"
#include "os/process.h"
#include "os/smaps.h"

namespace memwhy::cli {
namespace {

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
  look.ledgers.push_back(
      model::BuildRssLedger(model::RssInput{pass, process, {}, {}, model::BlocksKnown::kNone}));
  Bytes anonymous = 0;
  for (const model::Mapping& mapping : pass.mappings) anonymous += mapping.anonymous;
  if (auto cgroup = CgroupLedger(fs, pid, anonymous)) look.ledgers.push_back(std::move(*cgroup));
  return look;
}

}  // namespace memwhy::cli
