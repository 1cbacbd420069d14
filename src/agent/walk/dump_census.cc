// SPDX-License-Identifier: Apache-2.0
//
// A walk of which only sums are written: objects and bytes by type, references by pair of types.
// Part of DumpWalk.
#include "agent/ground/agent.h"
#include "agent/python/type_name.h"
#include "agent/walk/dump_walk.h"

namespace memwhy::agent {

using cpython::Address;
using wire::DumpTag;

// One reference of an object of type `referrer`, or of a root, as wire::DumpTag::kPair has them.
void DumpWalk::CountEdge(std::uint32_t referrer, Address target) noexcept {
  if (target == 0) return;
  at_ = target;
  std::uint32_t referent = wire::kNoReferent;
  if ((target & 7) == 0) {
    const Address type = cpython::TypeOf(target);
    const DumpType* facts = types_.IsType(type) ? types_.Get(type) : nullptr;
    if (facts != nullptr) referent = wire::kFirstType + facts->id;
  }
  census_->AddReference(referrer, referent);
  if (referrer >= wire::kFirstType) ++edge_count_;
}

// The same walk, so that it sees what a dump sees; what a dump writes is dropped.
bool DumpWalk::RunCensus(FreeMemory* free, TypeCensus& census) noexcept {
  census_ = &census;
  out_.Drop();
  if (!Run(false, free) || census.failed()) return false;
  out_.Restart();
  return WriteCensus();
}

// 0: it could not be read.
std::size_t DumpWalk::NameGuarded(Address type, char* name, std::size_t bytes) noexcept {
  FaultGuard guard;
  volatile std::size_t n = 0;  // a fault keeps it
  if (MEMWHY_GUARD(guard) == 0) n = NameOfType(type, name, bytes);
  guard.Disarm();
  return n;
}

bool DumpWalk::WriteCensus() noexcept {
  PutStart(false);
  // All that were met, also those that were only referred to.
  char name[wire::kMaxKeyBytes];
  for (std::uint32_t id = 0; id < types_.count(); ++id) {
    const DumpType& type = *types_.at(id);
    PutType(type, name, NameGuarded(type.type, name, sizeof(name)));
  }
  for (std::uint32_t id = 0; id < types_.count(); ++id) {
    const TypeCensus::Total total = census_->total(id);
    if (total.objects == 0) continue;
    out_.PutTag(DumpTag::kTypeTotal);
    out_.PutNumber(id);
    out_.PutNumber(total.objects);
    out_.PutNumber(total.bytes);
  }
  census_->EachPair([this](std::uint32_t referrer, std::uint32_t referent, std::uint64_t count) {
    out_.PutTag(DumpTag::kPair);
    out_.PutNumber(referrer);
    out_.PutNumber(referent);
    out_.PutNumber(count);
  });
  PutEnd();
  return out_.Flush();
}

}  // namespace memwhy::agent
