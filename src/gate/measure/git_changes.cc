// SPDX-License-Identifier: Apache-2.0
#include "gate/measure/git_changes.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "base/file_system.h"
#include "base/strings.h"
#include "base/terminal_text.h"
#include "gate/measure/program_run.h"
#include "gate/measure/temporary_folder.h"

namespace memwhy::gate {
namespace {

constexpr double kTimeout_s = 60;

// What git prints, without its last line end.
Result<std::string> Git(const std::string& folder, std::vector<std::string> arguments) {
  MEMWHY_TRY(TemporaryFolder temporary, TemporaryFolder::Make());
  ProgramSpec spec;
  // No pager, no hook, no monitor of the file system, no driver of a diff.
  spec.argv = {"git", "--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"};
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  spec.directory = folder;
  spec.environment = {{"GIT_OPTIONAL_LOCKS", "0"}, {"LC_ALL", "C"}};
  spec.log = temporary.Next(".log");
  spec.timeout_s = kTimeout_s;
  MEMWHY_TRY(const ProgramRun run, RunProgram(spec));
  MEMWHY_TRY(const std::string text, RealFileSystem().ReadSmall(spec.log));
  if (const std::string why = WhyFailed(run.status); !why.empty()) {
    const auto lines = SplitLines(text);
    return Error(fmt::format("git {}: {}", arguments.front(),
                             lines.empty() ? why : EscapeName(CutBytes(lines.back(), 200))));
  }
  return text;
}

std::string LastLine(const std::string& text) {
  const auto lines = SplitLines(text);
  return lines.empty() ? "" : std::string(Trim(lines.back()));
}

// "12,3" of a hunk's head: lines 12 to 14; nullopt where nothing is left ("12,0").
std::optional<std::pair<int, int>> RangeOf(std::string_view text) {
  const auto fields = Split(text, ',');
  const auto first = ParseUint(fields[0]);
  const auto count = fields.size() > 1 ? ParseUint(fields[1]) : 1;
  constexpr std::uint64_t kMaxLine = 100'000'000;
  if (!first || !count || *count == 0 || *first > kMaxLine || *count > kMaxLine) {
    return std::nullopt;
  }
  return std::pair(static_cast<int>(*first), static_cast<int>(*first + *count - 1));
}

}  // namespace

bool IsCommit(const std::string& text) {
  return (text.size() == 40 || text.size() == 64) && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Result<std::string> HeadCommit(const std::string& folder) {
  MEMWHY_TRY(const std::string text, Git(folder, {"rev-parse", "--verify", "HEAD"}));
  std::string commit = LastLine(text);
  if (!IsCommit(commit)) return Error("git rev-parse: no commit");
  return commit;
}

ChangedLines ParseDiff(const std::string& diff) {
  ChangedLines changed;
  std::string file;
  bool in_head = false;
  for (const std::string_view line : SplitLines(diff)) {
    // A line that was added may look like a head: only what follows "diff" is one.
    if (line.starts_with("diff --git ")) {
      in_head = true;
      file.clear();
    } else if (in_head && line.starts_with("+++ ")) {
      const std::string_view name = line.substr(4);
      file = name == "/dev/null" ? "" : std::string(name);
      // git ends a name that has spaces by a tab.
      if (file.ends_with('\t')) file.pop_back();
    } else if (line.starts_with("@@ -")) {
      in_head = false;
      const auto fields = SplitFields(line);
      if (file.empty() || fields.size() < 3 || !fields[2].starts_with('+')) continue;
      if (const auto range = RangeOf(fields[2].substr(1))) changed[file].push_back(*range);
    }
  }
  return changed;
}

Result<ChangedLines> LinesSince(const std::string& folder, const std::string& commit) {
  if (!IsCommit(commit)) return Error("no commit");
  MEMWHY_TRY(const std::string text,
             Git(folder, {"-c", "core.quotePath=false", "diff", "--unified=0", "--no-color",
                          "--no-ext-diff", "--no-textconv", "--no-prefix", "--relative",
                          "--diff-filter=AMR", commit, "--"}));
  return ParseDiff(text);
}

Result<Checkout> Checkout::Make(const std::string& folder, const std::string& revision) {
  MEMWHY_TRY(const std::string top_text, Git(folder, {"rev-parse", "--show-toplevel"}));
  MEMWHY_TRY(const std::string prefix_text, Git(folder, {"rev-parse", "--show-prefix"}));
  MEMWHY_TRY(const std::string commit_text,
             Git(folder, {"rev-parse", "--verify", "--end-of-options", revision + "^{commit}"}));
  const std::string top = LastLine(top_text);
  const std::string prefix = LastLine(prefix_text);
  const std::string commit = LastLine(commit_text);
  if (!IsCommit(commit)) return Error(fmt::format("{} is no revision", revision));
  MEMWHY_TRY(TemporaryFolder parent, TemporaryFolder::Make());
  const std::string place = parent.Keep();
  Checkout checkout(top, place, prefix.empty() ? place + "/tree" : place + "/tree/" + prefix);
  while (checkout.folder_.ends_with('/')) checkout.folder_.pop_back();
  MEMWHY_TRY(const std::string said,
             Git(top, {"worktree", "add", "--quiet", "--detach", place + "/tree", commit}));
  static_cast<void>(said);
  return checkout;
}

Checkout::Checkout(Checkout&& other) noexcept
    : repository_(std::move(other.repository_)),
      place_(std::exchange(other.place_, "")),
      folder_(std::move(other.folder_)) {}

Checkout::~Checkout() {
  if (place_.empty()) return;
  static_cast<void>(
      Git(repository_, {"worktree", "remove", "--force", place_ + "/tree"}).has_value());
  std::error_code ignored;
  std::filesystem::remove_all(place_, ignored);
}

}  // namespace memwhy::gate
