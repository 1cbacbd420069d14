// SPDX-License-Identifier: Apache-2.0
#include "analysis/application_frame.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>

#include "base/strings.h"

namespace memwhy::analysis {
namespace {

// A launcher: a file without a suffix in a bin folder, such as .venv/bin/uvicorn.
bool IsLauncher(std::string_view file) {
  return Contains(file, "/bin/") && !Contains(Basename(file), ".");
}

// Libraries that take memory for whoever calls them.
bool IsServant(std::string_view library) {
  for (const std::string_view name : {"libc.so", "libstdc++", "libgcc_s", "ld-linux"}) {
    if (StartsWith(library, name)) return true;
  }
  return false;
}

// The innermost C function below the innermost Python frame that takes memory for itself; null
// where there is none.
const model::Frame* NativeFrameBelow(const model::StackTree& stacks, model::StackId stack) {
  for (model::StackId at = stack; stacks.has_frames(at); at = stacks.parent(at)) {
    const model::Frame& frame = stacks.leaf(at);
    if (frame.language == model::Language::kPython) return nullptr;
    if (!frame.module.empty() && !IsServant(frame.module)) return &frame;
  }
  return nullptr;
}

std::string LibraryOf(const model::Frame& native) {
  return std::string(native.language == model::Language::kC ? native.module
                                                            : Basename(native.file));
}

}  // namespace

bool IsApplicationFrame(const model::Frame& frame) {
  const std::string_view file = frame.file;
  if (frame.language == model::Language::kC || file.empty()) return false;
  if (file.front() == '<') {
    return StartsWith(file, "<string>") || StartsWith(file, "<stdin>") ||
           StartsWith(file, "<ipython");
  }
  return !Contains(file, "/site-packages/") && !Contains(file, "/dist-packages/") &&
         !Contains(file, "/lib/python3") && !Contains(file, "/lib64/python3") && !IsLauncher(file);
}

std::optional<model::FrameId> ApplicationFrame(const model::StackTree& stacks,
                                               model::StackId stack) {
  if (!stacks.has_frames(stack)) return std::nullopt;
  for (model::StackId at = stack; stacks.has_frames(at); at = stacks.parent(at)) {
    if (IsApplicationFrame(stacks.leaf(at))) return stacks.leaf_id(at);
  }
  for (model::StackId at = stack; stacks.has_frames(at); at = stacks.parent(at)) {
    if (stacks.leaf(at).language == model::Language::kPython) return stacks.leaf_id(at);
  }
  return stacks.leaf_id(stack);
}

std::string NativeLibrary(const model::StackTree& stacks, model::StackId stack) {
  const model::Frame* native = NativeFrameBelow(stacks, stack);
  return native == nullptr ? "" : LibraryOf(*native);
}

std::vector<Function> ApplicationFunctions(const model::StackTree& stacks, model::StackId stack) {
  std::vector<Function> functions;
  for (model::StackId at = stack; stacks.has_frames(at); at = stacks.parent(at)) {
    const model::Frame& frame = stacks.leaf(at);
    if (IsApplicationFrame(frame) && frame.function != "<module>") {
      functions.emplace_back(frame.file, frame.function);
    }
  }
  std::sort(functions.begin(), functions.end());
  functions.erase(std::unique(functions.begin(), functions.end()), functions.end());
  return functions;
}

std::optional<WhoAllocated> DescribeAllocation(const model::StackTree& stacks,
                                               model::StackId stack) {
  const std::optional<model::FrameId> id = ApplicationFrame(stacks, stack);
  if (!id) return std::nullopt;
  const model::Frame& frame = stacks.frame(*id);
  WhoAllocated who;
  who.module = frame.module;
  who.callable = frame.module.empty() ? frame.function : frame.module + "." + frame.function;
  who.file = frame.file;
  who.line = frame.line;
  if (const model::Frame* native = NativeFrameBelow(stacks, stack)) {
    who.native_function = native->function;
    who.native_library = LibraryOf(*native);
  }
  who.is_truncated = stacks.is_truncated(stack);
  for (const model::FrameId each : stacks.Frames(stack)) who.stack.push_back(stacks.frame(each));
  return who;
}

std::string CallableText(const WhoAllocated& who) {
  if (who.line == 0) return who.callable;
  return fmt::format("{} ({}:{})", who.callable, Basename(who.file), who.line);
}

}  // namespace memwhy::analysis
