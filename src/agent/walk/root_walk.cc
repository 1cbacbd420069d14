// SPDX-License-Identifier: Apache-2.0
#include "agent/walk/root_walk.h"

#include <cstring>
#include <span>

#include "agent/ground/agent.h"
#include "agent/python/dict_table.h"
#include "agent/python/thread_name.h"
#include "agent/walk/census_sink.h"
#include "agent/walk/dump_sink.h"
#include "cpython/line_runs.h"
#include "wire/event.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Family;
using cpython::Peek;
using cpython::PeekPointer;
using wire::DumpRoot;
using wire::EdgeKind;
using wire::RootCounts;

constexpr int kRootWalkMaxThreads = 1 << 16;
constexpr int kMaxFrames = 1 << 20;

// The line that a frame is at, as tracebacks have it; 0: not known.
std::uint32_t LineOf(Address code, std::int32_t instruction) noexcept {
  const cpython::Layout& layout = TheLayout();
  const int first_line = Peek<int>(code, layout.code_first_line);
  std::int64_t line = instruction < 0 ? first_line : 0;
  const Address table = PeekPointer(code, layout.code_line_table);
  const std::int64_t bytes = table == 0 ? -1 : Peek<std::int64_t>(table, cpython::kVarSize);
  if (instruction >= 0 && bytes >= 0 && bytes <= wire::kMaxLineTableBytes) {
    const std::span entries(reinterpret_cast<const std::uint8_t*>(table + cpython::kBytesData),
                            static_cast<std::size_t>(bytes));
    const auto at = static_cast<std::uint32_t>(instruction);
    cpython::EachLineRun(entries, first_line, g_agent.python.version >> 16,
                         [&](std::uint32_t begin, std::uint32_t end, std::int64_t of_run) {
                           if (begin <= at && at < end) line = of_run;
                         });
  }
  constexpr std::int64_t kMax = 0x7fffffff;
  return line > 0 && line <= kMax ? static_cast<std::uint32_t>(line) : 0;
}

}  // namespace

template <typename Sink>
void RootWalk<Sink>::AddReferences(const cpython::Reference* list, Address base) noexcept {
  for (; list->name != nullptr; ++list) {
    const Address value = PeekPointer(base, list->offset);
    if (value != 0 && state_.types.IsObject(value)) {
      state_.edges.AddNamed(value, {EdgeKind::kInternal, list->name, 0});
    }
  }
}

// Calls `each(key, value)` for the entries of a dict with a table of its own.
template <typename Sink>
template <typename Each>
void RootWalk<Sink>::EachEntry(Address dict, const Each& each) noexcept {
  const DictTable table = FindTable(dict);
  if (table.values != 0 || table.count == 0 ||
      !state_.map.IsReadable(table.entries,
                             static_cast<std::size_t>(table.count) * table.entry_bytes)) {
    return;
  }
  for (std::int64_t i = 0; i < table.count; ++i) {
    const Address entry = table.entries + static_cast<Address>(i) * table.entry_bytes;
    each(PeekPointer(entry, KeyAt(table.entry_bytes)), PeekPointer(entry, table.entry_bytes - 8));
  }
}

// An alias: it is the dict sys.modules that holds them.
template <typename Sink>
void RootWalk<Sink>::VisitModules(Address modules) noexcept {
  EachEntry(modules, [this](Address key, Address value) {
    if (key == 0 || value == 0 || value == g_python_api.none_object) return;
    state_.edges.Clear();
    state_.edges.Add(value);
    walk_.VisitRoot({.kind = DumpRoot::kModule, .counts = RootCounts::kNone, .name = {.str = key}});
  });
}

// What a running frame of 3.11+ refers to.
template <typename Sink>
void RootWalk<Sink>::ReadFrame(Address frame, Address code) noexcept {
  const cpython::Layout& layout = TheLayout();
  const Address locals = frame + layout.frame_locals;
  if (Peek<char>(frame, layout.frame_owner) != cpython::kOwnedByGenerator) {
    state_.edges.AddNamed(code, {EdgeKind::kInternal, "f_code", 0});
    AddReferences(layout.frame_references, frame);
  }
  state_.reader.ReadLocals(code, locals, true, state_.edges);
}

// Nobody knows how much of a running frame's evaluation stack is in use: what looks like a
// reference may be one. `frame` is a frame object up to 3.10.
template <typename Sink>
void RootWalk<Sink>::ReadStack(Address frame, Address code) noexcept {
  const cpython::Layout& layout = TheLayout();
  const int depth = Peek<int>(code, layout.code_stack_size);
  if (depth <= 0 || depth > 1 << 16) return;
  Address stack = 0;
  if (layout.frame_value_stack != cpython::kAbsent) {
    const bool is_running = layout.minor == 10
                                ? Peek<int>(frame, layout.frame_stack_pointer) < 0
                                : PeekPointer(frame, layout.frame_stack_pointer) == 0;
    if (!is_running) return;  // its traversal tells
    stack = PeekPointer(frame, layout.frame_value_stack);
  } else {
    stack = frame + layout.frame_locals +
            static_cast<Address>(Peek<int>(code, layout.code_locals_count)) * 8;
  }
  Address end = stack + static_cast<Address>(depth) * 8;
  if (stack == 0 || !state_.map.IsReadable(stack, end - stack)) return;
  if (layout.frame_stacktop != cpython::kAbsent) {
    const int top = Peek<int>(frame, layout.frame_stacktop);
    const Address known = frame + layout.frame_locals + static_cast<Address>(top) * 8;
    if (top >= 0 && known < end) end = known;
  }
  for (Address at = stack; at < end; at += 8) {
    const Address value = PeekPointer(at, 0);
    if (state_.reader.IsLikelyObject(value)) state_.edges.Add(value);
  }
}

// By its outermost frame, which runs `code`.
template <typename Sink>
void RootWalk<Sink>::NameThread(Address outermost, Address code, std::uint64_t thread) noexcept {
  if (thread == g_agent.main_thread) {
    walk_.sink().OnThread(thread, 0);
    return;
  }
  if (outermost == 0 || !state_.types.IsObject(code) ||
      cpython::TypeOf(code) != g_agent.python.code_type) {
    return;
  }
  const Address name = FindThreadName(outermost, code);
  if (name != 0) walk_.sink().OnThread(thread, name);
}

// `thread`: whose frames they are, which is named behind them; 0: a greenlet's.
template <typename Sink>
template <Family family>
void RootWalk<Sink>::VisitFrames(Address frame, std::uint64_t thread) noexcept {
  const cpython::Layout& layout = TheLayout();
  const DumpRoot kind = thread == 0 ? DumpRoot::kGreenlet : DumpRoot::kFrame;
  Address outermost = 0;  // of those that run code of their own
  Address outermost_code = 0;
  int left = kMaxFrames;
  for (; frame != 0 && left > 0; frame = PeekPointer(frame, layout.frame_previous), --left) {
    Address code = 0;
    std::int32_t instruction = 0;
    const bool is_own = cpython::ReadFrame<family>(layout, frame, &code, &instruction);
    if (is_own) {
      outermost = frame;
      outermost_code = code;
    }
    if (code == 0 || !state_.types.IsObject(code) ||
        cpython::TypeOf(code) != g_agent.python.code_type) {
      continue;
    }
    state_.edges.Clear();
    RootCounts counts = RootCounts::kEach;
    if constexpr (family == Family::kFrameObjects) {
      state_.edges.Add(frame);
      // Each call holds its frame; that of a generator belongs to the generator.
      if (PeekPointer(frame, layout.frame_generator) != 0) counts = RootCounts::kNone;
    } else {
      if (!is_own && Peek<char>(frame, layout.frame_owner) >= cpython::kOwnedByCStack) continue;
      ReadFrame(frame, code);
    }
    const bool qualified = layout.code_qualname != cpython::kAbsent;
    const Address name = PeekPointer(code, qualified ? layout.code_qualname : layout.code_name);
    const std::uint32_t line = LineOf(code, instruction);
    walk_.sink().OnFile(code);
    walk_.VisitRoot(
        {.kind = kind, .counts = counts, .thread = thread, .line = line, .name = {.str = name}});
    state_.edges.Clear();
    ReadStack(frame, code);
    walk_.VisitRoot({.kind = DumpRoot::kStack,
                     .counts = RootCounts::kMaybe,
                     .thread = thread,
                     .line = line,
                     .name = {.str = name}});
  }
  if (thread != 0) NameThread(outermost, outermost_code, thread);
}

template <typename Sink>
void RootWalk<Sink>::VisitThread(Address thread) noexcept {
  const cpython::Layout& layout = TheLayout();
  const std::uint64_t id = PeekPointer(thread, layout.thread_id);
  const auto visit_frames = [&]<Family family>() {
    VisitFrames<family>(cpython::TopFrame<family>(layout, thread), id);
  };
  switch (cpython::FamilyOf(layout)) {
    case Family::kFrameObjects:
      visit_frames.template operator()<Family::kFrameObjects>();
      break;
    case Family::kCFrames:
      visit_frames.template operator()<Family::kCFrames>();
      break;
    case Family::kThreadFrames:
      visit_frames.template operator()<Family::kThreadFrames>();
      break;
  }
  state_.edges.Clear();
  const Address context = PeekPointer(thread, layout.thread_context);
  if (context != 0 && state_.types.IsObject(context)) state_.edges.Add(context);
  walk_.VisitRoot({.kind = DumpRoot::kContext,
                   .counts = RootCounts::kEach,
                   .thread = id,
                   .name = {.text = "context"}});
  state_.edges.Clear();
  AddReferences(layout.thread_references, thread);
  // The exception that is handled: the last item is the thread's own, the others are generators'.
  Address item = PeekPointer(thread, layout.thread_exc_info);
  const std::uint32_t previous = layout.exc_item_words * 8;
  int left = kMaxFrames;
  while (item != 0 && state_.map.IsReadable(item, previous + 8) && left-- > 0 &&
         PeekPointer(item, previous) != 0) {
    item = PeekPointer(item, previous);
  }
  if (item != 0 && state_.map.IsReadable(item, previous + 8)) {
    for (std::uint32_t i = 0; i < layout.exc_item_words; ++i) {
      const Address value = PeekPointer(item, 8 * i);
      if (value != 0 && state_.types.IsObject(value)) {
        state_.edges.AddNamed(value, {EdgeKind::kInternal, "exc_info", 0});
      }
    }
  }
  walk_.VisitRoot({.kind = DumpRoot::kThread,
                   .counts = RootCounts::kEach,
                   .thread = id,
                   .name = {.text = "thread state"}});
}

template <typename Sink>
void RootWalk<Sink>::VisitGreenlet(Address greenlet) noexcept {
  const cpython::Layout& layout = TheLayout();
  const Address object = state_.reader.StoppedFrameOf(greenlet);
  if (object == 0) return;
  switch (cpython::FamilyOf(layout)) {
    case Family::kFrameObjects:
      VisitFrames<Family::kFrameObjects>(object, 0);
      break;
    case Family::kCFrames:
      VisitFrames<Family::kCFrames>(PeekPointer(object, layout.frame_object_frame), 0);
      break;
    case Family::kThreadFrames:
      VisitFrames<Family::kThreadFrames>(PeekPointer(object, layout.frame_object_frame), 0);
      break;
  }
}

// 3.12+: of a built-in type the interpreter has {type, ..., dict, subclasses, weak references}; the
// type itself has a number where its subclasses were.
template <typename Sink>
void RootWalk<Sink>::VisitSubclasses(Address interpreter) noexcept {
  constexpr Address kMaxTypes = 1 << 12;
  const cpython::Layout& layout = TheLayout();
  const auto is_dict = [this](Address value) {
    return value != 0 && state_.types.IsObject(value) &&
           cpython::TypeOf(value) == g_python_api.dict_type;
  };
  state_.edges.Clear();
  for (Address at = interpreter; at + 40 <= interpreter + layout.interpreter_bytes; at += 8) {
    const Address type = PeekPointer(at, 0);
    if ((type & 7) != 0 || type < 4096 || !state_.types.IsKnown(type)) continue;
    const Address number = PeekPointer(type, cpython::kTypeSubclasses);
    if (number == 0 || number > kMaxTypes) continue;
    const Address subclasses = PeekPointer(at, layout.static_type_subclasses);
    if (!is_dict(PeekPointer(at, layout.static_type_dict)) || !is_dict(subclasses)) continue;
    state_.edges.Add(subclasses);
  }
  walk_.VisitRoot({.kind = DumpRoot::kInterpreter,
                   .counts = RootCounts::kEach,
                   .name = {.text = "subclasses of built-in types"}});
}

// 3.12+: interned strings that stay for ever, of which only the dict of interned strings knows.
template <typename Sink>
void RootWalk<Sink>::VisitInterned(Address dict) noexcept {
  state_.edges.Clear();
  EachEntry(dict, [this](Address text, Address) {
    if (text == 0 || state_.marks.IsSeen(text) || !state_.types.IsObject(text)) return;
    if (DumpTypes::IsImmortal(text)) state_.edges.Add(text);
  });
  walk_.VisitRoot({.kind = DumpRoot::kInterned,
                   .counts = RootCounts::kNone,
                   .name = {.text = "interned strings"}});
}

// What atexit has registered. Up to 3.9 its module tells, from 3.14 on it is a list.
template <typename Sink>
void RootWalk<Sink>::VisitExitCallbacks(Address interpreter) noexcept {
  constexpr const char* kMembers[] = {"func", "args", "kwargs"};
  constexpr int kMaxCallbacks = 1 << 20;
  const std::uint32_t at = g_agent.python.layout->interpreter_exit_callbacks;
  const Address callbacks = PeekPointer(interpreter, at);
  const int count = Peek<int>(interpreter, at + 8);
  if (count <= 0 || count > kMaxCallbacks ||
      !state_.map.IsReadable(callbacks, static_cast<std::size_t>(count) * 8)) {
    return;
  }
  for (int i = 0; i < count; ++i) {
    const Address callback = PeekPointer(callbacks, static_cast<std::uint32_t>(i) * 8);
    if (callback == 0 || !state_.map.IsReadable(callback, 24)) continue;
    state_.edges.Clear();
    for (std::uint32_t member = 0; member < 3; ++member) {
      const Address value = PeekPointer(callback, member * 8);
      if (value == 0 || !state_.types.IsObject(value)) continue;
      state_.edges.AddNamed(value, {EdgeKind::kInternal, kMembers[member], 0});
    }
    walk_.VisitRoot({.kind = DumpRoot::kInterpreter,
                     .counts = RootCounts::kEach,
                     .name = {.text = "atexit callback"}});
  }
}

template <typename Sink>
void RootWalk<Sink>::Visit(Address interpreter) noexcept {
  const cpython::Layout& layout = TheLayout();
  if (void* modules = g_python_api.PyImport_GetModuleDict();
      modules != nullptr && interpreter == MainInterpreter()) {
    VisitModules(reinterpret_cast<Address>(modules));
  }
  int left = kRootWalkMaxThreads;
  for (Address thread = PeekPointer(interpreter, layout.interpreter_thread_head);
       thread != 0 && left > 0; thread = PeekPointer(thread, layout.thread_next), --left) {
    VisitThread(thread);
  }
  if (layout.interpreter_identifiers != cpython::kAbsent) {
    const auto count = Peek<std::int64_t>(interpreter, layout.interpreter_identifiers);
    const Address names = PeekPointer(interpreter, layout.interpreter_identifiers + 8);
    state_.edges.Clear();
    if (count > 0 && count < 1 << 20 &&
        state_.map.IsReadable(names, static_cast<std::size_t>(count) * 8)) {
      for (std::int64_t i = 0; i < count; ++i) {
        const Address name = PeekPointer(names + static_cast<Address>(i) * 8, 0);
        if (name != 0 && state_.types.IsObject(name)) state_.edges.Add(name);
      }
    }
    walk_.VisitRoot({.kind = DumpRoot::kInterned,
                     .counts = RootCounts::kEach,
                     .name = {.text = "identifiers"}});
  }
  state_.edges.Clear();
  AddReferences(layout.interpreter_references, interpreter);
  walk_.VisitRoot({.kind = DumpRoot::kInterpreter,
                   .counts = RootCounts::kEach,
                   .name = {.text = "interpreter"}});
  if (layout.interpreter_exit_callbacks != cpython::kAbsent) VisitExitCallbacks(interpreter);
  if (layout.minor >= 12 && state_.map.IsReadable(interpreter, layout.interpreter_bytes)) {
    VisitSubclasses(interpreter);
  }
  if (walk_.interned() != 0) VisitInterned(walk_.interned());
}

template class RootWalk<DumpSink>;
template class RootWalk<CensusSink>;

}  // namespace memwhy::agent
