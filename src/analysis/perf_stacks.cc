// SPDX-License-Identifier: Apache-2.0
#include "analysis/perf_stacks.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "analysis/memcheck_stack.h"
#include "base/strings.h"

namespace memwhy::analysis {
namespace {

constexpr std::string_view kPythonMark = "py::";

// Where threads begin.
constexpr std::array<std::string_view, 6> kOutermost = {
    "_start", "__libc_start_main", "__libc_start_call_main", "clone", "clone3", "start_thread"};

bool IsPerfPython(const model::NativeFrame& frame) {
  return StartsWith(frame.function, kPythonMark);
}

bool IsPerfInterpreter(const model::NativeFrame& frame) {
  const std::string_view base = Basename(frame.object);
  return StartsWith(base, "python") || OwnerOf(frame, "") == NativeOwner::kInterpreter;
}

// "py::Cache.put:/srv/app.py": a name has no colon, a path may.
model::Frame PythonFrame(std::string_view symbol) {
  symbol.remove_prefix(kPythonMark.size());
  const std::size_t colon = symbol.find(':');
  model::Frame frame;
  frame.function = symbol.substr(0, colon);
  if (colon != std::string_view::npos) frame.file = symbol.substr(colon + 1);
  return frame;
}

bool ReachesTheBeginning(const std::vector<model::NativeFrame>& frames) {
  return std::any_of(frames.begin(), frames.end(), [](const model::NativeFrame& frame) {
    return std::find(kOutermost.begin(), kOutermost.end(), frame.function) != kOutermost.end();
  });
}

model::PerfStack MergeOne(const std::vector<model::NativeFrame>& frames) {
  model::PerfStack stack;
  stack.has_python = std::any_of(frames.begin(), frames.end(), IsPerfPython);
  stack.is_truncated = !ReachesTheBeginning(frames);
  for (const model::NativeFrame& native : frames) {
    if (IsPerfPython(native)) {
      stack.frames.push_back(PythonFrame(native.function));
      continue;
    }
    if (stack.has_python && IsPerfInterpreter(native)) continue;
    model::Frame frame = NativeFrameOf(native);
    // Entry and body of a Cython function; addresses without names in one library.
    const bool is_one = frame.language == model::Language::kCython || frame.function.empty();
    if (is_one && !stack.frames.empty() && stack.frames.back() == frame) continue;
    stack.frames.push_back(std::move(frame));
  }
  return stack;
}

}  // namespace

model::PerfProfile MergePerfStacks(const model::PerfScript& script) {
  using Key = std::pair<std::string, std::vector<std::string>>;
  std::map<Key, model::PerfStack> merged;
  model::PerfProfile profile;
  profile.samples = script.samples;
  for (const auto& [key, count] : script.stacks) {
    model::PerfStack stack = MergeOne(key.second);
    stack.event = key.first;
    Key name{key.first, {stack.is_truncated ? "cut" : ""}};
    for (const model::Frame& frame : stack.frames) {
      name.second.push_back(frame.function + "\n" + frame.module + "\n" + frame.file);
    }
    if (!stack.has_python) profile.without_python += count;
    if (stack.is_truncated) profile.truncated += count;
    merged.try_emplace(std::move(name), std::move(stack)).first->second.samples += count;
  }
  for (auto& [name, stack] : merged) profile.stacks.push_back(std::move(stack));
  std::stable_sort(profile.stacks.begin(), profile.stacks.end(),
                   [](const auto& a, const auto& b) { return a.samples > b.samples; });
  return profile;
}

}  // namespace memwhy::analysis
