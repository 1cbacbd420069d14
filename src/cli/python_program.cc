// SPDX-License-Identifier: Apache-2.0
#include "cli/python_program.h"

#include <fmt/core.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "base/strings.h"

namespace memwhy::cli {
namespace {

bool IsPython(const std::string& program) { return StartsWith(Basename(program), "python"); }

std::string ParentOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? "" : path.substr(0, slash);
}

}  // namespace

Result<PythonProgram> ReadPythonProgram(const std::vector<std::string>& arguments,
                                        const std::string& python) {
  if (arguments.empty()) return Error("a script is needed: -- SCRIPT.py ARGS...");
  PythonProgram out;
  if (!IsPython(arguments.front())) {
    if (!EndsWith(arguments.front(), ".py")) {
      return Error::Of(
          "{} is neither a Python script (SCRIPT.py ARGS...) nor an interpreter with one "
          "(python SCRIPT ARGS...)",
          arguments.front());
    }
    out.python = python.empty() ? "python3" : python;
    out.script = arguments;
    return out;
  }
  if (!python.empty()) {
    return Error::Of("--python and the interpreter {} say two things; leave one out",
                     arguments.front());
  }
  out.python = arguments.front();
  std::size_t at = 1;
  for (; at < arguments.size() && StartsWith(arguments[at], "-") && arguments[at] != "-m"; ++at) {
    if (arguments[at] == "-" || arguments[at] == "-c") {
      return Error::Of("{} {}: give the program as a file", out.python, arguments[at]);
    }
    out.options.push_back(arguments[at]);
    const bool has_value = arguments[at] == "-X" || arguments[at] == "-W";
    if (has_value && at + 1 < arguments.size()) out.options.push_back(arguments[++at]);
  }
  out.script.assign(arguments.begin() + static_cast<std::ptrdiff_t>(at), arguments.end());
  const std::size_t needed = !out.script.empty() && out.script.front() == "-m" ? 2 : 1;
  if (out.script.size() < needed) {
    return Error::Of("{}: a script or -m MODULE is missing after the interpreter", out.python);
  }
  return out;
}

std::string OwnPath() {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  return length <= 0 ? "" : std::string(path, static_cast<std::size_t>(length));
}

Result<std::string> FindPackageFile(const std::string& name) {
  if (const char* package = std::getenv("MEMWHY_PACKAGE"); package != nullptr && *package != 0) {
    const std::string path = fmt::format("{}/{}", package, name);
    if (access(path.c_str(), R_OK) == 0) return path;
    return Error::Of("MEMWHY_PACKAGE is {}, which has no readable {}", package, name);
  }
  for (std::string folder = ParentOf(OwnPath()); !folder.empty(); folder = ParentOf(folder)) {
    for (const char* inner : {"", "/python/memwhy"}) {
      const std::string path = fmt::format("{}{}/{}", folder, inner, name);
      if (access(path.c_str(), R_OK) == 0) return path;
    }
  }
  return Error::Of(
      "memwhy's Python package was not found beside {}; set MEMWHY_PACKAGE to the folder that has "
      "{}",
      OwnPath(), name);
}

}  // namespace memwhy::cli
