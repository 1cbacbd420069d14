// SPDX-License-Identifier: Apache-2.0
#include "session/native_names.h"

#include <cxxabi.h>
#include <fmt/core.h>

#include <array>
#include <cctype>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "base/strings.h"
#include "model/cython_name.h"

namespace memwhy::session {
namespace {

constexpr std::array<std::string_view, 4> kSystemFiles = {"libc.so", "ld-linux", "libpthread",
                                                          "linux-vdso"};
constexpr std::size_t kMaxMangledBytes = 2048;
constexpr std::size_t kMaxReadableBytes = 512;

bool IsInterpreterFile(std::string_view name) {
  if (StartsWith(name, "libpython")) return true;
  if (!StartsWith(name, "python")) return false;
  for (const char letter : name.substr(6)) {
    if (std::isdigit(static_cast<unsigned char>(letter)) == 0 && letter != '.' && letter != 'd') {
      return false;
    }
  }
  return true;
}

std::string Readable(const std::string& name) {
  if (!StartsWith(name, "_Z") || name.size() > kMaxMangledBytes) return name;
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), &std::free);
  if (status != 0 || text == nullptr) return name;
  const std::string_view readable = text.get();
  return std::string(readable.substr(0, kMaxReadableBytes));
}

model::Frame MarkFrame(std::uint64_t mark) {
  const bool is_cut = mark == static_cast<std::uint64_t>(wire::StackMark::kCut);
  return {.function = is_cut ? "[outer frames unknown]" : "[frames between unknown]",
          .module = "",
          .file = "",
          .language = model::Language::kC};
}

}  // namespace

const NativeNames::File& NativeNames::FileOf(const NativeModule& module) {
  const auto [found, is_new] = files_.try_emplace(module.path + '\n' + module.build_id);
  File& file = found->second;
  if (!is_new) return file;
  const std::string_view name = Basename(module.path);
  file.is_interpreter = IsInterpreterFile(name);
  for (const std::string_view system : kSystemFiles) {
    file.is_system = file.is_system || StartsWith(name, system);
  }
  if (file.is_interpreter || module.path.empty() || module.path.front() != '/') return file;
  if (auto names = os::FunctionNames::Read(module.path, module.build_id)) {
    file.names = *std::move(names);
  }
  return file;
}

std::optional<model::Frame> NativeNames::Of(const NativeModule& module, std::uint64_t address,
                                            bool is_outermost) {
  if (module.kind == wire::ModuleKind::kMark) return MarkFrame(address);
  model::Frame frame;
  frame.language = model::Language::kC;
  if (module.kind == wire::ModuleKind::kOutside) {
    frame.function = "[code in no file]";
    return frame;
  }
  const File& file = FileOf(module);
  if (file.is_interpreter || (file.is_system && is_outermost)) return std::nullopt;
  frame.module = std::string(Basename(module.path));
  frame.file = module.path;
  const std::string name = file.names ? file.names->NameOf(address) : "";
  if (name.empty()) {
    frame.function = fmt::format("{}+{:#x}", frame.module, address);
    return frame;
  }
  if (const auto cython = model::ReadCythonName(name, frame.module)) {
    frame.function = cython->function;
    frame.module = cython->module;
    frame.language = model::Language::kCython;
    return frame;
  }
  frame.function = Readable(name);
  return frame;
}

}  // namespace memwhy::session
