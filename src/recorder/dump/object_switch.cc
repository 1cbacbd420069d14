// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/object_switch.h"

#include <utility>

#include "recorder/dump/heap_dump.h"

namespace memwhy::recorder {

ObjectSwitch::~ObjectSwitch() {
  if (request_ && !is_answered_) request_->Withdraw();
}

Result<std::unique_ptr<ObjectSwitch>> ObjectSwitch::Start(const FileSystem& fs, pid_t pid,
                                                          bool begins, double patience_s) {
  std::unique_ptr<ObjectSwitch> change(new ObjectSwitch(fs, pid));
  MEMWHY_TRY_VOID(change->Post(begins, patience_s));
  return change;
}

Result<void> ObjectSwitch::Post(bool begins, double patience_s) {
  MEMWHY_TRY(const std::string path, FindUsableRing(fs_, pid_));
  MEMWHY_TRY(ring_, RingMap::Open(OurPath(fs_, pid_, path)));
  MEMWHY_TRY(RingOwner owner, RingOwner::Prove(fs_, pid_, *ring_));
  owner_.emplace(std::move(owner));
  MEMWHY_TRY(HeapRequest request, HeapRequest::PostObjects(fs_, ring_.get(), &*owner_, begins));
  request_.emplace(std::move(request));
  wait_.emplace(fs_, &*request_, pid_, patience_s);
  return {};
}

Result<std::optional<ObjectSwitchReply>> ObjectSwitch::Step() {
  wait_->Step();
  if (auto reply = request_->Poll()) {
    is_answered_ = true;
    return std::optional(ObjectSwitchReply{reply->taken_ns, std::move(reply->error)});
  }
  if (auto why = wait_->WhyNotTaken()) {
    is_answered_ = true;  // it was taken back
    return *std::move(why);
  }
  if (owner_->IsGone()) return Error::Of("process {} has ended", pid_);
  return std::optional<ObjectSwitchReply>();
}

}  // namespace memwhy::recorder
