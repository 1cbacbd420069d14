// SPDX-License-Identifier: Apache-2.0
//
// BuildLedgers of build_ledger.h: the accounts of one pass of a session.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

#include "model/ledger/build_ledger.h"

namespace memwhy::model {
namespace {

const OsSample* NearestCharge(const Recording& recording, ProcessId process, double time) {
  const OsSample* nearest = nullptr;
  for (const OsSample& sample : recording.os_samples) {
    if (sample.process != process || !sample.cgroup_current) continue;
    if (nearest == nullptr || std::abs(sample.time - time) < std::abs(nearest->time - time)) {
      nearest = &sample;
    }
  }
  return nearest;
}

// Anonymous memory is charged to the cgroup of the process that touched it; files and shared memory
// to whoever touched a page first, which nobody can tell afterwards.
bool IsChargedHere(const Share& share) {
  return share.kind != ShareKind::kFiles && share.kind != ShareKind::kSharedMemory &&
         share.kind != ShareKind::kMemwhy;
}

Ledger BuildCgroupLedger(const Ledger& rss, const OsSample& sample) {
  Ledger ledger;
  ledger.account = "cgroup";
  ledger.at = rss.at;
  ledger.time = sample.time;
  ledger.total = *sample.cgroup_current;
  ledger.note =
      "Page cache, shared memory, kernel memory and other processes of the cgroup are not "
      "told apart.";
  Bytes sum = 0;
  for (const Share& share : rss.shares) {
    if (!IsChargedHere(share)) continue;
    ledger.shares.push_back(share);
    sum += share.bytes;
  }
  ledger.unattributed = static_cast<SignedBytes>(ledger.total - sum);
  return ledger;
}

}  // namespace

Result<std::vector<Ledger>> BuildLedgers(const EventSource& source, const MapsPass& pass,
                                         std::optional<MallocView>* malloc) {
  MEMWHY_TRY(const std::vector<LiveBlock> blocks, LiveBlocksAt(source, pass.process, pass.time));
  const Recording& recording = source.recording();
  if (pass.process.value >= recording.processes.size()) {
    return Error::Of("a pass over the address space names no process of the session");
  }
  const Process& process = recording.processes[pass.process.value];
  std::vector<Thread> threads;
  std::copy_if(recording.threads.begin(), recording.threads.end(), std::back_inserter(threads),
               [&](const Thread& thread) { return thread.process == pass.process; });
  BlocksKnown known = BlocksKnown::kAll;
  if (!process.note.empty() && blocks.empty()) {
    known = BlocksKnown::kNone;
  } else if (recording.mode == "attach") {
    known = BlocksKnown::kSinceAttach;
  }
  if (malloc != nullptr && known == BlocksKnown::kAll) *malloc = ViewMalloc(pass, blocks);
  std::vector<Ledger> ledgers;
  ledgers.push_back(BuildRssLedger(RssInput{pass, process, threads, blocks, known}));
  if (const OsSample* sample = NearestCharge(recording, pass.process, pass.time)) {
    ledgers.push_back(BuildCgroupLedger(ledgers.front(), *sample));
  }
  return ledgers;
}

}  // namespace memwhy::model
