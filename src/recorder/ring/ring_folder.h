// SPDX-License-Identifier: Apache-2.0
//
// The folder in which the agents of a recording make their rings. Mostly the session; where its
// file system may not keep their pages (page_promise.h), a folder of its own on a disk that does,
// or in memory (/dev/shm), which is named by the session (session/ring_place.h). Invariant: rings
// lie only where a store into them cannot fail; where no place is like that, nothing is recorded.
// Decision 0030. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "recorder/ring/page_promise.h"

namespace memwhy::recorder {

struct RingPlan {
  std::string parent;            // of the folder to make; "": the session itself
  PagePromise session;           // of the session's disk
  PagePromise promise;           // of the place
  Bytes free = 0;                // there
  std::uint64_t pool_bytes = 0;  // that a ring may have there
};

// Where rings may lie that are not in the session: those of MEMWHY_RING_PLACES, with colons between
// them, else the usual ones. Disks come first, they take no memory.
std::vector<std::string> RingPlaces();

// `session` is a folder. An error says for each of the places why it is none.
Result<RingPlan> PlanRings(const std::string& session, std::uint64_t pool_bytes,
                           const std::vector<std::string>& places = RingPlaces());

class RingFolder {
 public:
  // `session` is absolute and was just made.
  static Result<std::unique_ptr<RingFolder>> Make(const std::string& session,
                                                  std::uint64_t pool_bytes);
  ~RingFolder() { Remove(); }
  RingFolder(const RingFolder&) = delete;
  RingFolder& operator=(const RingFolder&) = delete;

  const std::string& path() const { return path_; }
  bool is_elsewhere() const { return path_ != session_; }
  std::uint64_t pool_bytes() const { return plan_.pool_bytes; }
  // For the session's notes; "" where they lie in it.
  std::string Note() const;
  // Takes a folder elsewhere away. False: there still is a ring in it, the only place of its last
  // events.
  bool Remove();

 private:
  RingFolder(std::string session, std::string path, RingPlan plan);

  const std::string session_;
  const std::string path_;
  const RingPlan plan_;
  bool is_removed_ = false;
};

// Folders of rings in those places that belong to this user and that no recorder watches over any
// more: what a killed recording left behind.
struct LeftRings {
  std::string folder;
  std::string session;  // as it was named
};
std::vector<LeftRings> FindLeftRings(const std::vector<std::string>& places = RingPlaces());

}  // namespace memwhy::recorder
