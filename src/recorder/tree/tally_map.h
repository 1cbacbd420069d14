// SPDX-License-Identifier: Apache-2.0
//
// The recorder's side of the tally (wire/tally.h): a file in memory that the processes of the
// recording find through /proc by the address that they are given. The target may scribble on it:
// values are copied first, then checked. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "recorder/tree/unseen_process.h"
#include "wire/tally.h"

namespace memwhy::recorder {

class TallyMap {
 public:
  // Null where the kernel makes no file in memory: then only what we find ourselves is known.
  static std::unique_ptr<TallyMap> Make();
  ~TallyMap();
  TallyMap(const TallyMap&) = delete;
  TallyMap& operator=(const TallyMap&) = delete;

  // MEMWHY_TALLY: "PATH DEVICE INODE".
  const std::string& address() const { return address_; }
  // What has been noted since the last call.
  std::vector<UnseenProcess> Take();
  // How many found no room, since the last call.
  std::uint64_t TakeUntold();

 private:
  TallyMap(UniqueFd fd, wire::TallyFile* file, std::string address)
      : fd_(std::move(fd)), file_(file), address_(std::move(address)) {}

  UniqueFd fd_;
  wire::TallyFile* file_;
  std::string address_;
};

// In words.
std::string UnseenText(wire::Unseen why);

}  // namespace memwhy::recorder
