// SPDX-License-Identifier: Apache-2.0
//
// Names for addresses of native code, by module. Ask for all addresses of a module at once: that
// costs little more than one. What is known comes from a session's own `symbols` folder (memwhy
// symbols pack), then from the cache, then from the module and its debug file. An address that is a
// return address is asked for as address - 1. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "symbols/isolated.h"
#include "symbols/location.h"

namespace memwhy::symbols {

struct SymbolizerOptions {
  std::vector<std::string> debug_folders = {"/usr/lib/debug"};
  std::string cache_folder = {};   // "": nothing is kept
  std::string packed_folder = {};  // "": none; what it has is believed whatever the files are now
  Bounds bounds = {};
};

// $XDG_CACHE_HOME/memwhy/symbols, else ~/.cache/memwhy/symbols; "" without a home.
std::string DefaultCacheFolder();

class Symbolizer {
 public:
  explicit Symbolizer(SymbolizerOptions options) : options_(std::move(options)) {}

  // One entry for each address, in their order; empty where nothing is known.
  std::vector<Locations> Resolve(const Module& module, std::span<const std::uint64_t> addresses);

  // What could not be read and why: one line for each module.
  const std::vector<std::string>& problems() const { return problems_; }

  // Writes what is known of the module to `folder`, by build-id, for packed_folder elsewhere.
  // Nothing is written of a module without build-id: an error.
  Result<void> Pack(const Module& module, const std::string& folder) const;

 private:
  struct Known {
    Answers answers;
    bool is_loaded = false;  // packed and cached answers were looked up
    bool is_unreadable = false;
  };

  void Load(const Module& module, Known* known) const;
  void Ask(const Module& module, const std::vector<std::uint64_t>& addresses, Known* known);

  SymbolizerOptions options_;
  std::map<Module, Known> known_;
  std::vector<std::string> problems_;
};

}  // namespace memwhy::symbols
