// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <string_view>

#include "base/file_system.h"
#include "base/regular_file.h"
#include "base/strings.h"
#include "diagnose/memcheck_run.h"
#include "model/cython_name.h"
#include "readers/cython_lines.h"
#include "readers/stub_map_reader.h"
#include "readers/valgrind_xml_reader.h"

namespace memwhy::diagnose {
namespace {

constexpr std::uint64_t kMaxText = std::uint64_t{1} << 30;
constexpr std::uint64_t kMaxSource = std::uint64_t{128} << 20;
constexpr int kMaxGenerations = 64;  // of forks

template <typename Take>
Result<void> ReadAll(const std::string& path, std::uint64_t most, const Take& take) {
  MEMWHY_TRY(const RegularFile file, OpenRegular(path, "a file of valgrind"));
  std::vector<char> buffer(std::size_t{256} << 10);
  while (most > 0) {
    const std::size_t wanted = std::min<std::uint64_t>(buffer.size(), most);
    const ssize_t count = read(file.fd.get(), buffer.data(), wanted);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::FromErrno(errno, "reading " + path);
    if (count == 0) break;
    take(std::string_view(buffer.data(), static_cast<std::size_t>(count)));
    most -= static_cast<std::uint64_t>(count);
  }
  return {};
}

Result<std::string> ReadText(const std::string& path, std::uint64_t most) {
  std::string text;
  MEMWHY_TRY_VOID(ReadAll(path, most, [&](std::string_view piece) { text += piece; }));
  return text;
}

// A forked child's map begins with its parent's, as far as that had come.
void LoadStubs(const std::string& folder, std::uint32_t pid, std::uint64_t most, int generation,
               model::PythonStubs* stubs) {
  const auto text = ReadText(JoinPath(folder, fmt::format("frames.{}", pid)), most);
  if (!text) {
    stubs->damage = text.error().message();
    return;
  }
  model::PythonStubs own;
  const auto parent = readers::ReadStubMap(*text, &own);
  if (parent && generation < kMaxGenerations) {
    LoadStubs(folder, parent->pid, std::min(parent->bytes, kMaxText), generation + 1, stubs);
  }
  for (auto& [id, code] : own.codes) stubs->codes.insert_or_assign(id, std::move(code));
  for (auto& [address, stub] : own.stubs) stubs->stubs.insert_or_assign(address, stub);
  stubs->version = own.version;
  stubs->executable = own.executable;
  if (!own.allocator.empty()) stubs->allocator = own.allocator;
  if (!own.stopped.empty()) stubs->stopped = own.stopped;
  if (!own.damage.empty()) stubs->damage = own.damage;
}

// Lines of .pyx, where the C file that Cython made still stands where it was compiled, and is not
// newer than the library.
class CythonSources {
 public:
  void Resolve(model::NativeFrame* frame) {
    if (frame->line == 0 || frame->directory.empty()) return;
    if (!EndsWith(frame->file, ".c") && !EndsWith(frame->file, ".cpp")) return;
    const std::string library(Basename(frame->object));
    if (!model::ReadCythonName(frame->function, library)) return;
    const auto& lines = LinesOf(JoinPath(frame->directory, frame->file), frame->object);
    const readers::CythonLine* line = readers::FindCythonLine(lines, frame->line);
    if (line == nullptr) return;
    frame->file = line->file;
    frame->line = line->line;
  }

 private:
  const std::vector<readers::CythonLine>& LinesOf(const std::string& path,
                                                  const std::string& library) {
    const auto [place, is_new] = files_.try_emplace(path);
    if (!is_new) return place->second;
    struct stat source{};
    struct stat built{};
    if (stat(path.c_str(), &source) != 0 || stat(library.c_str(), &built) != 0 ||
        source.st_mtime > built.st_mtime) {
      return place->second;
    }
    if (const auto text = ReadText(path, kMaxSource)) {
      place->second = readers::ReadCythonLines(*text);
    }
    return place->second;
  }

  std::map<std::string, std::vector<readers::CythonLine>> files_;
};

}  // namespace

std::vector<analysis::MemcheckProcess> LoadMemcheck(const std::string& folder,
                                                    const std::string& prefix,
                                                    std::size_t* others) {
  std::vector<analysis::MemcheckProcess> processes;
  *others = 0;
  const auto names = RealFileSystem().ListDir(folder);
  if (!names) return processes;
  CythonSources sources;
  for (const std::string& name : *names) {
    std::string_view rest = name;
    if (!ConsumePrefix(rest, prefix) || !EndsWith(rest, ".xml")) continue;
    const auto pid = ParseUint(rest.substr(0, rest.size() - 4));
    if (!pid || *pid > 0xffffffffu) continue;
    if (access(JoinPath(folder, fmt::format("frames.{}", *pid)).c_str(), F_OK) != 0) {
      ++*others;
      continue;
    }
    analysis::MemcheckProcess process;
    readers::ValgrindXmlReader reader;
    const auto read = ReadAll(JoinPath(folder, name), kMaxText,
                              [&](std::string_view piece) { reader.Feed(piece); });
    process.run = reader.Finish();
    if (!read) process.run.damage = read.error().message();
    process.run.pid = static_cast<std::uint32_t>(*pid);
    LoadStubs(folder, process.run.pid, kMaxText, 0, &process.stubs);
    for (model::MemcheckError& error : process.run.errors) {
      for (model::MemcheckStack& stack : error.stacks) {
        for (model::NativeFrame& frame : stack.frames) sources.Resolve(&frame);
      }
    }
    processes.push_back(std::move(process));
  }
  return processes;
}

}  // namespace memwhy::diagnose
