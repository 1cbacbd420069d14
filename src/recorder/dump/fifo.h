// SPDX-License-Identifier: Apache-2.0
//
// A named pipe for the time of one dump; its reading end is ours.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/unique_fd.h"

namespace memwhy::recorder {

class Fifo {
 public:
  static Result<std::unique_ptr<Fifo>> Make(const std::string& path);
  ~Fifo();
  Fifo(const Fifo&) = delete;
  Fifo& operator=(const Fifo&) = delete;
  int fd() const { return fd_.get(); }  // does not block

 private:
  explicit Fifo(std::string path) : path_(std::move(path)) {}
  std::string path_;
  UniqueFd fd_;
};

}  // namespace memwhy::recorder
