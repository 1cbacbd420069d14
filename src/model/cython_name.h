// SPDX-License-Identifier: Apache-2.0
//
// What a function's name in C code made by Cython stands for. The names (Cython's Naming.py):
//   __pyx_pw_4fast_5Cache_3put   the entry that Python calls: module fast, class Cache, put
//   __pyx_pf_4fast_5Cache_2put   its body; "3" and "2" are counters
//   __pyx_f_4fast_lookup         a cdef function, without a counter
//   __pyx_pymod_exec_fast        the module's own code
// "4leak_it" may be the counter 4 and leak_it, or a class leak and it: before a small letter it is
// taken for a counter. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace memwhy::model {

struct CythonName {
  std::string module;    // "pack.fast"
  std::string function;  // "Cache.put", "<module>"
  friend bool operator==(const CythonName&, const CythonName&) = default;
};

// `library`: the base name of the extension's file, "fast.cpython-311-x86_64-linux-gnu.so"; it
// tells where the module's name ends. nullopt: no function of a .pyx file.
std::optional<CythonName> ReadCythonName(std::string_view symbol, std::string_view library);

// Whether it is a helper that Cython adds to every module.
bool IsCythonHelper(std::string_view symbol);

}  // namespace memwhy::model
