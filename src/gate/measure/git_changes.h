// SPDX-License-Identifier: Apache-2.0
//
// What git says of the program that is measured: its commit, the lines that changed since another
// one, a checkout of a third. Runs git as a child; nothing of a repository's configuration that
// names programs is followed. One thread.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace memwhy::gate {

// By file, relative to the folder that was asked for: first and last line of each changed piece, of
// the files as they are now.
using ChangedLines = std::map<std::string, std::vector<std::pair<int, int>>>;

// The commit that is checked out in `folder`; an error without git, or outside of a repository.
Result<std::string> HeadCommit(const std::string& folder);

// `commit` must be a full hash.
Result<ChangedLines> LinesSince(const std::string& folder, const std::string& commit);
// Of the output of git diff --unified=0.
ChangedLines ParseDiff(const std::string& diff);
bool IsCommit(const std::string& text);

// A checkout of a revision in a folder of its own, gone with this object.
class Checkout {
 public:
  // Of the repository in which `folder` lies.
  static Result<Checkout> Make(const std::string& folder, const std::string& revision);
  Checkout(Checkout&& other) noexcept;
  Checkout& operator=(Checkout&&) = delete;
  ~Checkout();

  // Where `folder` of the repository lies in the checkout.
  const std::string& folder() const { return folder_; }

 private:
  Checkout(std::string repository, std::string place, std::string folder)
      : repository_(std::move(repository)), place_(std::move(place)), folder_(std::move(folder)) {}
  std::string repository_;
  std::string place_;
  std::string folder_;
};

}  // namespace memwhy::gate
