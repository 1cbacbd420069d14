// SPDX-License-Identifier: Apache-2.0
//
// A small file of the session that holds room on the disk: given back when the disk is full, so
// that the session can still say how it ended. Best effort; another program may be faster.
#pragma once

#include <string>

namespace memwhy::recorder {

class DiskReserve {
 public:
  DiskReserve() = default;
  ~DiskReserve() { Release(); }
  DiskReserve(const DiskReserve&) = delete;
  DiskReserve& operator=(const DiskReserve&) = delete;

  void Make(const std::string& session);
  void Release();
  // Waits until the file system has really taken back what was removed.
  static void Settle(const std::string& session);

 private:
  std::string path_;  // "" without a file
};

}  // namespace memwhy::recorder
