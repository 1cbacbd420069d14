// SPDX-License-Identifier: Apache-2.0
//
// A request that the agent of one process answers in one step: to begin or to end an object period
// (agent/capture/object_period.h), to predict or to do an intervention
// (agent/entry/intervention.h). In steps that never wait, so that a recorder goes on recording
// meanwhile. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "recorder/dump/heap_request.h"
#include "recorder/dump/request_wait.h"
#include "recorder/ring/ring_map.h"
#include "recorder/ring/ring_owner.h"

namespace memwhy::recorder {

class PlainRequest {
 public:
  // Posts the request; gives up when nobody takes it within `patience_s`. `fs` outlives this.
  static Result<std::unique_ptr<PlainRequest>> Start(const FileSystem& fs, pid_t pid,
                                                     const PlainQuestion& question,
                                                     double patience_s);
  ~PlainRequest();
  PlainRequest(const PlainRequest&) = delete;
  PlainRequest& operator=(const PlainRequest&) = delete;

  // The reply when there is one. An error: there will be none.
  Result<std::optional<HeapReply>> Step();

 private:
  PlainRequest(const FileSystem& fs, pid_t pid) : fs_(fs), pid_(pid) {}
  Result<void> Post(const PlainQuestion& question, double patience_s);

  const FileSystem& fs_;
  pid_t pid_;
  std::unique_ptr<RingMap> ring_;
  std::optional<RingOwner> owner_;  // of ring_
  std::optional<HeapRequest> request_;
  std::optional<RequestWait> wait_;
  bool is_answered_ = false;
};

}  // namespace memwhy::recorder
