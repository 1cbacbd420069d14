// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/heap_request.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/output_file.h"
#include "recorder/dump/filter_check.h"
#include "wire/heap_dump.h"

namespace memwhy::recorder {
namespace {

using wire::RequestState;

std::uint32_t Raw(RequestState state) { return static_cast<std::uint32_t>(state); }

template <std::size_t N>
bool PutPath(char (&field)[N], const std::string& path) {
  if (path.size() >= N) return false;
  std::memcpy(field, path.c_str(), path.size() + 1);
  return true;
}

// Whether a request may be posted. One that is answered waits for who posted it, who looks every
// few milliseconds; an answer that nobody takes for a second was asked for by one who is gone. One
// that is not taken may be of somebody who was killed before the target was woken: it is woken for
// that, and will find that nobody listens.
bool IsFree(const FileSystem& fs, const RingOwner& owner, RingMap& ring) {
  constexpr int kLooks = 50;
  constexpr useconds_t kPause_us = 20'000;
  bool was_posted = false;
  int answered = 0;  // looks
  for (int i = 0; i < 2 * kLooks && answered < kLooks; ++i) {
    switch (static_cast<RequestState>(ring.header().request_state.load())) {
      case RequestState::kPosted:
        was_posted = true;
        WakeTarget(fs, owner, ring);
        break;
      case RequestState::kRunning:
        if (!was_posted) return false;
        break;
      case RequestState::kDone:
      case RequestState::kFailed:
        ++answered;
        break;
      default:
        return true;
    }
    usleep(kPause_us);
  }
  return answered == kLooks;
}

// The last of its fields and the word that lets the agent see them all.
void PutRequest(wire::RingHeader& header, wire::RequestKind kind) {
  header.request_kind = static_cast<std::uint32_t>(kind);
  header.request_serial = header.request_serial + 1;
  header.request_error[0] = '\0';
  header.request_pause_ns.store(0, std::memory_order_relaxed);
  header.request_predicted_ns.store(0, std::memory_order_relaxed);
  header.request_predicted_bytes.store(0, std::memory_order_relaxed);
  header.request_method.store(0, std::memory_order_relaxed);
  header.request_taken_ns.store(0, std::memory_order_relaxed);
  header.request_spared_bytes.store(0, std::memory_order_relaxed);
  header.request_state.store(Raw(RequestState::kPosted), std::memory_order_release);
}

// Of a heap dump; "" before the agent has chosen.
std::string MethodOf(const wire::RingHeader& header) {
  switch (header.request_method.load(std::memory_order_relaxed)) {
    case 1:
      return "clone";
    case 2:
      return "in_place";
    default:
      return "";
  }
}

}  // namespace

Result<void> WriteBlocks(const std::string& path, std::span<const NativeBlock> blocks) {
  std::vector<NativeBlock> sorted(blocks.begin(), blocks.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const NativeBlock& a, const NativeBlock& b) { return a.address < b.address; });
  unlink(path.c_str());  // of an earlier process with our number
  return WriteExclusive(
      path, {reinterpret_cast<const char*>(sorted.data()), sorted.size() * sizeof(NativeBlock)});
}

HeapRequest::HeapRequest(RingMap* ring, const RingOwner* owner) : ring_(ring), owner_(owner) {}

Result<HeapRequest> HeapRequest::Post(const FileSystem& fs, RingMap* ring, const RingOwner* owner,
                                      const std::string& output_path,
                                      const HeapDumpLimits& limits) {
  MEMWHY_TRY_VOID(CheckFilters(fs, owner->pid(), ring->header()));
  if (!IsFree(fs, *owner, *ring)) return Error("another request is under way in the process");
  wire::RingHeader& header = ring->header();
  if (!PutPath(header.request_output, output_path)) {
    return Error("the session's path is too long for a heap dump");
  }
  header.request_limit_ns = static_cast<std::uint64_t>(std::max(0.0, limits.pause_ms) * 1e6);
  header.request_clone_ns = limits.clone_ns_per_mib;
  header.request_headroom = limits.headroom_bytes;
  header.request_in_place = limits.in_place ? 1 : 0;
  header.request_redacts = limits.redacts ? 1 : 0;
  header.request_lanes.store(limits.may_split ? wire::kMayHaveLanes : 0, std::memory_order_relaxed);
  header.request_blocks.store(static_cast<std::uint32_t>(
      limits.has_blocks ? wire::BlocksState::kGiven : wire::BlocksState::kNone));
  header.request_scan = limits.scan_path.empty() ? 0 : 1;
  header.request_stage.store(static_cast<std::uint32_t>(wire::DumpStage::kStream));
  if (!PutPath(header.request_input, limits.scan_path)) {
    return Error("the session's path is too long for a heap dump");
  }
  PutRequest(header,
             limits.is_census ? wire::RequestKind::kHeapCensus : wire::RequestKind::kHeapDump);
  return HeapRequest(ring, owner);
}

Result<HeapRequest> HeapRequest::PostObjects(const FileSystem& fs, RingMap* ring,
                                             const RingOwner* owner, bool begins) {
  MEMWHY_TRY_VOID(CheckFilters(fs, owner->pid(), ring->header()));
  if (!IsFree(fs, *owner, *ring)) return Error("another request is under way in the process");
  PutRequest(ring->header(),
             begins ? wire::RequestKind::kObjectsOn : wire::RequestKind::kObjectsOff);
  return HeapRequest(ring, owner);
}

WakeOutcome HeapRequest::Wake(const FileSystem& fs) {
  return IsPosted() ? WakeTarget(fs, *owner_, *ring_) : WakeOutcome{};
}

std::optional<HeapReply> HeapRequest::Prediction() const {
  const wire::RingHeader& header = ring_->header();
  const std::uint64_t predicted = header.request_predicted_ns.load(std::memory_order_acquire);
  if (predicted == 0) return std::nullopt;
  HeapReply reply;
  reply.predicted_ms = static_cast<double>(predicted) * 1e-6;
  reply.predicted_bytes = header.request_predicted_bytes.load(std::memory_order_relaxed);
  reply.method = MethodOf(header);
  return reply;
}

std::optional<HeapReply> HeapRequest::Poll() {
  wire::RingHeader& header = ring_->header();
  const std::uint32_t state = header.request_state.load(std::memory_order_acquire);
  if (state == Raw(RequestState::kPosted) || state == Raw(RequestState::kRunning)) {
    return std::nullopt;
  }
  HeapReply reply;
  reply.pause_ms = static_cast<double>(header.request_pause_ns.load()) * 1e-6;
  reply.predicted_ms = static_cast<double>(header.request_predicted_ns.load()) * 1e-6;
  reply.predicted_bytes = header.request_predicted_bytes.load();
  reply.taken_ns = header.request_taken_ns.load();
  reply.spared_bytes = header.request_spared_bytes.load();
  const std::uint32_t lanes = header.request_lanes.load();
  reply.lanes = lanes <= wire::kMaxLanes ? std::max(1u, lanes) : 1;
  reply.followed_blocks =
      header.request_blocks.load() == static_cast<std::uint32_t>(wire::BlocksState::kGiven);
  reply.method = MethodOf(header);
  if (state != Raw(RequestState::kDone)) {
    char error[sizeof(header.request_error)];
    std::memcpy(error, header.request_error, sizeof(error));
    reply.error = std::string(error, strnlen(error, sizeof(error)));
    if (reply.error.empty()) reply.error = "the agent gave no reason";
  }
  header.request_state.store(Raw(RequestState::kIdle), std::memory_order_release);
  return reply;
}

bool HeapRequest::IsPosted() const {
  return ring_->header().request_state.load(std::memory_order_acquire) ==
         Raw(RequestState::kPosted);
}

bool HeapRequest::IsWaiting() const {
  return ring_->header().request_stage.load(std::memory_order_acquire) ==
         static_cast<std::uint32_t>(wire::DumpStage::kWaiting);
}

void HeapRequest::Ask() {
  ring_->header().request_stage.store(static_cast<std::uint32_t>(wire::DumpStage::kAsked),
                                      std::memory_order_release);
}

bool HeapRequest::Withdraw() {
  auto expected = Raw(RequestState::kPosted);
  if (!ring_->header().request_state.compare_exchange_strong(expected, Raw(RequestState::kIdle))) {
    return expected != Raw(RequestState::kRunning);
  }
  return true;
}

}  // namespace memwhy::recorder
