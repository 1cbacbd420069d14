// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/native_stack.h"

#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <new>

#include "agent/capture/evaluations.h"
#include "agent/capture/sandbox.h"
#include "agent/capture/stack_cache.h"
#include "agent/capture/stream.h"
#include "agent/capture/thread_state.h"
#include "agent/ground/agent.h"
#include "agent/ground/private_memory.h"
#include "agent/unwind/code_module.h"

extern "C" {
// Of this library, set by the linker.
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));
}

namespace memwhy::agent {

bool g_has_native_stacks = false;

namespace {

constexpr std::uintptr_t kMaxSearched = 16 * 1024;
constexpr std::uint32_t kMaxUnmerged = 64;  // C frames of a stack that could not be merged

std::atomic<std::uint32_t> g_unloads{0};
std::uintptr_t g_evaluator = 0;  // begin of _PyEval_EvalFrameDefault
char g_program[wire::kMaxFileBytes];

bool IsOurs(std::uintptr_t pc) noexcept {
  return pc - reinterpret_cast<std::uintptr_t>(__ehdr_start) <
         reinterpret_cast<std::uintptr_t>(etext) - reinterpret_cast<std::uintptr_t>(__ehdr_start);
}

// Whoever called into this library. It is built with frame pointers, so its own frames are a list.
bool FindCaller(std::uintptr_t frame, Registers* caller) noexcept {
  constexpr int kMaxOwnFrames = 32;
  for (int i = 0; i < kMaxOwnFrames; ++i) {
    const auto* words = reinterpret_cast<const std::uintptr_t*>(frame);
    if (!IsOurs(words[1])) {
      *caller = {words[1], frame + 16, words[0]};
      return true;
    }
    if (words[0] <= frame) return false;
    frame = words[0];
  }
  return false;
}

bool IsEvaluator(const WalkedFrame& frame) noexcept {
  return g_evaluator != 0 && frame.function == g_evaluator;
}

std::uint32_t WriteModule(ThreadState& t, wire::ModuleKind kind, std::uintptr_t bias,
                          const char* path, const std::uint8_t* build_id,
                          std::uint32_t build_id_bytes) noexcept {
  const std::size_t length = strnlen(path, wire::kMaxFileBytes);
  const auto room = static_cast<std::ptrdiff_t>(length + 2 * build_id_bytes);
  if (!MakeRoom(t, kHotRoom + room)) return 0;
  std::uint8_t* out = PutTag(t.write, wire::EventKind::kDefineModule);
  out = wire::PutVarint(out, static_cast<std::uint64_t>(kind));
  out = wire::PutVarint(out, bias);
  out = PutText(out, path, length);
  out = wire::PutVarint(out, 2 * build_id_bytes);
  for (std::uint32_t i = 0; i < build_id_bytes; ++i) {
    constexpr char kDigits[] = "0123456789abcdef";
    *out++ = static_cast<std::uint8_t>(kDigits[build_id[i] >> 4]);
    *out++ = static_cast<std::uint8_t>(kDigits[build_id[i] & 15]);
  }
  t.write = out;
  Commit(t);
  return wire::kFirstCode + t.stacks.codes_defined++;
}

bool AddModule(NativeStack& native, const KnownModule& module) noexcept {
  if (native.module_count == native.module_capacity) {
    const std::uint32_t capacity = native.module_capacity == 0 ? 64 : native.module_capacity * 2;
    auto* modules = static_cast<KnownModule*>(TakePrivate(capacity * sizeof(KnownModule)));
    if (modules == nullptr) return false;
    if (native.module_count != 0) {
      std::memcpy(modules, native.modules, native.module_count * sizeof(KnownModule));
    }
    native.modules = modules;
    native.module_capacity = capacity;
  }
  native.modules[native.module_count++] = module;
  return true;
}

// Frames of the interpreter's own file say nothing beside the Python frames that they serve, and
// are most of all frames: no nodes are made of them. An interpreter that is part of a program's own
// file is another matter.
constexpr std::uint32_t kLeftOut = ~std::uint32_t{0};  // in place of a code id

bool IsInterpreter(const CodeModule& module) noexcept {
  if (g_evaluator < module.begin || g_evaluator >= module.end) return false;
  const char* path = module.path[0] == 0 ? g_program : module.path;
  const char* slash = std::strrchr(path, '/');
  const char* name = slash == nullptr ? path : slash + 1;
  return std::strncmp(name, "python", 6) == 0 || std::strncmp(name, "libpython", 9) == 0;
}

// Code id and offset of a pc. False: no room.
bool Describe(ThreadState& t, NativeStack& native, KnownPc* known) noexcept {
  const std::uintptr_t pc = known->pc;
  const KnownModule* found = nullptr;
  for (std::uint32_t i = 0; i < native.module_count && found == nullptr; ++i) {
    const KnownModule& module = native.modules[i];
    if (pc >= module.begin && pc < module.end) found = &module;
  }
  CodeModule module;
  if (found == nullptr && FindModule(pc, &module)) {
    const char* path = module.path[0] == 0 ? g_program : module.path;
    const std::uint32_t code = IsInterpreter(module)
                                   ? kLeftOut
                                   : WriteModule(t, wire::ModuleKind::kFile, module.bias, path,
                                                 module.build_id, module.build_id_bytes);
    if (code == 0 || !AddModule(native, {module.begin, module.end, module.bias, code})) {
      return false;
    }
    found = &native.modules[native.module_count - 1];
  }
  if (found != nullptr && pc - found->bias < 0x7fffffff) {
    known->code = found->code;
    known->offset = static_cast<std::uint32_t>(pc - found->bias);
    return true;
  }
  if (native.outside == 0) {
    native.outside = WriteModule(t, wire::ModuleKind::kOutside, 0, "", nullptr, 0);
  }
  known->code = native.outside;
  known->offset = 0;
  return native.outside != 0;
}

bool InternNative(ThreadState& t, NativeStack& native, const WalkedFrame& frame,
                  std::uint32_t* node) noexcept {
  KnownPc& known = native.walk.Know(frame.pc);
  if (known.code == 0 && !Describe(t, native, &known)) return false;
  if (known.code == kLeftOut) return true;
  return InternNode(t, *node, known.code, static_cast<std::int32_t>(known.offset), node);
}

bool InternMark(ThreadState& t, NativeStack& native, wire::StackMark mark,
                std::uint32_t* node) noexcept {
  if (native.mark == 0) {
    native.mark = WriteModule(t, wire::ModuleKind::kMark, 0, "", nullptr, 0);
    if (native.mark == 0) return false;
  }
  return InternNode(t, *node, native.mark, static_cast<std::int32_t>(mark), node);
}

// The Python stack, a mark, and the C frames that were called since the last evaluation.
std::uint32_t Unmerged(ThreadState& t, NativeStack& native, std::uint32_t python) noexcept {
  const std::size_t depth = native.walk.depth();
  WalkedFrame* frames = native.walk.frames();
  std::size_t first = depth;
  while (first > 0 && depth - first < kMaxUnmerged && !IsEvaluator(frames[first - 1])) --first;
  for (std::size_t i = 0; i < depth; ++i) frames[i].node = 0;  // none of them is known next time
  if (t.stacks.depth + kMaxUnmerged + 1 >= static_cast<std::size_t>(wire::kMaxDepth)) return python;
  std::uint32_t node = python == wire::kStackUnknown ? std::uint32_t{wire::kStackNone} : python;
  if (!InternMark(t, native, wire::StackMark::kNotMerged, &node)) return python;
  for (std::size_t i = first; i < depth; ++i) {
    if (!InternNative(t, native, frames[i], &node)) return python;
  }
  return node;
}

class Merge {
 public:
  Merge(ThreadState& t, NativeStack& native) noexcept
      : t_(t), native_(native), frames_(native.walk.frames()), depth_(native.walk.depth()) {}

  // False: it cannot be merged, or there is no room.
  bool Run(std::uint32_t* node) noexcept {
    const std::size_t first = FirstFrame();
    std::uint32_t at = wire::kStackNone;
    if (first != 0 || !native_.walk.is_whole()) {
      if (!InternMark(t_, native_, wire::StackMark::kCut, &at)) return false;
    }
    bool is_known = first == 0;
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < first; ++i) frames_[i].node = 0;
    for (std::size_t i = first; i < depth_; ++i) {
      WalkedFrame& frame = frames_[i];
      const bool is_entry = next < native_.evaluation_count && Holds(i, next);
      const std::uint32_t end = is_entry ? native_.evaluations[next].end : 0;
      const std::uint32_t python = is_entry ? t_.stacks.chain[end - 1].node : 0;
      is_known = is_known && i < native_.walk.known() && frame.node != 0 &&
                 frame.is_entry == is_entry && frame.python_end == end &&
                 frame.python_node == python;
      if (is_known) {
        at = frame.node;
      } else {
        frame.node = 0;
        if (is_entry && !HasAnchors() && !HasFrameObject(i, next)) return false;
        const bool is_added =
            is_entry ? AddPython(native_.evaluations[next], &at) : AddNative(frame, &at);
        if (!is_added) return false;
        frame.is_entry = is_entry;
        frame.python_end = end;
        frame.python_node = python;
        frame.node = at;
      }
      if (is_entry) ++next;
    }
    *node = at;
    return next == native_.evaluation_count;
  }

 private:
  // Whether frame `i` runs evaluation `next`.
  bool Holds(std::size_t i, std::uint32_t next) const noexcept {
    const WalkedFrame& frame = frames_[i];
    if (frame.rule.base == FrameRule::Base::kSignal) return false;
    const std::uintptr_t anchor = native_.evaluations[next].anchor;
    if (!HasAnchors()) return IsEvaluator(frame);
    return anchor >= frame.sp && anchor < frame.cfa;
  }

  // Up to 3.9: whether the evaluator's frame keeps the frame object's address, in its own words or,
  // as a saved register, in those of the frame that it called.
  bool HasFrameObject(std::size_t i, std::uint32_t next) const noexcept {
    const std::uintptr_t begin = i + 1 < depth_ ? frames_[i + 1].sp : frames_[i].sp;
    if (frames_[i].cfa - begin > kMaxSearched) return false;
    for (std::uintptr_t at = begin; at < frames_[i].cfa; at += 8) {
      if (*reinterpret_cast<const std::uintptr_t*>(at) == native_.evaluations[next].anchor) {
        return true;
      }
    }
    return false;
  }

  // Where frames begin to be this thread's: further out, an evaluation that is none of the chain's
  // is of another greenlet, or of another interpreter.
  std::size_t FirstFrame() const noexcept {
    std::size_t outermost = depth_;
    std::uint32_t left = native_.evaluation_count;
    for (std::size_t i = depth_; i > 0 && left > 0; --i) {
      if (Holds(i - 1, left - 1)) {
        --left;
        outermost = i - 1;
      }
    }
    if (left != 0) return 0;
    for (std::size_t i = outermost; i > 0; --i) {
      if (IsEvaluator(frames_[i - 1])) return native_.evaluation_count == 0 ? 0 : outermost;
    }
    return 0;
  }

  bool AddNative(const WalkedFrame& frame, std::uint32_t* node) noexcept {
    return InternNative(t_, native_, frame, node);
  }

  bool AddPython(const Evaluation& evaluation, std::uint32_t* node) noexcept {
    const FrameEntry* chain = t_.stacks.chain;
    for (std::uint32_t i = evaluation.begin; i < evaluation.end; ++i) {
      const std::uint32_t before = i == 0 ? std::uint32_t{wire::kStackNone} : chain[i - 1].node;
      if (chain[i].node == before) continue;  // a shim, or not started
      if (!InternNode(t_, *node, chain[i].code_id, chain[i].instruction, node)) return false;
    }
    return true;
  }

  ThreadState& t_;
  NativeStack& native_;
  WalkedFrame* frames_;
  std::size_t depth_;
};

}  // namespace

bool PrepareNativeStacks() noexcept {
#if defined(__x86_64__)
  if (!PrepareModules()) return false;
  const ssize_t length = readlink("/proc/self/exe", g_program, sizeof(g_program) - 1);
  g_program[length > 0 ? length : 0] = 0;
  const auto evaluator =
      reinterpret_cast<std::uintptr_t>(dlsym(RTLD_DEFAULT, "_PyEval_EvalFrameDefault"));
  if (evaluator != 0) FindRule(evaluator, &g_evaluator);
  g_has_native_stacks = true;
  return true;
#else
  return false;
#endif
}

NativeStack* MakeNativeStack() noexcept {
  void* memory = TakePrivate(sizeof(NativeStack));
  return memory == nullptr ? nullptr : new (memory) NativeStack;
}

void ResetNativeStack(NativeStack& native) noexcept {
  native.walk.Forget();
  native.module_count = 0;
  native.outside = native.mark = 0;
}

void NoteUnload() noexcept { g_unloads.fetch_add(1, std::memory_order_relaxed); }

[[gnu::noinline]] std::uint32_t CaptureNative(ThreadState& t, std::uint32_t python) noexcept {
  NativeStack& native = *t.native;
  const std::uint32_t unloads = g_unloads.load(std::memory_order_relaxed);
  if (__builtin_expect(unloads != native.walk.epoch(), false)) {
    native.walk.BeginEpoch(unloads);
    native.module_count = 0;
  }
  Registers caller;
  if (!FindCaller(reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)), &caller) ||
      !native.walk.Walk(caller, !IsSandboxed())) {
    return python;
  }
  if (python == wire::kStackUnknown) return Unmerged(t, native, python);
  // A stack that was cut keeps no chain.
  if (python != wire::kStackNone && t.stacks.depth == 0) return python;
  const std::size_t frames = python == wire::kStackNone ? 0 : t.stacks.depth;
  if (frames + native.walk.depth() + 2 > static_cast<std::size_t>(wire::kMaxDepth)) return python;
  native.evaluation_count = 0;
  std::uint32_t node = 0;
  if ((frames == 0 || CollectEvaluations(t, native)) && Merge(t, native).Run(&node)) return node;
  return Unmerged(t, native, python);
}

}  // namespace memwhy::agent
