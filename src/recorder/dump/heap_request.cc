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
    switch (static_cast<RequestState>(ring.header().request.state.load())) {
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
void PutRequest(wire::Request& request, wire::RequestKind kind) {
  request.kind = static_cast<std::uint32_t>(kind);
  request.serial = request.serial + 1;
  wire::RequestReply& reply = request.reply;
  reply.error[0] = '\0';
  reply.answer[0] = '\0';
  for (auto* number : {&reply.predicted_ns, &reply.predicted_bytes, &reply.pause_ns,
                       &reply.taken_ns, &reply.spared_bytes}) {
    number->store(0, std::memory_order_relaxed);
  }
  reply.method.store(0, std::memory_order_relaxed);
  request.state.store(Raw(RequestState::kPosted), std::memory_order_release);
}

// What the agent has written; it need not have ended it.
template <std::size_t N>
std::string TextOf(const char (&field)[N]) {
  char text[N];
  std::memcpy(text, field, N);
  return std::string(text, strnlen(text, N));
}

// Of a heap dump; "" before the agent has chosen.
std::string MethodOf(const wire::RequestReply& reply) {
  switch (reply.method.load(std::memory_order_relaxed)) {
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
  wire::DumpOrder order = {
      .limit_ns = static_cast<std::uint64_t>(std::max(0.0, limits.pause_ms) * 1e6),
      .clone_ns_per_mib = limits.clone_ns_per_mib,
      .headroom_bytes = limits.headroom_bytes,
      .in_place = limits.in_place ? 1u : 0,
      .scan = limits.scan_path.empty() ? 0u : 1,
      .redacts = limits.redacts ? 1u : 0,
      .reserved = 0,
      .output = {},
      .questions = {},
  };
  if (!PutPath(order.output, output_path) || !PutPath(order.questions, limits.scan_path)) {
    return Error("the session's path is too long for a heap dump");
  }
  wire::Request& request = ring->header().request;
  request.dump = order;
  request.progress.lanes.store(limits.may_split ? wire::kMayHaveLanes : 0,
                               std::memory_order_relaxed);
  request.progress.blocks.store(static_cast<std::uint32_t>(
      limits.has_blocks ? wire::BlocksState::kGiven : wire::BlocksState::kNone));
  request.progress.stage.store(static_cast<std::uint32_t>(wire::DumpStage::kStream));
  PutRequest(request,
             limits.is_census ? wire::RequestKind::kHeapCensus : wire::RequestKind::kHeapDump);
  return HeapRequest(ring, owner);
}

Result<HeapRequest> HeapRequest::PostPlain(const FileSystem& fs, RingMap* ring,
                                           const RingOwner* owner, const PlainQuestion& question) {
  MEMWHY_TRY_VOID(CheckFilters(fs, owner->pid(), ring->header()));
  if (!IsFree(fs, *owner, *ring)) return Error("another request is under way in the process");
  wire::Request& request = ring->header().request;
  if (!PutPath(request.intervention, question.name)) return Error("the name is too long");
  PutRequest(request, question.kind);
  return HeapRequest(ring, owner);
}

WakeOutcome HeapRequest::Wake(const FileSystem& fs) {
  return IsPosted() ? WakeTarget(fs, *owner_, *ring_) : WakeOutcome{};
}

std::optional<HeapReply> HeapRequest::Prediction() const {
  const wire::RequestReply& said = ring_->header().request.reply;
  const std::uint64_t predicted = said.predicted_ns.load(std::memory_order_acquire);
  if (predicted == 0) return std::nullopt;
  HeapReply reply;
  reply.predicted_ms = static_cast<double>(predicted) * 1e-6;
  reply.predicted_bytes = said.predicted_bytes.load(std::memory_order_relaxed);
  reply.method = MethodOf(said);
  return reply;
}

std::optional<HeapReply> HeapRequest::Poll() {
  wire::Request& request = ring_->header().request;
  const std::uint32_t state = request.state.load(std::memory_order_acquire);
  if (state == Raw(RequestState::kPosted) || state == Raw(RequestState::kRunning)) {
    return std::nullopt;
  }
  const wire::RequestReply& said = request.reply;
  const std::uint32_t lanes = request.progress.lanes.load();
  HeapReply reply;
  reply.pause_ms = static_cast<double>(said.pause_ns.load()) * 1e-6;
  reply.predicted_ms = static_cast<double>(said.predicted_ns.load()) * 1e-6;
  reply.predicted_bytes = said.predicted_bytes.load();
  reply.taken_ns = said.taken_ns.load();
  reply.spared_bytes = said.spared_bytes.load();
  reply.lanes = lanes <= wire::kMaxLanes ? std::max(1u, lanes) : 1;
  reply.followed_blocks =
      request.progress.blocks.load() == static_cast<std::uint32_t>(wire::BlocksState::kGiven);
  reply.method = MethodOf(said);
  reply.answer = TextOf(said.answer);
  if (state != Raw(RequestState::kDone)) {
    reply.error = TextOf(said.error);
    if (reply.error.empty()) reply.error = "the agent gave no reason";
  }
  request.state.store(Raw(RequestState::kIdle), std::memory_order_release);
  return reply;
}

bool HeapRequest::IsPosted() const {
  return ring_->header().request.state.load(std::memory_order_acquire) ==
         Raw(RequestState::kPosted);
}

bool HeapRequest::IsWaiting() const {
  return ring_->header().request.progress.stage.load(std::memory_order_acquire) ==
         static_cast<std::uint32_t>(wire::DumpStage::kWaiting);
}

void HeapRequest::Ask() {
  ring_->header().request.progress.stage.store(static_cast<std::uint32_t>(wire::DumpStage::kAsked),
                                               std::memory_order_release);
}

bool HeapRequest::Withdraw() {
  auto expected = Raw(RequestState::kPosted);
  if (!ring_->header().request.state.compare_exchange_strong(expected, Raw(RequestState::kIdle))) {
    return expected != Raw(RequestState::kRunning);
  }
  return true;
}

}  // namespace memwhy::recorder
