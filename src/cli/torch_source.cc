// SPDX-License-Identifier: Apache-2.0
#include "cli/torch_source.h"

#include <dirent.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/file_system.h"
#include "base/terminal_text.h"
#include "cli/cli.h"
#include "cli/heap/heap_target.h"
#include "probes/torch/torch_facts_reader.h"
#include "recorder/dump/heap_dump.h"
#include "session/dump_file.h"

namespace memwhy::cli {
namespace {

std::unique_ptr<TorchSource> FailSource(int exit_code, std::string message,
                                        TorchSourceError* error) {
  *error = {exit_code, std::move(message)};
  return nullptr;
}

bool IsNumber(const std::string& text) {
  return !text.empty() && text.size() <= 9 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool IsFolder(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// The last one, dump.N.heap.
std::string LastDumpOf(const std::string& session) {
  DIR* folder = opendir(session.c_str());
  if (folder == nullptr) return "";
  int last = 0;
  while (const dirent* entry = readdir(folder)) {
    int number = 0;
    int end = 0;
    if (std::sscanf(entry->d_name, "dump.%d.heap%n", &number, &end) == 1 &&
        entry->d_name[end] == '\0') {
      last = std::max(last, number);
    }
  }
  closedir(folder);
  return last == 0 ? "" : fmt::format("{}/dump.{}.heap", session, last);
}

// A dump that is deleted when it has been read.
class TemporaryDump {
 public:
  TemporaryDump() {
    const char* folder = std::getenv("TMPDIR");
    path_ = fmt::format("{}/memwhy.XXXXXX", folder == nullptr || *folder == 0 ? "/tmp" : folder);
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~TemporaryDump() {
    if (path_.empty()) return;
    unlink(dump().c_str());
    rmdir(path_.c_str());
  }
  TemporaryDump(const TemporaryDump&) = delete;
  TemporaryDump& operator=(const TemporaryDump&) = delete;
  std::string dump() const { return path_ + "/torch.heap"; }
  bool is_made() const { return !path_.empty(); }

 private:
  std::string path_;
};

Result<void> TakeDump(int pid, const std::string& output) {
  const RealFileSystem fs;
  HeapTarget target;
  target.pid = pid;
  recorder::HeapDumpOptions options = target.DumpOptions();
  options.output = output;
  options.scans = false;
  MEMWHY_TRY(const auto outcome, recorder::TakeHeapDump(fs, options, target.Announcement("")));
  Warn("pause {:.1f} ms, done after {:.2f} s", outcome.pause_ms, outcome.seconds);
  return {};
}

Result<model::TorchFacts> ReadFacts(const std::string& path, const model::ObjectGraph& graph) {
  MEMWHY_TRY(const std::unique_ptr<session::DumpFile> file, session::DumpFile::Open(path));
  return probes::ReadTorchFacts(*file, graph);
}

}  // namespace

std::vector<std::optional<report::ShownBirth>> TorchSource::FindBirths(
    const std::vector<std::uint64_t>& addresses) const {
  std::vector<std::optional<report::ShownBirth>> found;
  if (!births) return found;
  for (const std::uint64_t address : addresses) found.push_back(births->Find(address));
  return found;
}

std::unique_ptr<TorchSource> OpenTorchSource(const std::string& target, const std::string& session,
                                             TorchSourceError* error) {
  auto source = std::make_unique<TorchSource>();
  source->session = session;
  std::string path = target;
  const TemporaryDump temporary;
  const bool is_process = IsNumber(target) && access(target.c_str(), F_OK) != 0;
  if (is_process) {
    const int pid = std::atoi(target.c_str());
    if (!temporary.is_made()) {
      return FailSource(kExitEnvironment, "no folder can be made in TMPDIR or /tmp for the dump",
                        error);
    }
    path = temporary.dump();
    if (const auto taken = TakeDump(pid, path); !taken) {
      return FailSource(kExitEnvironment, taken.error().message(), error);
    }
    if (session.empty()) {
      const RealFileSystem fs;
      if (auto found = recorder::FindSessionOf(fs, pid)) source->session = *std::move(found);
    }
  } else if (IsFolder(target)) {
    path = LastDumpOf(target);
    if (path.empty()) {
      return FailSource(
          kExitEnvironment,
          fmt::format("{} has no heap dump (memwhy diagnose takes some; or: memwhy heap dump PID)",
                      target),
          error);
    }
    source->session = target;
  }
  auto opened = OpenDump(path);
  if (!opened) return FailSource(kExitUsage, opened.error().message(), error);
  source->dump = std::move(*opened);
  auto facts = ReadFacts(path, source->dump->graph);
  if (!facts) return FailSource(kExitUsage, facts.error().message(), error);
  source->facts = std::move(*facts);
  if (!source->facts.has_tensors) {
    return FailSource(
        kExitEnvironment,
        fmt::format("{}: no tensor of PyTorch is in the dump (the process has none, or the dump is "
                    "of an older memwhy)",
                    target),
        error);
  }
  if (!source->facts.unknown_layout.empty()) {
    return FailSource(kExitEnvironment, fmt::format("{}: {}", target, source->facts.unknown_layout),
                      error);
  }
  if (!source->session.empty()) {
    auto births = OpenedBirths::Open(source->session, source->dump->view.facts);
    if (births) {
      source->births = std::move(*births);
    } else if (!session.empty()) {
      return FailSource(kExitUsage, births.error().message(), error);
    } else {
      Warn("births are not known: {}", births.error().message());
    }
  }
  return source;
}

}  // namespace memwhy::cli
