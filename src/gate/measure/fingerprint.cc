// SPDX-License-Identifier: Apache-2.0
#include "gate/measure/fingerprint.h"

#include <fmt/core.h>
#include <gnu/libc-version.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "base/terminal_text.h"
#include "os/processors.h"

namespace memwhy::gate {
namespace {

constexpr std::string_view kPrefixes[] = {"MALLOC_",  "PYTHON",   "OMP_", "MKL_",   "OPENBLAS_",
                                          "NUMEXPR_", "PYTORCH_", "TF_",  "NUMPY_", "_RJEM_"};
constexpr std::string_view kNames[] = {"LD_PRELOAD", "LD_LIBRARY_PATH", "GLIBC_TUNABLES",
                                       "CUDA_VISIBLE_DEVICES"};
constexpr std::size_t kValueBytes = 200;

bool IsAboutMemory(std::string_view name) {
  return std::ranges::any_of(kPrefixes,
                             [&](std::string_view prefix) { return name.starts_with(prefix); }) ||
         std::ranges::find(kNames, name) != std::end(kNames);
}

// The word between the brackets: "always [madvise] never".
std::string Chosen(const std::string& text) {
  const std::size_t begin = text.find('[');
  const std::size_t end = text.find(']', begin == std::string::npos ? 0 : begin);
  if (begin == std::string::npos || end == std::string::npos) return std::string(Trim(text));
  return text.substr(begin + 1, end - begin - 1);
}

constexpr const char* kAsk =
    "import json, sys, platform\n"
    "try:\n"
    "    from importlib.metadata import distributions\n"
    "    found = {str(one.metadata['Name']): str(one.version) for one in distributions()}\n"
    "except ImportError:\n"
    "    found = {}\n"
    "print(json.dumps({'python': platform.python_implementation() + ' ' +\n"
    "                  platform.python_version(), 'libraries': found}))\n";

}  // namespace

Fingerprint MachineFingerprint(const FileSystem& fs) {
  Fingerprint parts;
  utsname name{};
  if (uname(&name) == 0) {
    parts["kernel"] = fmt::format("{} {} {}", name.sysname, name.release, name.machine);
  }
  parts["libc"] = fmt::format("glibc {}", gnu_get_libc_version());
  if (const auto processors = os::ReadProcessors(fs, getpid())) {
    parts["processors"] = fmt::format("{}", processors->allowed);
    if (processors->quota)
      parts["processors"] += fmt::format(" (quota {:.2f})", *processors->quota);
  }
  if (const auto text = fs.ReadSmall("/proc/meminfo")) {
    for (const std::string_view line : SplitLines(*text)) {
      const auto fields = SplitFields(line);
      if (fields.size() < 2 || fields[0] != "MemTotal:") continue;
      // To a GiB: the kernel keeps a little more or less for itself.
      const auto kib = ParseUint(fields[1]);
      if (kib) parts["memory"] = fmt::format("{} GiB", (*kib + (1u << 19)) >> 20);
    }
  }
  if (const auto text = fs.ReadSmall("/sys/kernel/mm/transparent_hugepage/enabled")) {
    parts["huge_pages"] = Chosen(*text);
  }
  return parts;
}

Fingerprint VariablesFingerprint(const ProgramSpec& spec) {
  Fingerprint parts;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view text(*one);
    const std::size_t equal = text.find('=');
    if (equal == std::string_view::npos || !IsAboutMemory(text.substr(0, equal))) continue;
    parts["variables." + std::string(text.substr(0, equal))] =
        std::string(CutBytes(text.substr(equal + 1), kValueBytes));
  }
  for (const auto& [name, value] : spec.environment) {
    if (IsAboutMemory(name)) parts["variables." + name] = std::string(CutBytes(value, kValueBytes));
  }
  return parts;
}

Result<Fingerprint> PythonFingerprint(const std::string& python, ProgramSpec spec) {
  spec.argv = {python, "-c", kAsk};
  spec.samples = false;
  MEMWHY_TRY(const ProgramRun run, RunProgram(spec));
  if (const std::string why = WhyFailed(run.status); !why.empty()) {
    return Error(fmt::format("{} cannot be asked for its version: {}", python, why));
  }
  MEMWHY_TRY(const std::string text, RealFileSystem().ReadSmall(spec.log));
  const auto lines = SplitLines(text);
  const auto said =
      nlohmann::json::parse(lines.empty() ? std::string_view() : lines.back(), nullptr, false);
  if (!said.is_object() || !said.contains("python") || !said["python"].is_string()) {
    return Error(fmt::format("{} cannot be asked for its version", python));
  }
  Fingerprint parts;
  parts["python"] = said["python"].get<std::string>();
  if (const auto found = said.find("libraries"); found != said.end() && found->is_object()) {
    for (const auto& [name, version] : found->items()) {
      if (version.is_string()) parts["libraries." + name] = version.get<std::string>();
    }
  }
  return parts;
}

}  // namespace memwhy::gate
