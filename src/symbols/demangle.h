// SPDX-License-Identifier: Apache-2.0
//
// Readable names of C++ (and of Rust in its C++-like form). Names are hostile input: what is longer
// than kMaxMangled stays as it is, what becomes longer than kMaxName is cut. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace memwhy::symbols {

inline constexpr std::size_t kMaxMangled = 2048;
inline constexpr std::size_t kMaxName = 1024;

std::string Demangle(std::string_view name);

}  // namespace memwhy::symbols
