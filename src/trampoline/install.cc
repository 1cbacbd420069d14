// SPDX-License-Identifier: Apache-2.0
#include "trampoline/install.h"

#include <dlfcn.h>
#include <sys/mman.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cpython/debug_offsets.h"
#include "cpython/frames.h"
#include "cpython/layout.h"
#include "cpython/peek.h"
#include "trampoline/frame_map.h"
#include "trampoline/stub_code.h"
#include "trampoline/stub_table.h"

namespace memwhy::trampoline {
namespace {

using cpython::Address;
using Evaluator = void* (*)(void* thread, void* frame, int throws);

constexpr std::uint32_t kMaxCodes = 1u << 20;
constexpr std::uint16_t kMaxCallers = 64;  // with a stub of their own, for each code object
constexpr int kMaxName = 1000;             // bytes
constexpr int kMaxShims = 4;

// What a code object has, by its id.
struct CodeEntry {
  std::uint16_t callers;
};

struct Api {
  int (*gil_state_check)();
  void* (*main_interpreter)();
  Evaluator (*get_evaluator)(void*);
  void (*set_evaluator)(void*, Evaluator);
  std::intptr_t (*request_index)(void (*)(void*));
  int (*get_extra)(void*, std::intptr_t, void**);
  int (*set_extra)(void*, std::intptr_t, void*);
  int (*line_of)(void*, int);
};

Api g_api;
cpython::Layout g_layout;
Address g_code_type = 0;
std::intptr_t g_index = -1;
Evaluator g_next = nullptr;
CodeEntry* g_codes = nullptr;
std::uint32_t g_code_count = 0;
StubTable g_stubs;
FrameMap g_map;
bool g_is_stopped = false;
char g_folder[PATH_MAX];

template <typename F>
bool LookUp(F& slot, const char* name) noexcept {
  slot = reinterpret_cast<F>(dlsym(RTLD_DEFAULT, name));
  return slot != nullptr;
}

void Stop(const char* why) noexcept {
  g_is_stopped = true;
  g_map.Stop(why);
}

// A str as text; "?" when it is none that can be read.
void TextOf(Address str, char (&out)[kMaxName + 1]) noexcept {
  const int length = str == 0 ? -1 : cpython::PeekText(g_layout, str, out, kMaxName);
  if (length < 0) {
    std::strcpy(out, "?");
  } else {
    out[length] = '\0';
  }
}

// The id of a code object; 0: it can have none.
std::uint32_t IdOf(Address code) noexcept {
  void* extra = nullptr;
  if (g_api.get_extra(reinterpret_cast<void*>(code), g_index, &extra) != 0) return 0;
  if (extra != nullptr) return static_cast<std::uint32_t>(reinterpret_cast<Address>(extra));
  if (g_code_count + 1 >= kMaxCodes) return 0;
  const std::uint32_t id = g_code_count + 1;
  char file[kMaxName + 1];
  char function[kMaxName + 1];
  TextOf(cpython::PeekPointer(code, g_layout.code_filename), file);
  const std::uint32_t name =
      g_layout.code_qualname == cpython::kAbsent ? g_layout.code_name : g_layout.code_qualname;
  TextOf(cpython::PeekPointer(code, name), function);
  const int first_line = cpython::Peek<int>(code, g_layout.code_first_line);
  if (!g_map.Code(id, first_line, file, function)) {
    g_is_stopped = true;
    return 0;
  }
  if (g_api.set_extra(reinterpret_cast<void*>(code), g_index,
                      reinterpret_cast<void*>(Address{id})) != 0) {
    return 0;
  }
  g_code_count = id;
  return id;
}

bool IsCode(Address code) noexcept { return code != 0 && cpython::TypeOf(code) == g_code_type; }

// The code object that calls and the instruction where; false: none is known.
template <cpython::Family family>
bool CallerOf(Address thread, Address* code, std::int32_t* instruction) noexcept {
  Address frame = cpython::TopFrame<family>(g_layout, thread);
  for (int i = 0; i < kMaxShims && frame != 0; ++i) {
    if (cpython::ReadFrame<family>(g_layout, frame, code, instruction)) return IsCode(*code);
    frame = cpython::PeekPointer(frame, g_layout.frame_previous);
  }
  return false;
}

template <cpython::Family family>
Address CodeOf(Address frame) noexcept {
  Address code = cpython::PeekPointer(frame, g_layout.frame_code);
  if constexpr (family == cpython::Family::kThreadFrames) code &= ~Address{g_layout.frame_tag};
  return code;
}

// A stub for a call site that has none yet; 0: none can be made.
std::uintptr_t NewStub(const CallSite& site, Address caller_code) noexcept {
  const int line = site.caller == 0
                       ? 0
                       : g_api.line_of(reinterpret_cast<void*>(caller_code), site.instruction * 2);
  int error = 0;
  const std::uintptr_t stub = MakeStub(reinterpret_cast<Address>(g_next), &error);
  if (stub == 0) {
    Stop(error != 0 ? "the system allows no code to be made at run time"
                    : "the program has too many call sites");
    return 0;
  }
  if (!g_map.Stub(stub, kStubBytes, site.code, site.caller, line) || !g_stubs.Add(site, stub)) {
    g_is_stopped = true;
    return 0;
  }
  return stub;
}

template <cpython::Family family>
std::uintptr_t StubFor(Address thread, Address frame) noexcept {
  const Address code = CodeOf<family>(frame);
  if (!IsCode(code)) return 0;
  CallSite site;
  site.code = IdOf(code);
  if (site.code == 0) return 0;
  Address caller = 0;
  if (CallerOf<family>(thread, &caller, &site.instruction)) site.caller = IdOf(caller);
  if (site.caller == 0) site.instruction = 0;
  if (const std::uintptr_t stub = g_stubs.Find(site); stub != 0) return stub;
  CodeEntry& entry = g_codes[site.code];
  if (entry.callers >= kMaxCallers) {
    site.caller = 0;
    site.instruction = 0;
    if (const std::uintptr_t stub = g_stubs.Find(site); stub != 0) return stub;
  } else {
    ++entry.callers;
  }
  return NewStub(site, caller);
}

// The interpreter calls it for every call of a Python function.
template <cpython::Family family>
void* Evaluate(void* thread, void* frame, int throws) {
  std::uintptr_t stub = 0;
  if (!g_is_stopped) {
    stub = StubFor<family>(reinterpret_cast<Address>(thread), reinterpret_cast<Address>(frame));
  }
  return (stub == 0 ? g_next : reinterpret_cast<Evaluator>(stub))(thread, frame, throws);
}

Evaluator EvaluatorOf(cpython::Family family) noexcept {
  switch (family) {
    case cpython::Family::kFrameObjects:
      return Evaluate<cpython::Family::kFrameObjects>;
    case cpython::Family::kCFrames:
      return Evaluate<cpython::Family::kCFrames>;
    case cpython::Family::kThreadFrames:
      return Evaluate<cpython::Family::kThreadFrames>;
  }
  return nullptr;
}

// "3.10.13 (main, ...)" -> PY_VERSION_HEX without the release level.
std::uint32_t ParseVersion(const char* text) noexcept {
  std::uint32_t version = 0;
  char* at = const_cast<char*>(text);
  for (int shift = 24; shift >= 8; shift -= 8) {
    version |= static_cast<std::uint32_t>(std::strtoul(at, &at, 10) & 0xff) << shift;
    if (*at == '.') ++at;
  }
  return version;
}

// Null, or why the interpreter's structures cannot be read.
const char* ChooseLayout(const char* text) noexcept {
  if (std::strstr(text, "free-threading") != nullptr) {
    return "free-threaded CPython: without the GIL a frame could change while it is read";
  }
  const std::uint32_t version = ParseVersion(text);
  const int minor = static_cast<int>((version >> 16) & 0xff);
  const cpython::Layout* known = version >> 24 == 3 ? cpython::FindLayout(minor) : nullptr;
  if (known == nullptr) return "this memwhy does not know the structures of this CPython";
  g_layout = *known;
  if (minor < cpython::kFirstWithDebugOffsets) return nullptr;
  const auto runtime = reinterpret_cast<Address>(dlsym(RTLD_DEFAULT, "_PyRuntime"));
  if (runtime == 0) return "the interpreter hides _PyRuntime";
  return cpython::ApplyDebugOffsets(runtime, version, &g_layout);
}

// Null, or what the interpreter lacks. 3.12 gave three of them other names.
const char* FindApi() noexcept {
  if (!LookUp(g_api.get_evaluator, "_PyInterpreterState_GetEvalFrameFunc") ||
      !LookUp(g_api.set_evaluator, "_PyInterpreterState_SetEvalFrameFunc")) {
    return "CPython before 3.9 lets nobody stand in front of its evaluator";
  }
  if ((!LookUp(g_api.request_index, "PyUnstable_Eval_RequestCodeExtraIndex") &&
       !LookUp(g_api.request_index, "_PyEval_RequestCodeExtraIndex")) ||
      (!LookUp(g_api.get_extra, "PyUnstable_Code_GetExtra") &&
       !LookUp(g_api.get_extra, "_PyCode_GetExtra")) ||
      (!LookUp(g_api.set_extra, "PyUnstable_Code_SetExtra") &&
       !LookUp(g_api.set_extra, "_PyCode_SetExtra")) ||
      !LookUp(g_api.line_of, "PyCode_Addr2Line")) {
    return "the interpreter lacks functions that are needed to know its code objects";
  }
  g_code_type = reinterpret_cast<Address>(dlsym(RTLD_DEFAULT, "PyCode_Type"));
  return g_code_type == 0 ? "the interpreter hides PyCode_Type" : nullptr;
}

const char* Install(const char* version) noexcept {
  if (!kHasStubs) return "stubs are made for x86-64 only";
  if (const char* why = ChooseLayout(version); why != nullptr) return why;
  if (const char* why = FindApi(); why != nullptr) return why;
  void* codes = mmap(nullptr, kMaxCodes * sizeof(CodeEntry), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (codes == MAP_FAILED || !g_stubs.Reserve()) return "no memory";
  g_codes = static_cast<CodeEntry*>(codes);
  g_index = g_api.request_index(nullptr);
  if (g_index < 0) return "the interpreter gives no more room in its code objects";
  void* const interpreter = g_api.main_interpreter();
  g_next = g_api.get_evaluator(interpreter);
  g_api.set_evaluator(interpreter, EvaluatorOf(cpython::FamilyOf(g_layout)));
  return nullptr;
}

}  // namespace

void InstallOnce() noexcept {
  static bool is_done = false;
  if (is_done) return;
  const char* (*version)() = nullptr;
  if (!LookUp(g_api.main_interpreter, "PyInterpreterState_Main") ||
      !LookUp(g_api.gil_state_check, "PyGILState_Check") || !LookUp(version, "Py_GetVersion")) {
    return;  // no CPython here, or not yet
  }
  if (g_api.main_interpreter() == nullptr || g_api.gil_state_check() == 0) return;
  is_done = true;
  const char* folder = std::getenv("MEMWHY_FRAMES");
  if (folder == nullptr || std::snprintf(g_folder, sizeof(g_folder), "%s", folder) >= PATH_MAX) {
    return;
  }
  if (!g_map.Begin(g_folder, version())) return;
  const char* (*allocator)() = nullptr;
  if (LookUp(allocator, "_PyMem_GetCurrentAllocatorName")) {
    const char* name = allocator();
    if (name != nullptr) g_map.Allocator(name);
  }
  if (const char* why = Install(version()); why != nullptr) Stop(why);
}

}  // namespace memwhy::trampoline
