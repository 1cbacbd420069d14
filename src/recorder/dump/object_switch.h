// SPDX-License-Identifier: Apache-2.0
//
// Asks the agent of one process to begin or to end an object period
// (agent/capture/object_period.h). In steps that never wait, so that a recorder goes on recording
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

struct ObjectSwitchReply {
  std::uint64_t at_ns = 0;  // CLOCK_MONOTONIC of the change; 0: nothing changed
  std::string error;        // "" or the agent's reason
};

class ObjectSwitch {
 public:
  // Posts the request; gives up when nobody takes it within `patience_s`. `fs` outlives this.
  static Result<std::unique_ptr<ObjectSwitch>> Start(const FileSystem& fs, pid_t pid, bool begins,
                                                     double patience_s);
  ~ObjectSwitch();
  ObjectSwitch(const ObjectSwitch&) = delete;
  ObjectSwitch& operator=(const ObjectSwitch&) = delete;

  // The reply when there is one. An error: there will be none.
  Result<std::optional<ObjectSwitchReply>> Step();

 private:
  ObjectSwitch(const FileSystem& fs, pid_t pid) : fs_(fs), pid_(pid) {}
  Result<void> Post(bool begins, double patience_s);

  const FileSystem& fs_;
  pid_t pid_;
  std::unique_ptr<RingMap> ring_;
  std::optional<RingOwner> owner_;  // of ring_
  std::optional<HeapRequest> request_;
  std::optional<RequestWait> wait_;
  bool is_answered_ = false;
};

}  // namespace memwhy::recorder
