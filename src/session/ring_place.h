// SPDX-License-Identifier: Apache-2.0
//
// Where the rings of a session lie: in its directory; or elsewhere, where its file system may not
// keep the pages of a file (recorder/ring/page_promise.h). Then
//
//   SESSION/rings-in     the absolute path of their folder, in a line
//   FOLDER/of-session    "DEVICE INODE" of the session's directory in a line, its path in the next
//
// A session may come from anybody, so the folder that it names is used only if it belongs to the
// session's owner and nobody else may write there, links are never followed, and nothing is taken
// out of a folder that does not name this session as its own. One thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace memwhy::session {

inline constexpr char kRingsIn[] = "rings-in";
inline constexpr char kOfSession[] = "of-session";
// Of folders elsewhere, with random letters behind it.
inline constexpr std::string_view kRingFolderPrefix = "memwhy-rings.";

struct RingPlace {
  std::string folder;    // "": in the session
  std::string trouble;   // "" or why the folder that the session names cannot be used
  bool is_ours = false;  // the folder names this session
};
RingPlace FindRingPlace(const std::string& session);

// Makes the two files. `folder` is ours, empty and absolute, `session` absolute.
Result<void> WriteRingPlace(const std::string& session, const std::string& folder);
// Takes both away, and what is in the folder but rings. False: the folder has rings, or something
// that is not known; nothing was done then.
bool RemoveRingPlace(const std::string& session, const std::string& folder);

// The session that a folder of rings names; "" where it is no such folder.
std::string SessionOfRings(const std::string& folder);

// Full paths of all rings of a session, wherever they lie.
std::vector<std::string> FindAllRings(const std::string& session);

// Moves what rings elsewhere still hold into the session, once neither the recorder nor a process
// of a ring lives: memory does not outlive the machine. Ok as well where there is nothing to move,
// or not yet. An error: why they stay where they are, from where they can be read all the same.
Result<void> BringRingsHome(const std::string& session);

}  // namespace memwhy::session
