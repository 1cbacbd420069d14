// SPDX-License-Identifier: Apache-2.0
#include "symbols/resolve_module.h"

#include <elfutils/libdwfl.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <memory>
#include <optional>

#include "base/strings.h"
#include "symbols/debug_search.h"
#include "symbols/demangle.h"
#include "symbols/elf_names.h"
#include "symbols/inline_walk.h"

namespace memwhy::symbols {
namespace {

struct EndDwfl {
  void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
};

// A module and its debug file, if it has one of its own.
struct Files {
  FoundFile module;
  std::optional<FoundFile> debug;
};

Result<Files> FindFiles(const Module& module, const ResolveOptions& options) {
  const DebugSearch search(options.debug_folders);
  MEMWHY_TRY(FoundFile found, search.Module(module.path, module.build_id));
  const int fd = found.file.fd.get();
  const DebugLink link = DebugLinkOf(fd);
  auto debug = search.DebugFile(found.path, BuildIdOf(fd), link.name, link.checksum);
  return Files{std::move(found), std::move(debug)};
}

std::string Identity(const FoundFile& found) {
  struct stat status{};
  if (fstat(found.file.fd.get(), &status) != 0) return found.path;
  return fmt::format("{}:{}:{}.{}", found.path, status.st_size, status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec);
}

std::string Identity(const Files& files) {
  return Identity(files.module) + (files.debug ? "\n" + Identity(*files.debug) : "");
}

// libdwfl asks for the debug file: it gets the one that was found and verified, or none; it must
// never search by itself, as that may reach for a server.
int GiveDebugFile(Dwfl_Module*, void** userdata, const char*, Dwarf_Addr, const char*, const char*,
                  GElf_Word, char**) {
  auto* files = static_cast<Files*>(*userdata);
  return files == nullptr || !files->debug ? -1 : files->debug->file.fd.Release();
}

// The linker's name, where DWARF has none or only the last part ("method" of "Local::method(int)",
// of a function that is not exported).
void AddSymbol(const std::string& symbol, Locations* locations) {
  if (symbol.empty()) return;
  if (locations->empty()) locations->emplace_back();
  std::string& function = locations->back().function;
  if (!function.empty() && (Contains(function, "(") || !StartsWith(symbol, "_Z"))) return;
  std::string name = Demangle(symbol);
  if (Contains(name, function)) function = std::move(name);
}

const Dwfl_Callbacks kCallbacks = {.find_elf = dwfl_build_id_find_elf,
                                   .find_debuginfo = GiveDebugFile,
                                   .section_address = dwfl_offline_section_address,
                                   .debuginfo_path = nullptr};

}  // namespace

Result<std::string> SourcesOf(const Module& module, const ResolveOptions& options) {
  MEMWHY_TRY(const Files files, FindFiles(module, options));
  return Identity(files);
}

Result<Answers> ResolveModule(const Module& module, std::span<const std::uint64_t> addresses,
                              const ResolveOptions& options) {
  MEMWHY_TRY(Files files, FindFiles(module, options));
  Answers answers;
  answers.made_from = Identity(files);
  const std::unique_ptr<Dwfl, EndDwfl> dwfl(dwfl_begin(&kCallbacks));
  if (dwfl == nullptr) return Error::Of("libdw: {}", dwfl_errmsg(-1));
  dwfl_report_begin(dwfl.get());
  // At base 0 an address is counted as in the file.
  Dwfl_Module* loaded = dwfl_report_elf(dwfl.get(), "module", files.module.path.c_str(),
                                        files.module.file.fd.get(), 0, /*add_p_vaddr=*/true);
  if (loaded == nullptr) return Error::Of("{}: {}", files.module.path, dwfl_errmsg(-1));
  static_cast<void>(files.module.file.fd.Release());  // libdwfl's own now
  dwfl_report_end(dwfl.get(), nullptr, nullptr);
  void** userdata = nullptr;
  dwfl_module_info(loaded, &userdata, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
  *userdata = &files;

  Dwarf_Addr bias = 0;
  Dwarf* dwarf = options.with_dwarf ? dwfl_module_getdwarf(loaded, &bias) : nullptr;
  std::vector<Locations> found(addresses.size());
  if (dwarf != nullptr) {
    std::vector<std::uint64_t> biased(addresses.begin(), addresses.end());
    for (std::uint64_t& address : biased) address -= bias;
    if (bias == 0 || addresses.empty() || addresses.front() >= bias) {
      found = WalkInlines(dwarf, biased);
    }
  }
  const ElfNames names(loaded);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    AddSymbol(names.NameOf(addresses[i]), &found[i]);
    answers.by_address.emplace_hint(answers.by_address.end(), addresses[i], std::move(found[i]));
  }
  return answers;
}

}  // namespace memwhy::symbols
