// SPDX-License-Identifier: Apache-2.0
//
// The folder in which the pipe of a dump and the files beside it lie, where both we and the process
// reach them. Mostly the session. A process of another user (a service that gave up root, a session
// of a user whom root looks after) gets a folder of its own below its /tmp: it is ours, so that
// nobody can put anything else into its place, and the files in it are given to the process's user.
// One thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace memwhy::recorder {

class MeetingPlace {
 public:
  // `session` as the process names it. An error says why the process cannot be asked.
  static Result<std::unique_ptr<MeetingPlace>> Open(const FileSystem& fs, pid_t pid,
                                                    const std::string& session);
  ~MeetingPlace();  // removes a folder that it made, which is empty then
  MeetingPlace(const MeetingPlace&) = delete;
  MeetingPlace& operator=(const MeetingPlace&) = delete;

  // A file of this name in it, for us and for the process.
  std::string Ours(const std::string& name) const { return ours_ + "/" + name; }
  std::string Theirs(const std::string& name) const { return theirs_ + "/" + name; }

  // Gives a file that we made in it to the process's user.
  Result<void> HandOver(const std::string& name) const;

 private:
  MeetingPlace() = default;

  std::string ours_;
  std::string theirs_;
  UniqueFd parent_;            // of a folder that we made
  std::string made_;           // its name there
  UniqueFd folder_;            // likewise
  std::optional<uid_t> user_;  // whom files are given to
  gid_t group_ = 0;
};

// The user that opens files as this process does. nullopt: there is no such process.
std::optional<std::pair<uid_t, gid_t>> UserOf(const FileSystem& fs, pid_t pid);

// "www-data (33)"; "33" without a name.
std::string UserText(uid_t user);

}  // namespace memwhy::recorder
