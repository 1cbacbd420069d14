// SPDX-License-Identifier: Apache-2.0
#include "agent/walk/census_sink.h"

#include "agent/ground/fault_guard.h"
#include "agent/ground/hung_up.h"
#include "agent/objects/object_size.h"
#include "agent/python/type_name.h"

namespace memwhy::agent {

using cpython::Address;
using wire::DumpTag;

void CensusSink::CountObject(const DumpType& facts, std::int64_t extra) noexcept {
  constexpr std::uint64_t kBetweenLooks = 1u << 18;  // objects
  const std::int64_t beyond = HasExtraBytes(facts) && extra > 0 ? extra : 0;
  census_.AddObject(facts.id, static_cast<std::uint64_t>(facts.fixed_bytes + beyond));
  // A walk for nobody would go on to its end.
  if (++totals_.objects % kBetweenLooks == 0 && IsHungUp(out_.fd())) is_unread_ = true;
}

// One reference of an object or a root; `referrer` as wire::DumpTag::kPair has it.
void CensusSink::CountReference(std::uint32_t referrer, Address target) noexcept {
  state_.at = target;
  std::uint32_t referent = wire::kNoReferent;
  if ((target & 7) == 0) {
    const Address type = cpython::TypeOf(target);
    const DumpType* facts = state_.types.IsType(type) ? state_.types.Get(type) : nullptr;
    if (facts != nullptr) referent = wire::kFirstType + facts->id;
  }
  census_.AddReference(referrer, referent);
}

void CensusSink::OnRoot(const RootFacts& root, const EdgeList& edges) noexcept {
  for (std::size_t i = 0; i < edges.count(); ++i) {
    const Address target = edges.target(i);
    if (target == 0 || !state_.types.IsObject(target)) continue;
    CountReference(static_cast<std::uint32_t>(root.kind), target);
  }
}

// 0: it could not be read.
std::size_t CensusSink::NameGuarded(Address type, char* name, std::size_t bytes) noexcept {
  FaultGuard guard;
  volatile std::size_t n = 0;  // a fault keeps it
  if (MEMWHY_GUARD(guard) == 0) n = NameOfType(type, name, bytes);
  guard.Disarm();
  return n;
}

bool CensusSink::Write() noexcept {
  PutDumpStart(out_);
  // All that were met, also those that were only referred to.
  char name[wire::kMaxKeyBytes];
  for (std::uint32_t id = 0; id < state_.types.count(); ++id) {
    const DumpType& type = *state_.types.at(id);
    PutType(out_, type, name, NameGuarded(type.type, name, sizeof(name)));
  }
  for (std::uint32_t id = 0; id < state_.types.count(); ++id) {
    const TypeCensus::Total total = census_.total(id);
    if (total.objects == 0) continue;
    out_.PutTag(DumpTag::kTypeTotal);
    out_.PutNumber(id);
    out_.PutNumber(total.objects);
    out_.PutNumber(total.bytes);
  }
  census_.EachPair([this](std::uint32_t referrer, std::uint32_t referent, std::uint64_t count) {
    out_.PutTag(DumpTag::kPair);
    out_.PutNumber(referrer);
    out_.PutNumber(referent);
    out_.PutNumber(count);
  });
  PutDumpEnd(out_, totals_);
  return out_.Flush();
}

}  // namespace memwhy::agent
