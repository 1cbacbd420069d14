// SPDX-License-Identifier: Apache-2.0
//
// One stack of Python, Cython and C frames from a stack of C frames that valgrind saw and the map
// of Python stubs. An address inside a stub is a call of a Python function; the stub also says who
// called, so that each Python frame is checked against the next one outwards: what does not fit is
// inserted as a frame of its own (a call that the interpreter made without its evaluator) and makes
// the stack not exact. Frames of the interpreter are left out, but for the function of its API that
// an extension called. Entry and body of a Cython function are one frame. Pure.
#pragma once

#include <string>
#include <vector>

#include "model/frame.h"
#include "model/memcheck.h"
#include "model/python_stubs.h"

namespace memwhy::analysis {

// Whose code a C frame is.
enum class NativeOwner : unsigned char {
  kTool,         // valgrind's own, and our trampoline
  kInterpreter,  // the executable or libpython
  kSystem,       // libc, libstdc++, the loader
  kExtension,    // everything else: an extension module, or a library below one
  kUnknown,      // an address in no file
};

// `executable`: of the interpreter, "" when it is not known.
NativeOwner OwnerOf(const model::NativeFrame& frame, const std::string& executable);

// A frame of C, or of Cython where its name or its file says so.
model::Frame NativeFrameOf(const model::NativeFrame& native);

struct MergedFrame {
  model::Frame frame;
  NativeOwner owner = NativeOwner::kUnknown;  // of a C or Cython frame
  int first_line = 0;                         // of a Python function
};

struct MergedStack {
  std::vector<MergedFrame> frames;  // leaf first
  bool is_exact = true;             // each Python frame fits to the next
  bool has_python = false;
  std::string allocator;  // "malloc": what the tool stands in for, innermost; "" for none
};

MergedStack MergeMemcheckStack(const std::vector<model::NativeFrame>& frames,
                               const model::PythonStubs& stubs);

// Whether two stacks of two runs are the same: by names, not by addresses.
std::string StackKey(const MergedStack& stack);

}  // namespace memwhy::analysis
