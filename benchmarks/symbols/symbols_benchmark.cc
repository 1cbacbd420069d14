// SPDX-License-Identifier: Apache-2.0
//
// usage: symbols_benchmark MODULE CACHE|- < addresses in hexadecimal, one a line
// Prints the seconds that the answer took on stderr, and for each address a line on stdout: number
// of frames, outermost function, lines.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <iostream>

#include "base/regular_file.h"
#include "symbols/debug_search.h"
#include "symbols/symbolizer.h"

int main(int argc, char** argv) {
  using namespace memwhy;
  if (argc != 3) return 2;
  const auto file = OpenRegular(argv[1], "a module");
  if (!file) return 2;
  std::vector<std::uint64_t> addresses;
  for (std::string line; std::getline(std::cin, line);) {
    addresses.push_back(std::stoull(line, nullptr, 16));
  }
  const std::string cache = argv[2];
  symbols::Symbolizer symbolizer({.cache_folder = cache == "-" ? "" : cache});
  const auto begin = std::chrono::steady_clock::now();
  const auto found = symbolizer.Resolve({argv[1], symbols::BuildIdOf(file->fd.get())}, addresses);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  fmt::print(stderr, "{:.4f}\n", seconds.count());
  for (const symbols::Locations& one : found) {
    fmt::print("{}\t{}", one.size(), one.empty() ? "" : one.back().function);
    for (const symbols::Location& frame : one) fmt::print("\t{}", frame.line);
    fmt::print("\n");
  }
  for (const std::string& problem : symbolizer.problems()) fmt::print(stderr, "{}\n", problem);
  return 0;
}
