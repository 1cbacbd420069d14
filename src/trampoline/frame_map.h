// SPDX-License-Identifier: Apache-2.0
//
// The map file of a process, FOLDER/frames.PID: which stub belongs to which Python function.
// Text, one record a line, fields apart by one tab; in names '\\', tab and newline are written as
// "\\\\", "\\t", "\\n". Numbers are decimal, addresses hexadecimal without "0x".
//
//   memwhy-frames 1 VERSION EXECUTABLE   first line; VERSION is that of Py_GetVersion, "3.11.2"
//   parent PID BYTES                     a forked child: what the parent had written up to then
//   code ID LINE FILE FUNCTION           a code object; LINE is the first of the function
//   stub ADDRESS BYTES CODE CALLER LINE  CALLER is the code that called, LINE where; 0: not known
//   allocator NAME                       of PyMem_Malloc: "malloc", "pymalloc", ...
//   stop WHY                             from here on calls get no stubs
//
// IDs count from 1. The file is opened for each record and appended to, so that a program that
// closes all its descriptors loses nothing; what cannot be written stops the stubs.
// Context: the GIL is held. Allocates: never.
#pragma once

#include <cstddef>
#include <cstdint>

namespace memwhy::trampoline {

class FrameMap {
 public:
  // False: the file cannot be made. `folder` must live for ever.
  bool Begin(const char* folder, const char* version) noexcept;
  bool Code(std::uint32_t id, int first_line, const char* file, const char* function) noexcept;
  bool Stub(std::uintptr_t address, std::size_t bytes, std::uint32_t code, std::uint32_t caller,
            int line) noexcept;
  void Allocator(const char* name) noexcept { Word("allocator\t", name); }
  void Stop(const char* why) noexcept { Word("stop\t", why); }

 private:
  void Word(const char* record, const char* text) noexcept;
  bool Append(const char* text, std::size_t size) noexcept;
  bool Create() noexcept;

  const char* folder_ = nullptr;
  char version_[32] = "";
  int pid_ = 0;
  std::uint64_t written_ = 0;  // bytes of the current process's file
};

}  // namespace memwhy::trampoline
