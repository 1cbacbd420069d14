// SPDX-License-Identifier: Apache-2.0
//
// Gets a posted request taken: wakes a thread of the target again and again, and knows when that is
// in vain. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "recorder/dump/heap_request.h"

namespace memwhy::recorder {

class RequestWait {
 public:
  static constexpr double kPatience_s = 15;

  // `request` was just posted to process `pid`; it and `fs` outlive this. `patience_s`: until the
  // request is taken.
  RequestWait(const FileSystem& fs, HeapRequest* request, pid_t pid,
              double patience_s = kPatience_s);
  // Wakes a thread when it is time to.
  void Step();
  // After a while that nobody has taken the request, takes it back and says why nobody did.
  std::optional<Error> WhyNotTaken();
  double Seconds() const;  // since it was posted

 private:
  void Wake();

  const FileSystem& fs_;
  HeapRequest* request_;
  pid_t pid_;
  double patience_s_;
  std::uint64_t began_;
  std::uint64_t next_wake_ = 0;
  std::string obstacle_;             // why the target was not woken, last time
  bool is_forbidden_ = false;        // and will not be
  std::uint64_t stopped_since_ = 0;  // 0: it is not stopped
};

}  // namespace memwhy::recorder
