// SPDX-License-Identifier: Apache-2.0
//
// What memcheck says of every program with an interpreter and is no mistake, in valgrind's syntax.
// Short on purpose: what the interpreter does by itself is subtracted by a run of its own.
#pragma once

namespace memwhy::diagnose {

inline constexpr char kSuppressions[] = R"(
# The loader keeps the names and search paths of what it loaded.
{
  memwhy: dlopen keeps its tables
  Memcheck:Leak
  match-leak-kinds: definite,possible
  fun:*alloc
  ...
  obj:*/ld-linux-x86-64.so.2
  ...
  fun:dlopen*
}
# Thread-local storage of threads that still run at the end.
{
  memwhy: storage of running threads
  Memcheck:Leak
  match-leak-kinds: possible
  fun:calloc
  ...
  fun:allocate_dtv
  ...
  fun:pthread_create*
}
)";

}  // namespace memwhy::diagnose
