// SPDX-License-Identifier: Apache-2.0
#include "analysis/memcheck_stack.h"

#include <fmt/core.h>

#include <array>
#include <optional>
#include <string_view>

#include "base/strings.h"
#include "model/cython_name.h"

namespace memwhy::analysis {
namespace {

constexpr std::string_view kTrampoline = "libmemwhy_trampoline";

// Libraries that every program has and that make no mistake of their own here.
constexpr std::array<std::string_view, 8> kSystemLibraries = {
    "libc.so", "libc-", "ld-linux", "libpthread", "libstdc++", "libgcc_s", "libm.so", "libdl"};

bool IsPythonSource(std::string_view file) {
  return EndsWith(file, ".pyx") || EndsWith(file, ".pxd") || EndsWith(file, ".pxi");
}

bool IsSameCython(const model::Frame& inner, const model::Frame& outer) {
  return inner.language == model::Language::kCython && outer.language == model::Language::kCython &&
         inner.function == outer.function && inner.module == outer.module;
}

class StackMerger {
 public:
  explicit StackMerger(const model::PythonStubs& stubs) : stubs_(stubs) {}

  void Add(const model::NativeFrame& native) {
    if (const model::PythonStub* stub = stubs_.Find(native.address)) {
      AddPython(*stub);
      return;
    }
    const NativeOwner owner = OwnerOf(native, stubs_.executable);
    switch (owner) {
      case NativeOwner::kTool:
        if (stack_.frames.empty() && !Contains(native.object, kTrampoline)) {
          stack_.allocator = native.function;
        }
        return;
      case NativeOwner::kUnknown:
        if (native.function.empty()) return;  // no file, no name: says nothing
        break;
      case NativeOwner::kInterpreter:
        // The outermost of those that an extension calls is the function of the API.
        api_ = native;
        return;
      case NativeOwner::kSystem:
      case NativeOwner::kExtension:
        break;
    }
    AddNative(native, owner);
  }

  MergedStack Finish() {
    // The interpreter alone: its innermost frame says something, main does not.
    if (stack_.frames.empty() && api_) PushNative(*api_, NativeOwner::kInterpreter);
    // The tool cut the stack, or the interpreter called without its evaluator.
    if (stack_.has_python && caller_ != 0) {
      PushPython(caller_, line_);
      stack_.is_exact = false;
    }
    return std::move(stack_);
  }

  void KeepLeaf(const model::NativeFrame& native) { leaf_ = native; }

 private:
  void AddNative(const model::NativeFrame& native, NativeOwner owner) {
    if (native.function == "(below main)" || native.function == "main") return;
    if (stack_.has_python && owner == NativeOwner::kSystem) return;
    if (model::IsCythonHelper(native.function) && !stack_.frames.empty()) return;
    if (api_) PushNative(*api_, NativeOwner::kInterpreter);
    api_.reset();
    PushNative(native, owner);
  }

  void PushNative(const model::NativeFrame& native, NativeOwner owner) {
    model::Frame frame = NativeFrameOf(native);
    if (!stack_.frames.empty() && IsSameCython(stack_.frames.back().frame, frame)) return;
    stack_.frames.push_back({.frame = std::move(frame), .owner = owner, .first_line = 0});
  }

  void AddPython(const model::PythonStub& stub) {
    // Nothing of an extension below: an error in the interpreter itself.
    if (stack_.frames.empty() && leaf_) PushNative(*leaf_, NativeOwner::kInterpreter);
    api_.reset();
    if (!stack_.has_python) {
      PushPython(stub.code, 0);
    } else if (caller_ == 0) {
      PushPython(stub.code, 0);
    } else if (caller_ == stub.code) {
      PushPython(stub.code, line_);
    } else {
      PushPython(caller_, line_);
      PushPython(stub.code, 0);
      stack_.is_exact = false;
    }
    stack_.has_python = true;
    caller_ = stub.caller;
    line_ = stub.line;
  }

  void PushPython(std::uint32_t id, int line) {
    const model::PythonCode* code = stubs_.FindCode(id);
    MergedFrame frame;
    frame.frame.language = model::Language::kPython;
    frame.frame.line = line;
    if (code == nullptr) {
      stack_.is_exact = false;
    } else {
      frame.frame.function = code->function;
      frame.frame.file = code->file;
      frame.first_line = code->first_line;
    }
    stack_.frames.push_back(std::move(frame));
  }

  const model::PythonStubs& stubs_;
  MergedStack stack_;
  std::optional<model::NativeFrame> api_;   // the last frame, when it is the interpreter's
  std::optional<model::NativeFrame> leaf_;  // innermost, when it is the interpreter's
  std::uint32_t caller_ = 0;                // what the last Python frame says of the next one
  int line_ = 0;
};

}  // namespace

model::Frame NativeFrameOf(const model::NativeFrame& native) {
  const std::string library(Basename(native.object));
  model::Frame frame{.function = native.function,
                     .module = library,
                     .file = native.file.empty() || native.directory.empty()
                                 ? native.file
                                 : JoinPath(native.directory, native.file),
                     .line = native.line,
                     .language = model::Language::kC};
  if (native.file.find('/') != std::string::npos) frame.file = native.file;
  if (const auto name = model::ReadCythonName(native.function, library)) {
    frame.function = name->function;
    frame.module = name->module;
    frame.language = model::Language::kCython;
  } else if (IsPythonSource(native.file)) {
    frame.language = model::Language::kCython;
  }
  return frame;
}

NativeOwner OwnerOf(const model::NativeFrame& frame, const std::string& executable) {
  if (frame.object.empty()) return NativeOwner::kUnknown;
  const std::string_view base = Basename(frame.object);
  if (StartsWith(base, "vgpreload_") || StartsWith(base, kTrampoline)) return NativeOwner::kTool;
  if (frame.object == executable || StartsWith(base, "libpython")) {
    return NativeOwner::kInterpreter;
  }
  for (const std::string_view library : kSystemLibraries) {
    if (StartsWith(base, library)) return NativeOwner::kSystem;
  }
  return NativeOwner::kExtension;
}

MergedStack MergeMemcheckStack(const std::vector<model::NativeFrame>& frames,
                               const model::PythonStubs& stubs) {
  StackMerger merger(stubs);
  for (const model::NativeFrame& frame : frames) {
    const NativeOwner owner = OwnerOf(frame, stubs.executable);
    if (owner == NativeOwner::kTool) continue;
    if (owner == NativeOwner::kInterpreter) merger.KeepLeaf(frame);
    break;
  }
  for (const model::NativeFrame& frame : frames) merger.Add(frame);
  return merger.Finish();
}

std::string StackKey(const MergedStack& stack) {
  std::string key = stack.allocator;
  for (const MergedFrame& one : stack.frames) {
    key += fmt::format("\n{}|{}|{}|{}", one.frame.function, one.frame.module, one.frame.file,
                       one.frame.line);
  }
  return key;
}

}  // namespace memwhy::analysis
