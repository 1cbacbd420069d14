// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/plain_request.h"

#include <utility>

#include "recorder/dump/heap_dump.h"

namespace memwhy::recorder {

PlainRequest::~PlainRequest() {
  if (request_ && !is_answered_) request_->Withdraw();
}

Result<std::unique_ptr<PlainRequest>> PlainRequest::Start(const FileSystem& fs, pid_t pid,
                                                          const PlainQuestion& question,
                                                          double patience_s) {
  std::unique_ptr<PlainRequest> request(new PlainRequest(fs, pid));
  MEMWHY_TRY_VOID(request->Post(question, patience_s));
  return request;
}

Result<void> PlainRequest::Post(const PlainQuestion& question, double patience_s) {
  MEMWHY_TRY(const std::string path, FindUsableRing(fs_, pid_));
  MEMWHY_TRY(ring_, RingMap::Open(OurPath(fs_, pid_, path)));
  MEMWHY_TRY(RingOwner owner, RingOwner::Prove(fs_, pid_, *ring_));
  owner_.emplace(std::move(owner));
  MEMWHY_TRY(HeapRequest request, HeapRequest::PostPlain(fs_, ring_.get(), &*owner_, question));
  request_.emplace(std::move(request));
  wait_.emplace(fs_, &*request_, pid_, patience_s);
  return {};
}

Result<std::optional<HeapReply>> PlainRequest::Step() {
  wait_->Step();
  if (auto reply = request_->Poll()) {
    is_answered_ = true;
    return reply;
  }
  if (auto why = wait_->WhyNotTaken()) {
    is_answered_ = true;  // it was taken back
    return *std::move(why);
  }
  if (owner_->IsGone()) return Error::Of("process {} has ended", pid_);
  return std::optional<HeapReply>();
}

}  // namespace memwhy::recorder
