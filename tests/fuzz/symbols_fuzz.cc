// SPDX-License-Identifier: Apache-2.0
//
// Symbols of native code. The first byte says what follows: 0 a file of answers, else an ELF file
// with its debug data. libdw is no code of ours, and on some files it reads where nothing is: as in
// the product, it runs in a child with bounds, so what is tried here is that every file is
// survived, that every address gets its entry, and what we do with what libdw says.
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz_input.h"
#include "symbols/demangle.h"
#include "symbols/isolated.h"
#include "symbols/resolve_module.h"

namespace {

using namespace memwhy;

// The product asks in a child; with MEMWHY_FUZZ_IN_PROCESS the sanitizers see libdw's callers.
Result<symbols::Answers> Ask(const symbols::Module& module,
                             std::span<const std::uint64_t> addresses) {
  const symbols::ResolveOptions options{.debug_folders = {}};
  if (std::getenv("MEMWHY_FUZZ_IN_PROCESS") != nullptr) {
    return symbols::ResolveModule(module, addresses, options);
  }
  return symbols::ResolveIsolated(module, addresses, options,
                                  {.cpu_seconds = 10, .bytes = std::uint64_t{1} << 40});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span<const std::uint8_t> rest(data + 1, size - 1);
  if (data[0] == 0) {
    const auto answers = symbols::DecodeAnswers(rest);
    if (answers) {
      MEMWHY_FUZZ_EXPECT(*symbols::DecodeAnswers(symbols::EncodeAnswers(*answers)) == *answers);
    }
    return 0;
  }
  const int fd = memfd_create("module", MFD_CLOEXEC);
  MEMWHY_FUZZ_EXPECT(fd >= 0);
  MEMWHY_FUZZ_EXPECT(write(fd, rest.data(), rest.size()) == static_cast<ssize_t>(rest.size()));
  std::vector<std::uint64_t> addresses;
  for (std::uint64_t address = 0; address < 0x5000; address += 0x10) addresses.push_back(address);
  const auto answers = Ask({"/proc/self/fd/" + std::to_string(fd), ""}, addresses);
  if (answers) {
    MEMWHY_FUZZ_EXPECT(answers->by_address.size() == addresses.size());
    for (const auto& [address, locations] : answers->by_address) {
      for (const symbols::Location& one : locations) {
        MEMWHY_FUZZ_EXPECT(one.line >= 0 && one.function.size() <= symbols::kMaxName);
      }
    }
  }
  close(fd);
  return 0;
}
