// SPDX-License-Identifier: Apache-2.0
//
// Where CPython keeps what we read: byte offsets by minor version, generated from the interpreter's
// own headers by tools/generate_layouts (layout_table.inc). The one place that knows them; used in
// the target (agent) and outside of it.
#pragma once

#include <cstdint>

#include "cpython/object_offsets.h"

namespace memwhy::cpython {

inline constexpr std::uint32_t kAbsent = 0xffffffff;

// A counted reference that a structure holds, and its member's name.
struct Reference {
  std::uint32_t offset;
  const char* name;  // null: the end of the list
};

struct Layout {
  int minor;
  // _PyRuntime
  std::uint32_t runtime_auto_key;          // Py_tss_t {int is_initialized; pthread_key_t key}
  std::uint32_t runtime_finalizing;        // PyThreadState* that finalizes the runtime, or NULL
  std::uint32_t runtime_interpreters;      // PyInterpreterState*, newest first
  std::uint32_t runtime_main_interpreter;  // PyInterpreterState*, the last of them
  std::uint32_t runtime_current_thread;    // 3.8-3.11: PyThreadState* that holds the GIL
  // PyInterpreterState
  std::uint32_t interpreter_next;
  std::uint32_t interpreter_thread_head;
  // PyThreadState
  std::uint32_t thread_next;
  std::uint32_t thread_c_frame;   // 3.10-3.12: CFrame* on the C stack of the thread that runs it
  std::uint32_t thread_id;        // pthread_self() of its thread
  std::uint32_t thread_frame;     // 3.8-3.10: PyFrameObject*, 3.11-3.12: _PyCFrame*, 3.13+: frame
  std::uint32_t cframe_current;   // 3.11, 3.12
  std::uint32_t cframe_previous;  // 3.10-3.12: of the evaluation that called on, a (_Py)CFrame*
  // 3.11+: the last of the mappings where the thread has its frames, a _PyStackChunk*
  std::uint32_t thread_stack_chunk;
  // _PyStackChunk, 3.11+
  std::uint32_t chunk_previous;
  std::uint32_t chunk_bytes;  // size_t: of the whole mapping
  std::uint32_t thread_dict;
  std::uint32_t thread_context;
  // PyFrameObject (3.8-3.10) or _PyInterpreterFrame
  std::uint32_t frame_tag;  // bits of frame_code and of the locals that are no address
  std::uint32_t frame_code;
  std::uint32_t frame_instruction;  // f_lasti (int) or a pointer into the code
  std::uint32_t frame_previous;
  std::uint32_t frame_owner;  // 3.11+: a char
  std::uint32_t frame_globals;
  std::uint32_t frame_locals;
  std::uint32_t frame_object;
  std::uint32_t frame_stacktop;
  // PyCodeObject
  std::uint32_t code_name;
  std::uint32_t code_filename;
  std::uint32_t code_first_line;
  std::uint32_t code_qualname;
  std::uint32_t code_first_traceable;
  std::uint32_t code_instructions;
  std::uint32_t code_locals_names;
  std::uint32_t code_locals_count;
  std::uint32_t code_line_table;
  // PyDictObject, PyDictKeysObject
  std::uint32_t dict_keys;
  std::uint32_t dict_values;
  std::uint32_t dict_used;
  std::uint32_t keys_log2_size;  // 3.11+
  std::uint32_t keys_log2_index_bytes;
  std::uint32_t keys_kind;  // 0 general (hash, key, value), 1 unicode (key, value), 2 split
  std::uint32_t keys_size;  // up to 3.10
  std::uint32_t keys_usable;
  std::uint32_t keys_entry_count;
  std::uint32_t keys_indices;
  // PyDictValues; before 3.13 there is nothing but the values
  std::uint32_t values_capacity;
  std::uint32_t values_embedded;
  std::uint32_t values_valid;
  std::uint32_t values_first;
  // 3.12+: what the interpreter keeps of a built-in type, from the pointer to that on
  std::uint32_t static_type_dict;
  std::uint32_t static_type_subclasses;
  std::uint32_t type_cached_keys;  // PyHeapTypeObject
  std::uint32_t type_qualified_name;
  std::uint32_t type_heap_name;
  std::uint32_t type_slots;
  std::uint32_t unicode_compact_bytes;
  std::uint32_t unicode_ascii_bytes;
  std::uint32_t tuple_items;           // PyObject*[]
  std::uint32_t interpreter_interned;  // 3.12+: the dict of interned strings; counts none of them
  std::uint32_t interpreter_identifiers;  // 3.10-3.12: {Py_ssize_t n; PyObject** of _Py_Identifier}
  // 3.10-3.13: {{PyObject *func, *args, *kwargs}** callbacks; int count}; some are null
  std::uint32_t interpreter_exit_callbacks;
  std::uint32_t interpreter_bytes;  // of PyInterpreterState, as this build has it
  std::uint32_t gc_head_bytes;
  // The collector: in PyInterpreterState, up to 3.8 in _PyRuntime.
  std::uint32_t gc_state;
  // In gc_state. Three, each {PyGC_Head head; int threshold, count}: the generations; in 3.14.0 to
  // 3.14.4 the young one and both halves of the old one. Absent in a build that keeps
  // gc_collecting elsewhere.
  std::uint32_t gc_generations;
  std::uint32_t gc_permanent;
  std::uint32_t gc_collecting;  // int: a collection is under way
  std::uint32_t gc_generation_bytes;
  std::uint32_t gc_enabled;  // int; absent from 3.10 on: PyGC_Enable and PyGC_Disable
  // Counted references of structures whose own traversal does not tell them all.
  Reference interpreter_references[20];
  Reference thread_references[12];
  std::uint32_t thread_exc_info;  // _PyErr_StackItem*: exc_item_words references, then the previous
  std::uint32_t exc_item_words;
  Reference code_references[16];
  std::uint32_t code_cached;  // 3.12+: {co_code, co_varnames, co_cellvars, co_freevars} or NULL
  std::uint32_t code_stack_size;
  Reference frame_references[4];
  std::uint32_t frame_stack_pointer;  // up to 3.9 PyObject**, 3.10 int depth; of a frame object
  std::uint32_t frame_generator;      // up to 3.10: the generator that owns the frame, borrowed
  std::uint32_t frame_value_stack;    // up to 3.10: PyObject**, of a frame object
  std::uint32_t generator_frame;      // 3.11+: the frame itself, else PyFrameObject*
  std::uint32_t generator_state;      // 3.11+: signed char
  std::uint32_t frame_object_frame;   // 3.11+: of a frame object, its _PyInterpreterFrame*
  Reference function_references[10];
  Reference exception_references[8];
  Reference traceback_references[4];
};

// Bits of tp_flags.
inline constexpr std::uint64_t kFlagManagedWeakref = 1u << 3;  // 3.12
inline constexpr std::uint64_t kFlagManagedDict = 1u << 4;
inline constexpr std::uint64_t kFlagHeapType = 1u << 9;
inline constexpr std::uint64_t kFlagHaveGc = 1u << 14;
inline constexpr std::uint64_t kFlagInt = 1u << 24;
inline constexpr std::uint64_t kFlagList = 1u << 25;
inline constexpr std::uint64_t kFlagTuple = 1u << 26;
inline constexpr std::uint64_t kFlagBytes = 1u << 27;
inline constexpr std::uint64_t kFlagStr = 1u << 28;
inline constexpr std::uint64_t kFlagDict = 1u << 29;
inline constexpr std::uint64_t kFlagType = 1u << 31;

// Frame owners, 3.11+.
inline constexpr char kOwnedByThread = 0;
inline constexpr char kOwnedByGenerator = 1;
inline constexpr char kOwnedByFrameObject = 2;
inline constexpr char kOwnedByCStack = 3;  // 3.14: by the interpreter; what follows is shims too

// The layout of CPython 3.`minor`, or nullptr when we do not know it. From 3.13 on the interpreter
// has the last word: debug_offsets.h.
const Layout* FindLayout(int minor) noexcept;

}  // namespace memwhy::cpython
